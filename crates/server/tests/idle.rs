//! What a node costs that does nothing.

mod support;

use std::time::{Duration, Instant};

use support::{Kind, Raw, Server, wait_for};

/// A wake costs some hundred microseconds on an idle machine, so that 0.3 % of a core are some thirty. What is allowed here is above
/// what a busy machine makes of them, and far below one thread more that wakes each ten milliseconds.
const WAKES_A_SECOND: u64 = 60;

/// How often the threads of a process have gone to sleep so far.
fn wakes(process: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("a process has tasks");
    let of_one = |task: std::path::PathBuf| {
        // A thread may end between the listing and the look.
        let status = std::fs::read_to_string(task.join("status")).unwrap_or_default();
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count.map_or(0, |count| count.trim().parse::<u64>().expect("a number"))
    };
    tasks.map(|task| of_one(task.expect("an entry").path())).sum()
}

/// Measures second after second until one is quiet: a node is not idle as soon as it has started.
fn assert_falls_asleep(server: &Server) {
    let mut began = (Instant::now(), wakes(server.process.id()));
    let mut seen = Vec::new();
    wait_for("a second in which the node hardly wakes", || {
        let passed = began.0.elapsed();
        if passed < Duration::from_secs(1) {
            return None;
        }
        let now = wakes(server.process.id());
        let a_second = now.saturating_sub(began.1) * 1_000 / passed.as_millis() as u64;
        began = (Instant::now(), now);
        seen.push(a_second);
        println!("wakes a second: {seen:?}");
        (a_second <= WAKES_A_SECOND).then_some(())
    });
}

#[test]
fn an_idle_node_wakes_for_what_is_due_only() {
    let server = Server::start(Kind::Clearwell);
    assert_falls_asleep(&server);
    // It also falls asleep again, with connections open and with entries that expire later.
    let mut client: Raw = server.connect();
    client.call(&["GET", "post:1"]);
    client.call(&["SET", "a", "1", "PX", "20000"]);
    client.call(&["CW.INVALIDATE", "KEYS", "1", "b", "MODE", "delayed", "60000"]);
    assert_falls_asleep(&server);
    assert_eq!(client.call(&["GET", "a"]), b"$1\r\n1\r\n");
}
