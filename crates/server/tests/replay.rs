//! `clearwell replay` as a user runs it: it finds stale values where there are some, and none where there are none.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The race of late fills, on few keys so that it happens often.
const RACE: [&str; 7] = ["--race", "--requests", "60000", "--keys", "500", "--seed", "3"];

fn replay(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_clearwell"))
        .arg("replay")
        .args(arguments)
        .output()
        .expect("the binary was built for this test")
}

fn report(output: &Output) -> Value {
    let error = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON; it said: {error}"))
}

struct Redis {
    child: Child,
    addr: String,
}

impl Redis {
    /// A redis-server on a port that was free a moment ago.
    fn start() -> Redis {
        let free =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let mut child = Command::new("redis-server")
            .args(["--port", &free.port().to_string(), "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (apt-get install redis-server)");
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(free).is_err() {
            let ended = child.try_wait().expect("a child can be asked");
            assert!(ended.is_none() && Instant::now() < deadline, "redis-server does not listen: {ended:?}");
            std::thread::yield_now();
        }
        Redis { child, addr: free.to_string() }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _its_end_only = self.child.wait();
    }
}

#[test]
fn stale_values_are_found_on_a_cache_that_takes_late_fills() {
    let redis = Redis::start();
    let output = replay(&[&RACE[..], &["--json", "--addr", &redis.addr]].concat());
    let report = report(&output);
    assert_eq!(report["server"], "redis", "{report}");
    assert_eq!(report["errors"], 0, "{report}");
    assert!(report["staleReads"].as_u64() > Some(100), "{report}");
    assert!(report["firstStale"].as_str().is_some_and(|text| text.contains("replay:")), "{report}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn none_is_found_on_a_node_under_the_same_race() {
    let output = replay(&[&RACE[..], &["--json"]].concat());
    let report = report(&output);
    assert_eq!(report["server"], "clearwell", "{report}");
    assert_eq!((&report["staleReads"], &report["staleLeft"]), (&Value::from(0), &Value::from(0)), "{report}");
    assert_eq!(report["errors"], 0, "{report}");
    assert!(report["fillsRefused"].as_u64() > Some(100), "the race was not provoked: {report}");
    assert!(report["hits"].as_u64() > Some(10_000), "freshness must not be bought with misses: {report}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_malformed_trace_is_refused_with_its_line() {
    let redis = Redis::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("bad.txt");
    std::fs::write(&file, "1,10\n2,20\n3,many\n").expect("the folder is writable");
    let output = replay(&[file.to_str().expect("a path in UTF-8"), "--addr", &redis.addr]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        error.trim(),
        "clearwell: line 3 of the trace: expected key or key,size with a size in bytes, found 'many' for the size"
    );
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
}

#[test]
fn a_node_that_is_not_there_is_one_clear_line() {
    let free =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let output = replay(&["--addr", &free.to_string()]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.starts_with(&format!("clearwell: no connection to {free}: ")), "{error}");
    assert_eq!((error.lines().count(), output.status.code()), (1, Some(1)));
}
