//! INFO: the text, section by section. Facts stand here; figures come from their table (`metrics/figure`).

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

use clearwell_engine::Millis;
use clearwell_protocol::Args;

use super::route::Routing;
use super::server::Server;
use super::{policy, process};
use crate::figures::{self, Snapshot};

/// The Redis version whose commands and replies clients may expect. Client-side caching asks for 7.4; versions from 8 on
/// are asked for more than is here.
pub const REDIS_VERSION: &str = "7.4.0";

type Section = (&'static str, fn(&Server, &mut String, InfoReader), bool);

/// Who reads it.
#[derive(Clone, Copy)]
pub struct InfoReader {
    /// When.
    pub now: Millis,
    /// What the connection is answered about keys that other nodes serve.
    pub routing: Routing,
}

/// Name, text, and whether INFO tells it without being asked.
const SECTIONS: &[Section] = &[
    ("Server", server, true),
    ("Clients", clients, true),
    ("Memory", memory, true),
    ("Persistence", persistence, true),
    ("Sources", sources, true),
    ("Stats", stats, true),
    ("Replication", replication, true),
    ("CPU", cpu, true),
    ("Modules", |_, _, _| (), true),
    ("Commandstats", commandstats, false),
    ("Errorstats", errorstats, true),
    ("Latencystats", latencystats, false),
    ("Cluster", cluster, true),
    ("Keyspace", keyspace, true),
];

/// The sections that are asked for, in their order; `default` ones when none is.
pub fn text(server: &Server, asked: Args<'_>, reader: InfoReader) -> String {
    let is_asked = |name: &str| asked.iter().any(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    let all = is_asked("all") || is_asked("everything");
    let default = asked.is_empty() || is_asked("default");
    let mut out = String::with_capacity(8192);
    let mut snapshot = None;
    for (name, write, is_default) in SECTIONS {
        if all || (default && *is_default) || is_asked(name) {
            let separator = if out.is_empty() { "" } else { "\r\n" };
            line(&mut out, format_args!("{separator}# {name}"));
            write(server, &mut out, reader);
            let snapshot = snapshot.get_or_insert_with(|| Snapshot::take(&server.node, &server.metrics));
            figures::info(snapshot, name, &mut out);
        }
    }
    out
}

/// Writing to a string cannot fail.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
    out.push_str("\r\n");
}

macro_rules! lines {
    ($out:expr, $($name:literal = $value:expr),* $(,)?) => {
        $(line($out, format_args!(concat!($name, ":{}"), $value));)*
    };
}

fn server(server: &Server, out: &mut String, reader: InfoReader) {
    let uptime = server.began.elapsed().as_secs();
    lines!(
        out,
        "redis_version" = REDIS_VERSION,
        "redis_git_sha1" = "00000000",
        "redis_git_dirty" = 0,
        "redis_build_id" = format_args!("{:016x}", server.node.run_id()),
        "redis_mode" = reader.routing.mode(),
        "server_name" = "clearwell",
        "clearwell_version" = env!("CARGO_PKG_VERSION"),
        "os" = process::os(),
        "arch_bits" = usize::BITS,
        "monotonic_clock" = "POSIX clock_gettime",
        "multiplexing_api" = "tokio",
        "process_id" = std::process::id(),
        "run_id" = format_args!("{:040x}", server.node.run_id()),
        "tcp_port" = server.address.port(),
        "server_time_usec" = server.node.clock().unix_ms().saturating_mul(1000),
        "uptime_in_days" = uptime / 86_400,
        "hz" = 1000,
        "configured_hz" = 1000,
        "executable" = std::env::current_exe().unwrap_or_default().display(),
        "io_threads_active" = u8::from(server.workers.len() > 1),
    );
}

fn clients(server: &Server, out: &mut String, _reader: InfoReader) {
    let all = server.registry.all();
    let most_input = all.iter().map(|client| client.activity.input_bytes.load(Relaxed)).max().unwrap_or(0);
    let most_output = all.iter().map(|client| client.activity.output_bytes.load(Relaxed)).max().unwrap_or(0);
    let watching = all.iter().filter(|client| client.activity.watched.load(Relaxed) > 0).count();
    let watched: usize = all.iter().map(|client| client.activity.watched.load(Relaxed)).sum();
    lines!(
        out,
        "connected_clients" = all.len(),
        "cluster_connections" = 0,
        "maxclients" = server.settings.max_clients.load(Relaxed),
        "client_recent_max_input_buffer" = most_input,
        "client_recent_max_output_buffer" = most_output,
        "blocked_clients" = 0,
        "tracking_clients" = 0,
        "pubsub_clients" = server.channels.clients(),
        "watching_clients" = watching,
        "clients_in_timeout_table" = 0,
        "total_watched_keys" = watched,
        "total_blocking_keys" = 0,
    );
}

fn memory(server: &Server, out: &mut String, _reader: InfoReader) {
    let account = server.node.account();
    let used = account.memory_bytes;
    let (resident, peak) = (process::resident_bytes(), process::peak_resident_bytes());
    let most = server.node.config().max_memory;
    let ratio = if used == 0 { 0.0 } else { resident as f64 / used as f64 };
    lines!(
        out,
        "used_memory_human" = human(used),
        "used_memory_rss" = resident,
        "used_memory_rss_human" = human(resident),
        "used_memory_peak" = peak,
        "used_memory_peak_human" = human(peak),
        "used_memory_dataset" = used,
        "total_system_memory" = process::machine_bytes(),
        "total_system_memory_human" = human(process::machine_bytes()),
        "maxmemory_human" = human(most),
        "maxmemory_policy" = policy::word(server.node.eviction()),
        "mem_fragmentation_ratio" = format_args!("{ratio:.2}"),
        "mem_fragmentation_bytes" = resident.saturating_sub(used),
        "mem_allocator" = "system",
        "lazyfree_pending_objects" = 0,
    );
}

/// Bytes as a person reads them.
fn human(bytes: u64) -> String {
    let value = bytes as f64;
    match bytes {
        ..=1023 => format!("{bytes}B"),
        1024..=0xF_FFFF => format!("{:.2}K", value / 1024.0),
        0x10_0000..=0x3FFF_FFFF => format!("{:.2}M", value / f64::from(1 << 20)),
        _ => format!("{:.2}G", value / f64::from(1 << 30)),
    }
}

fn persistence(server: &Server, out: &mut String, _reader: InfoReader) {
    let began = server.node.clock().unix_ms().saturating_div(1000);
    let began = began.saturating_sub(i64::try_from(server.began.elapsed().as_secs()).unwrap_or(0));
    lines!(
        out,
        "loading" = 0,
        "async_loading" = 0,
        "rdb_changes_since_last_save" = 0,
        "rdb_bgsave_in_progress" = 0,
        "rdb_last_save_time" = began,
        "rdb_last_bgsave_status" = "ok",
        "aof_enabled" = 0,
        "aof_rewrite_in_progress" = 0,
        "aof_last_bgrewrite_status" = "ok",
        "aof_last_write_status" = "ok",
    );
}

/// Why changes of a source may be missed, while they may; its figures are the table's.
fn sources(server: &Server, out: &mut String, reader: InfoReader) {
    for feed in server.node.feeds() {
        let name = &feed.source;
        for keyspace in feed.neglected() {
            let why = keyspace.why.replace(['\r', '\n'], " ");
            line(out, format_args!("source_{name}_unfollowed_why:{}: {why}", keyspace.keyspace));
        }
        if let Some(doubt) = &feed.figures.doubt {
            let (seconds, why) = (reader.now.since(doubt.since) / 1000, doubt.why.replace(['\r', '\n'], " "));
            line(out, format_args!("source_{name}_unverified_seconds:{seconds}"));
            line(out, format_args!("source_{name}_unverified_why:{why}"));
        }
    }
}

fn stats(server: &Server, out: &mut String, _reader: InfoReader) {
    let sample = server.sample();
    let rates = server.meter.rates(sample);
    let (channels, patterns) = server.channels.counts();
    let errors: u64 = server.errors().iter().map(|(_, count)| count).sum();
    lines!(
        out,
        "total_connections_received" = server.registry.received.load(Relaxed),
        "total_commands_processed" = sample.commands,
        "instantaneous_ops_per_sec" = format_args!("{:.0}", rates.commands),
        "total_net_input_bytes" = sample.input_bytes,
        "total_net_output_bytes" = sample.output_bytes,
        "instantaneous_input_kbps" = format_args!("{:.2}", rates.input_bytes / 1024.0),
        "instantaneous_output_kbps" = format_args!("{:.2}", rates.output_bytes / 1024.0),
        "rejected_connections" = server.registry.rejected.load(Relaxed),
        "sync_full" = 0,
        "sync_partial_ok" = 0,
        "sync_partial_err" = 0,
        "pubsub_channels" = channels,
        "pubsub_patterns" = patterns,
        "pubsubshard_channels" = 0,
        "latest_fork_usec" = 0,
        "tracking_total_keys" = 0,
        "tracking_total_items" = 0,
        "tracking_total_prefixes" = 0,
        "total_error_replies" = errors,
    );
}

fn replication(server: &Server, out: &mut String, _reader: InfoReader) {
    lines!(
        out,
        "role" = "master",
        "connected_slaves" = 0,
        "master_failover_state" = "no-failover",
        "master_replid" = format_args!("{:040x}", server.node.run_id()),
        "master_replid2" = format_args!("{:040x}", 0),
        "master_repl_offset" = server.node.position().0,
        "second_repl_offset" = -1,
        "repl_backlog_active" = 0,
        "repl_backlog_size" = 0,
        "repl_backlog_first_byte_offset" = 0,
        "repl_backlog_histlen" = 0,
    );
}

fn cpu(_server: &Server, out: &mut String, _reader: InfoReader) {
    let (system, user) = process::cpu_seconds();
    lines!(
        out,
        "used_cpu_sys" = format_args!("{system:.6}"),
        "used_cpu_user" = format_args!("{user:.6}"),
        "used_cpu_sys_children" = "0.000000",
        "used_cpu_user_children" = "0.000000",
    );
}

fn commandstats(server: &Server, out: &mut String, _reader: InfoReader) {
    for (command, counts) in server.counts() {
        let micros = counts.nanos as f64 / 1000.0;
        let per_call = counts.average_ms() * 1000.0;
        line(
            out,
            format_args!(
                "cmdstat_{}:calls={},usec={micros:.0},usec_per_call={per_call:.2},rejected_calls={},failed_calls={}",
                command.name, counts.count, counts.rejected, counts.failed
            ),
        );
    }
}

fn errorstats(server: &Server, out: &mut String, _reader: InfoReader) {
    for (word, count) in server.errors() {
        line(out, format_args!("errorstat_{word}:count={count}"));
    }
}

fn latencystats(server: &Server, out: &mut String, _reader: InfoReader) {
    if !server.settings.latency_tracking.load(Relaxed) {
        return;
    }
    for (command, counts) in server.counts() {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| counts.quantile_nanos(share) as f64 / 1000.0);
        let name = command.name;
        line(out, format_args!("latency_percentiles_usec_{name}:p50={p50:.3},p99={p99:.3},p99.9={p999:.3}"));
    }
}

fn cluster(_server: &Server, out: &mut String, reader: InfoReader) {
    lines!(out, "cluster_enabled" = u8::from(reader.routing == Routing::Redirect));
}

fn keyspace(server: &Server, out: &mut String, _reader: InfoReader) {
    let account = server.node.account();
    let keys = account.entries.saturating_sub(account.negative_entries);
    if keys > 0 {
        let expires = account.entries_with_ttl.min(keys);
        line(out, format_args!("db0:keys={keys},expires={expires},avg_ttl=0,subexpiry=0"));
    }
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn bytes_are_shown_as_redis_shows_them() {
        assert_eq!([0, 1023, 1024, 1 << 20, 3 << 29].map(human), ["0B", "1023B", "1.00K", "1.00M", "1.50G"]);
    }
}
