//! Walks over many entries, and those who do not ask for one.

use std::net::TcpListener;
use std::sync::mpsc;

use clearwell::metrics::Metrics;
use clearwell::resp::serve;
use clearwell_engine::Change;

use crate::started::{Started, ask, batch};
use crate::support::{Raw, wait_for};

const ENTRIES: usize = 12_000;

/// One worker, and many entries.
fn crowded() -> Started {
    let mut started = Started::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    started.serving = serve(started.node.clone(), listener, None, 1, &Metrics::new()).expect("threads");
    let mut raw = started.connect();
    for start in (0..ENTRIES).step_by(1_000) {
        let pairs: String = (start..start + 1_000).map(|n| format!(" key:{n} v")).collect();
        assert_eq!(ask(&mut raw, &format!("MSET{pairs}")), "+OK\r\n");
    }
    started
}

/// Sends a request whose walk cannot end while the lock of `key:0` is held, and shows that another connection of the
/// worker is answered meanwhile; the reply after the lock is let go, and the one to the request behind it.
fn walked(started: &Started, request: &str) -> (Vec<u8>, Vec<u8>) {
    let (hold, held) = mpsc::channel();
    let (let_go, gone) = mpsc::channel::<()>();
    let node = started.node.clone();
    let holder = std::thread::spawn(move || {
        let changed = node.update(b"key:0", node.clock().now(), |_| {
            hold.send(()).expect("the test waits");
            gone.recv().expect("the test lets go");
            (Change::Keep, ())
        });
        changed.expect("nothing to store");
    });
    held.recv().expect("the lock is held");
    let (mut walker, mut other) = (started.connect(), started.connect());
    assert!(walker.send(&batch(&[request, "ECHO next"])));
    let name = request.split(' ').next().expect("a name").to_ascii_lowercase();
    wait_for("the walk to have begun", || {
        ask(&mut other, "CLIENT LIST").contains(&format!("cmd={name} ")).then_some(())
    });
    assert_eq!(ask(&mut other, "PING"), "+PONG\r\n");
    let_go.send(()).expect("the holder waits");
    holder.join().expect("no panic");
    let reply = |raw: &mut Raw| raw.reply().expect("a reply");
    (reply(&mut walker), reply(&mut walker))
}

#[test]
fn a_walk_over_many_entries_holds_up_nobody_but_its_own_connection() {
    let started = crowded();
    let cases = [
        ("CW.INVALIDATE PATTERN key:* DRYRUN", format!("*6\r\n$7\r\nreached\r\n:{ENTRIES}\r\n")),
        ("CW.INVALIDATE TAGS 1 none DRYRUN", "*6\r\n$7\r\nreached\r\n:0\r\n".to_owned()),
        ("CW.INVALIDATE PREFIX nothing", "*6\r\n$7\r\nreached\r\n:0\r\n".to_owned()),
        ("CW.INVALIDATE PATTERN key:*", format!("*6\r\n$7\r\nreached\r\n:{ENTRIES}\r\n")),
    ];
    for (request, expected) in cases {
        let (reply, next) = walked(&started, request);
        let reply = String::from_utf8_lossy(&reply).into_owned();
        assert!(reply.starts_with(&expected), "{request}: {reply}");
        assert_eq!(next, b"$4\r\nnext\r\n", "the connection's order is kept");
    }
    let started = crowded();
    let (reply, _) = walked(&started, "FLUSHALL");
    assert_eq!(reply, b"+OK\r\n");
    assert_eq!(ask(&mut started.connect(), "DBSIZE"), ":0\r\n");
}

#[test]
fn in_a_transaction_a_walk_has_its_place_among_the_others() {
    let started = crowded();
    let mut raw = started.connect();
    let requests =
        ["MULTI", "SET key:new v", "CW.INVALIDATE PREFIX key: DRYRUN", "FLUSHALL", "DBSIZE", "EXEC"];
    assert!(raw.send(&batch(&requests)));
    let replies: Vec<_> = requests.iter().filter_map(|_| raw.reply()).collect();
    let exec = String::from_utf8_lossy(&replies[5]).into_owned();
    assert!(exec.starts_with(&format!("*4\r\n+OK\r\n*6\r\n$7\r\nreached\r\n:{}\r\n", ENTRIES + 1)), "{exec}");
    assert!(exec.ends_with("+OK\r\n:0\r\n"), "{exec}");
}

#[test]
fn long_listings_are_complete() {
    let started = crowded();
    let mut raw = started.connect();
    assert!(ask(&mut raw, "KEYS key:*").starts_with(&format!("*{ENTRIES}\r\n")));
    ask(&mut raw, "CW.SET page b DEPENDS 1 key:1");
    assert!(ask(&mut raw, "CW.DEPENDENCIES key:1").ends_with("dependents\r\n*1\r\n$4\r\npage\r\n"));
}
