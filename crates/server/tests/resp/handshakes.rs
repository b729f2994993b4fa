//! What clients send before anything else, as they send it.

use crate::started::{Started, ask, batch};

#[test]
fn what_clients_pipeline_at_connect_is_answered_in_order_and_politely_refused() {
    let started = Started::new();
    let mut raw = started.connect();
    let requests = [
        "HELLO 3",
        "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-ip",
        "CLIENT SETINFO LIB-NAME redis-py",
        "CLIENT SETINFO LIB-VER 8.1.0",
        "CLIENT TRACKING ON",
        "SELECT 0",
        "PING",
    ];
    assert!(raw.send(&batch(&requests)));
    let replies: Vec<_> = requests.iter().filter_map(|_| raw.reply()).collect();
    let hello = String::from_utf8_lossy(&replies[0]).into_owned();
    let expected = "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.4.";
    assert!(hello.starts_with(expected), "{hello}");
    let rest: Vec<_> = replies[1..].iter().map(|reply| String::from_utf8_lossy(reply).into_owned()).collect();
    assert_eq!(
        rest,
        [
            "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n",
            "+OK\r\n",
            "+OK\r\n",
            "-ERR unknown subcommand 'TRACKING'. Try CLIENT HELP.\r\n",
            "+OK\r\n",
            "+PONG\r\n",
        ]
    );
}

#[test]
fn hello_may_come_inline_with_a_login() {
    let started = Started::with("password = \"secret\"\n");
    let mut raw = started.connect();
    assert!(raw.send(b"HELLO 3 AUTH default secret\r\nCLIENT ID\r\n\r\nINFO server\r\n"));
    assert!(raw.reply().is_some_and(|reply| reply.starts_with(b"%7\r\n")));
    assert!(raw.reply().is_some_and(|reply| reply.starts_with(b":")));
    assert!(raw.reply().is_some_and(|reply| reply.starts_with(b"=") && reply.ends_with(b"\r\n")));
}

#[test]
fn a_ready_check_finds_a_node_that_has_loaded_and_says_what_it_evicts() {
    let started = Started::new();
    let mut raw = started.connect();
    let info = ask(&mut raw, "INFO");
    for line in [
        "loading:0\r\n",
        "maxmemory_policy:allkeys-adaptive\r\n",
        "role:master\r\n",
        "redis_mode:standalone\r\n",
    ] {
        assert!(info.contains(line), "{line:?} in {info}");
    }
    assert_eq!(
        ask(&mut raw, "CONFIG GET maxmemory-policy"),
        "*2\r\n$16\r\nmaxmemory-policy\r\n$16\r\nallkeys-adaptive\r\n"
    );
    ask(&mut raw, "HELLO 3");
    let verbatim = ask(&mut raw, "INFO memory");
    let (head, _) = verbatim.split_once("\r\n").expect("a header");
    let announced: usize = head.trim_start_matches('=').parse().expect("a length");
    assert_eq!(verbatim.len(), head.len() + 2 + announced + 2);
    assert!(verbatim.contains("\r\ntxt:# Memory\r\n"));
}
