//! What the server tells about itself.

use std::collections::HashMap;

use crate::started::{Started, ask};

/// The fields of INFO's text.
fn fields(text: &str) -> HashMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once(':')).collect()
}

#[test]
fn info_has_the_fields_that_tools_read() {
    let started = Started::new();
    let mut raw = started.connect();
    ask(&mut raw, "SET k v EX 100");
    ask(&mut raw, "GET k");
    ask(&mut raw, "GET nothing");
    let text = ask(&mut raw, "INFO all");
    let fields = fields(&text);
    let wanted = "redis_version redis_mode os arch_bits process_id run_id tcp_port uptime_in_seconds connected_clients \
        blocked_clients tracking_clients maxclients used_memory used_memory_human used_memory_rss used_memory_peak \
        maxmemory maxmemory_policy mem_fragmentation_ratio loading total_connections_received \
        total_commands_processed instantaneous_ops_per_sec rejected_connections expired_keys evicted_keys \
        keyspace_hits keyspace_misses pubsub_channels tracking_total_keys tracking_total_items \
        tracking_total_prefixes role connected_slaves master_repl_offset used_cpu_sys used_cpu_user cluster_enabled \
        db0 cmdstat_get latency_percentiles_usec_get server_name clearwell_version";
    for field in wanted.split_whitespace() {
        assert!(fields.get(field).is_some_and(|value| !value.is_empty()), "no {field} in {text}");
    }
    assert_eq!(fields["db0"], "keys=1,expires=1,avg_ttl=0,subexpiry=0");
    assert_eq!((fields["keyspace_hits"], fields["keyspace_misses"]), ("1", "1"));
    assert_eq!(fields["total_commands_processed"], "3");
    assert_eq!(fields["tcp_port"], started.serving.address().port().to_string());
    assert!(fields["cmdstat_get"].starts_with("calls=2,usec="), "{}", fields["cmdstat_get"]);
    assert!(fields["used_memory_rss"].parse::<u64>().is_ok_and(|bytes| bytes > 1 << 20));
}

#[test]
fn info_tells_the_sections_asked_for() {
    let started = Started::new();
    let mut raw = started.connect();
    let sections = |text: &str| text.lines().filter(|line| line.starts_with("# ")).count();
    assert_eq!(sections(&ask(&mut raw, "INFO")), 12);
    assert_eq!(sections(&ask(&mut raw, "INFO everything")), 14);
    assert_eq!(sections(&ask(&mut raw, "INFO server CLIENTS")), 2);
    assert_eq!(ask(&mut raw, "INFO nosuch"), "$0\r\n\r\n");
    ask(&mut raw, "HELLO 3");
    assert!(ask(&mut raw, "INFO cluster").contains("# Cluster\r\ncluster_enabled:0\r\n"));
}

/// As redis-server 7.0.15 answers without cluster support; it does so to CLUSTER HELP too, which is help here.
#[test]
fn a_node_alone_has_no_cluster_to_tell_of() {
    let started = Started::new();
    let mut raw = started.connect();
    for request in [
        "CLUSTER SLOTS",
        "cluster shards",
        "CLUSTER NODES",
        "CLUSTER INFO",
        "CLUSTER MYID",
        "CLUSTER KEYSLOT k",
        "CLUSTER COUNTKEYSINSLOT 1",
        "ASKING",
        "READONLY",
        "READWRITE",
    ] {
        assert_eq!(
            ask(&mut raw, request),
            "-ERR This instance has cluster support disabled\r\n",
            "{request}"
        );
    }
    assert_eq!(ask(&mut raw, "CLUSTER FOO"), "-ERR unknown subcommand 'FOO'. Try CLUSTER HELP.\r\n");
    let refused = ask(&mut raw, "CLUSTER KEYSLOT a b");
    assert_eq!(refused, "-ERR wrong number of arguments for 'cluster|keyslot' command\r\n");
}

#[test]
fn errors_are_counted_by_their_word_until_reset() {
    let started = Started::new();
    let mut raw = started.connect();
    ask(&mut raw, "NOSUCH");
    ask(&mut raw, "GET");
    ask(&mut raw, "SET k v");
    ask(&mut raw, "INCR k");
    ask(&mut raw, "AUTH bob x");
    let text = ask(&mut raw, "INFO errorstats");
    let counted = fields(&text);
    assert_eq!((counted["errorstat_ERR"], counted["errorstat_WRONGPASS"]), ("count=3", "count=1"));
    let text = ask(&mut raw, "INFO commandstats");
    assert!(fields(&text)["cmdstat_incr"].ends_with("rejected_calls=0,failed_calls=1"));
    assert!(fields(&text)["cmdstat_get"].ends_with("rejected_calls=1,failed_calls=0"));
    assert_eq!(ask(&mut raw, "CONFIG RESETSTAT"), "+OK\r\n");
    assert_eq!(ask(&mut raw, "INFO errorstats"), "$14\r\n# Errorstats\r\n\r\n");
    assert!(!ask(&mut raw, "INFO commandstats").contains("cmdstat_incr"));
}

