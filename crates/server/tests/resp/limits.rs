//! What a client may not do, and what it costs the others.

use std::time::Duration;

use crate::started::{Started, ask, batch};
use crate::support::{encode, wait_for};

#[test]
fn what_breaks_the_protocol_is_told_and_ends_the_connection() {
    let cases: [(&[u8], &str); 12] = [
        (b"*abc\r\n", "invalid multibulk length"),
        (b"*1048577\r\n", "invalid multibulk length"),
        (b"*9223372036854775808\r\n", "invalid multibulk length"),
        (b"*1\r\n+PING\r\n", "expected '$', got '+'"),
        (b"*1\r\n*1\r\n$4\r\nPING\r\n", "expected '$', got '*'"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$abc\r\n", "invalid bulk length"),
        (b"*2\r\n$3\r\nGET\r\n$536870913\r\n", "invalid bulk length"),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$537919488\r\n", "invalid bulk length"),
        (b"PING \"unbalanced\r\n", "unbalanced quotes in request"),
        (&[b'x'; 70_000], "too big inline request"),
        (&[b'*'; 70_000], "too big mbulk count string"),
    ];
    let started = Started::new();
    for (input, text) in cases {
        let mut raw = started.connect();
        assert_eq!(ask(&mut raw, "PING"), "+PONG\r\n");
        raw.send(input);
        let reply = String::from_utf8_lossy(&raw.read_to_end()).into_owned();
        assert_eq!(reply, format!("-ERR Protocol error: {text}\r\n"));
    }
    let mut browser = started.connect();
    assert!(browser.send(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert_eq!(browser.read_to_end(), b"");
    assert_eq!(ask(&mut started.connect(), "PING"), "+PONG\r\n", "others go on");
}

#[test]
fn a_client_that_does_not_read_is_not_served_further_and_loses_nothing() {
    const VALUE: usize = 1 << 20;
    const REQUESTS: usize = 200;
    let started = Started::new();
    let mut lazy = started.connect();
    let value = vec![b'v'; VALUE];
    assert_eq!(lazy.call(&[&b"SET"[..], b"big", &value]), b"+OK\r\n");
    let requests = batch(&["GET big"]).repeat(REQUESTS);
    assert!(lazy.send(&requests));
    // Others on the same worker are served meanwhile, and see that its output is bounded.
    let mut others = [started.connect(), started.connect()];
    for other in &mut others {
        assert_eq!(ask(other, "PING"), "+PONG\r\n");
        let list = ask(other, "CLIENT LIST");
        let held = list.split_whitespace().filter_map(|word| word.strip_prefix("rbs="));
        let most = held.map(|bytes| bytes.parse::<usize>().expect("a number")).max();
        assert!(most.is_some_and(|most| most < 8 * VALUE), "{list}");
    }
    for _ in 0..REQUESTS {
        assert_eq!(lazy.reply().map(|reply| reply.len()), Some(VALUE + 12));
    }
}

#[test]
fn an_announced_length_holds_no_memory_until_its_bytes_come() {
    let started = Started::new();
    let before = crate::support::rss_bytes(std::process::id());
    let mut silent: Vec<_> = (0..20).map(|_| started.connect()).collect();
    for raw in &mut silent {
        assert!(raw.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n12345"));
    }
    let mut watcher = started.connect();
    let list = ask(&mut watcher, "CLIENT LIST");
    let free = list.split_whitespace().filter_map(|word| word.strip_prefix("qbuf-free="));
    assert!(free.map(|bytes| bytes.parse::<usize>().expect("a number")).all(|bytes| bytes <= 256 << 10));
    let after = crate::support::rss_bytes(std::process::id());
    assert!(after < before + (100 << 20), "{before} bytes before, {after} after");
}

#[test]
fn values_of_any_bytes_and_megabytes_come_back_as_they_were() {
    let started = Started::new();
    let mut raw = started.connect();
    let value: Vec<u8> = (0..5_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let key = b"\x00key\r\n\xff";
    assert_eq!(raw.call(&[&b"SET"[..], key, &value]), b"+OK\r\n");
    let reply = raw.call(&[&b"GET"[..], key]);
    assert_eq!(&reply[..10], b"$5000000\r\n");
    assert!(reply[10..reply.len() - 2] == value);
    let too_large = vec![b'x'; 200 << 20];
    let reply = raw.call(&[&b"SET"[..], b"huge", &too_large]);
    let text = String::from_utf8_lossy(&reply);
    assert!(text.starts_with("-OOM the entry needs ") && text.contains("raise max_memory"), "{text}");
    assert_eq!(ask(&mut raw, "PING"), "+PONG\r\n");
}

#[test]
fn no_bytes_at_all_harm_the_server() {
    const SEED: u64 = 0x5EED_0CEA;
    const PIECES: [&[u8]; 16] = [
        b"*",
        b"$",
        b"\r\n",
        b"3",
        b"-1",
        b"SET",
        b"get",
        b"k",
        b"\"",
        b"'",
        b"\\x",
        b"\x00",
        b"\xff",
        b" ",
        b"MULTI\r\n",
        b"*1\r\n$4\r\nEXEC\r\n",
    ];
    println!("seed {SEED:#x}");
    let mut random = fastrand::Rng::with_seed(SEED);
    let started = Started::new();
    for _ in 0..300 {
        let pieces = random.usize(1..60);
        let input: Vec<u8> =
            (0..pieces).flat_map(|_| PIECES[random.usize(..PIECES.len())].iter().copied()).collect();
        let mut raw = started.connect();
        raw.send(&input);
        raw.finish_sending();
        let replies = raw.read_to_end();
        assert!(replies.is_empty() || replies.ends_with(b"\r\n"), "{input:?} was answered {replies:?}");
    }
    assert_eq!(ask(&mut started.connect(), "PING"), "+PONG\r\n");
    started.node.check().expect("sound books");
}

#[test]
fn one_client_too_many_is_told_so() {
    let started = Started::new();
    let mut first = started.connect();
    assert_eq!(ask(&mut first, "CONFIG SET maxclients 1"), "+OK\r\n");
    let mut second = started.connect();
    assert_eq!(second.read_to_end(), b"-ERR max number of clients reached\r\n");
    assert!(ask(&mut first, "INFO stats").contains("rejected_connections:1\r\n"));
    ask(&mut first, "CONFIG SET maxclients 10");
    assert_eq!(ask(&mut started.connect(), "PING"), "+PONG\r\n");
}

#[test]
fn a_transaction_without_end_is_refused() {
    let started = Started::new();
    let mut raw = started.connect();
    ask(&mut raw, "CONFIG SET client-query-buffer-limit 1mb");
    ask(&mut raw, "MULTI");
    let request = encode(&["SET", "k", &"v".repeat(100_000)]);
    let refused = (0..20).find(|_| {
        assert!(raw.send(&request));
        raw.reply().is_some_and(|reply| reply.starts_with(b"-ERR the transaction is larger"))
    });
    assert_eq!(refused, Some(10));
    assert!(ask(&mut raw, "EXEC").starts_with("-EXECABORT"));
}

#[test]
fn idle_connections_end_when_there_is_a_timeout() {
    let started = Started::new();
    let (mut idle, mut busy) = (started.connect(), started.connect());
    ask(&mut idle, "PING");
    ask(&mut busy, "CONFIG SET timeout 1");
    wait_for("the idle connection to be closed", || {
        let list = ask(&mut busy, "CLIENT LIST");
        (list.lines().filter(|line| line.contains("addr=")).count() == 1).then_some(())
    });
    assert_eq!(idle.read_to_end(), b"");
}

#[test]
fn stopping_answers_what_was_sent_and_ends() {
    let started = Started::new();
    let mut raw = started.connect();
    ask(&mut raw, "PING");
    let address = started.serving.address();
    started.serving.stop();
    assert_eq!(raw.read_to_end(), b"");
    assert!(std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err());
}