#[test]
fn slow_commands_are_kept() {
    let started = Started::new();
    let mut raw = started.connect();
    ask(&mut raw, "CLIENT SETNAME tester");
    ask(&mut raw, "CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 2");
    ask(&mut raw, "SET k v");
    ask(&mut raw, "GET k");
    ask(&mut raw, "CONFIG SET slowlog-log-slower-than -1");
    assert_eq!(ask(&mut raw, "SLOWLOG LEN"), ":2\r\n");
    let log = ask(&mut raw, "SLOWLOG GET 1");
    assert!(log.starts_with("*1\r\n*6\r\n:"), "{log}");
    assert!(log.contains("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n$") && log.ends_with("$6\r\ntester\r\n"), "{log}");
    assert_eq!(ask(&mut raw, "SLOWLOG RESET"), "+OK\r\n");
    assert_eq!(ask(&mut raw, "SLOWLOG GET -1"), "*0\r\n");
}

#[test]
fn latency_histograms_count_every_call() {
    let started = Started::new();
    let mut raw = started.connect();
    (0..5).for_each(|_| drop(ask(&mut raw, "SET k v")));
    let histogram = ask(&mut raw, "LATENCY HISTOGRAM set nosuch");
    assert!(histogram.starts_with("*2\r\n$3\r\nset\r\n*4\r\n$5\r\ncalls\r\n:5\r\n$14\r\nhistogram_usec\r\n"));
    assert!(histogram.ends_with(":5\r\n"), "{histogram}");
}

#[test]
fn command_describes_the_table() {
    let started = Started::new();
    let mut raw = started.connect();
    let count = ask(&mut raw, "COMMAND COUNT").trim_matches([':', '\r', '\n']).to_owned();
    assert!(ask(&mut raw, "COMMAND").starts_with(&format!("*{count}\r\n*10\r\n")));
    assert!(ask(&mut raw, "COMMAND INFO get nosuch").ends_with("$-1\r\n"));
    ask(&mut raw, "HELLO 3");
    assert!(ask(&mut raw, "COMMAND DOCS get").starts_with("%1\r\n$3\r\nget\r\n%"));
    for container in ["CLIENT", "CONFIG", "OBJECT", "COMMAND", "SLOWLOG", "LATENCY", "MEMORY"] {
        let help = ask(&mut raw, &format!("{container} HELP"));
        assert!(help.contains(&format!("+{container} <subcommand>")), "{help}");
    }
}

#[test]
fn config_get_takes_globs_and_set_all_or_nothing() {
    let started = Started::new();
    let mut raw = started.connect();
    assert_eq!(ask(&mut raw, "CONFIG GET slowlog-*-len"), "*2\r\n$15\r\nslowlog-max-len\r\n$3\r\n128\r\n");
    assert_eq!(ask(&mut raw, "CONFIG SET databases 1 save \"\""), "+OK\r\n", "as it is");
    assert!(ask(&mut raw, "CONFIG SET timeout 5 databases 16").contains("can't set immutable config"));
    assert_eq!(ask(&mut raw, "CONFIG GET timeout"), "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n");
    let all = ask(&mut raw, "CONFIG GET *");
    assert!(all.contains("maxmemory-policy") && all.contains("proto-max-bulk-len"));
}

#[test]
fn keys_and_scan_find_every_key_once() {
    let started = Started::new();
    let mut raw = started.connect();
    for start in (0..20_000).step_by(1_000) {
        let pairs: String = (start..start + 1_000).map(|n| format!(" key:{n} v")).collect();
        assert_eq!(ask(&mut raw, &format!("MSET{pairs}")), "+OK\r\n");
    }
    assert_eq!(ask(&mut raw, "DBSIZE"), ":20000\r\n");
    assert!(ask(&mut raw, "KEYS *").starts_with("*20000\r\n"));
    assert!(ask(&mut raw, "KEYS key:1999?").starts_with("*10\r\n"));
    let (mut cursor, mut found) = (String::from("0"), 0);
    loop {
        let reply = ask(&mut raw, &format!("SCAN {cursor} MATCH key:*5 COUNT 500 TYPE string"));
        let mut lines = reply.split("\r\n").skip(2);
        cursor = lines.next().unwrap_or_default().to_owned();
        found += lines.filter(|line| line.starts_with("key:")).count();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(found, 2_000);
    assert!(ask(&mut raw, "RANDOMKEY").contains("key:"));
    assert_eq!(ask(&mut raw, "KEYS [a"), "*0\r\n", "what Redis takes for a pattern is one");
    let long = "a".repeat(1025);
    assert!(ask(&mut raw, &format!("KEYS {long}")).starts_with("-ERR malformed pattern: "));
}

#[test]
fn role_is_a_master_without_replicas_at_its_position() {
    let started = Started::new();
    let mut raw = started.connect();
    assert_eq!(ask(&mut raw, "ROLE"), "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    ask(&mut raw, "CW.INVALIDATE KEYS 1 k");
    assert_eq!(ask(&mut raw, "ROLE"), "*3\r\n$6\r\nmaster\r\n:1\r\n*0\r\n");
}

#[test]
fn time_is_the_wall_clock() {
    let started = Started::new();
    let reply = ask(&mut started.connect(), "TIME");
    let seconds: u64 = reply.split("\r\n").nth(2).and_then(|text| text.parse().ok()).expect("seconds");
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    assert!(seconds.abs_diff(now) <= 5, "{reply}");
}
