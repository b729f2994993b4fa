//! Requests: the exact texts of protocol errors, Redis's inline quotes, and what a client's word may reserve.

mod support;

use clearwell_protocol::{Limits, Parser, ProtocolError, Step};
use support::{Outcome, feed, feed_whole};

fn requests(input: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let Outcome { requests, error } = feed_whole(input, &Limits::default());
    assert_eq!(error, None, "{:?}", String::from_utf8_lossy(input));
    requests
}

fn words(input: &str) -> Vec<String> {
    let mut found = requests(input.as_bytes());
    assert_eq!(found.len(), 1, "{input:?} is one request");
    found.remove(0).into_iter().map(|word| String::from_utf8_lossy(&word).into_owned()).collect()
}

fn error_text(input: &[u8], limits: &Limits) -> String {
    feed_whole(input, limits).error.map(|error| error.to_string()).unwrap_or_default()
}

/// Each beside what Redis 7.0.15 answers.
const REFUSED: &[(&[u8], &str)] = &[
    (b"*+1\r\n$4\r\nPING\r\n", "ERR Protocol error: invalid multibulk length"),
    (b"*01\r\n$4\r\nPING\r\n", "ERR Protocol error: invalid multibulk length"),
    (b"*-0\r\n$4\r\nPING\r\n", "ERR Protocol error: invalid multibulk length"),
    (b"*\r\n$4\r\nPING\r\n", "ERR Protocol error: invalid multibulk length"),
    (b"* 1\r\n$4\r\nPING\r\n", "ERR Protocol error: invalid multibulk length"),
    (b"*x\r\n", "ERR Protocol error: invalid multibulk length"),
    (b"*1\n$4\r\nPING\r\n", "ERR Protocol error: invalid multibulk length"),
    (b"*2147483648\r\n", "ERR Protocol error: invalid multibulk length"),
    (b"*9223372036854775808\r\n", "ERR Protocol error: invalid multibulk length"),
    (b"*-9223372036854775809\r\n", "ERR Protocol error: invalid multibulk length"),
    (b"*1\r\n$+4\r\nPING\r\n", "ERR Protocol error: invalid bulk length"),
    (b"*1\r\n$04\r\nPING\r\n", "ERR Protocol error: invalid bulk length"),
    (b"*1\r\n$-1\r\n", "ERR Protocol error: invalid bulk length"),
    (b"*1\r\n$\r\n", "ERR Protocol error: invalid bulk length"),
    (b"*1\r\n$536870913\r\n", "ERR Protocol error: invalid bulk length"),
    (b"*1\r\n+4\r\n", "ERR Protocol error: expected '$', got '+'"),
    (b"*1\r\n:4\r\n", "ERR Protocol error: expected '$', got ':'"),
    (b"*1\r\n*1\r\n$4\r\nPING\r\n", "ERR Protocol error: expected '$', got '*'"),
    (b"*1\r\n\r\n", "ERR Protocol error: expected '$', got ' '"),
    (b"ECHO \"ab\"c\r\n", "ERR Protocol error: unbalanced quotes in request"),
    (b"ECHO \"ab\r\n", "ERR Protocol error: unbalanced quotes in request"),
    (b"ECHO 'ab\r\n", "ERR Protocol error: unbalanced quotes in request"),
    (b"ECHO \"a\\\"\r\n", "ERR Protocol error: unbalanced quotes in request"),
    (b"ECHO \"a\\\r\n", "ERR Protocol error: unbalanced quotes in request"),
];

#[test]
fn protocol_errors_have_redis_texts() {
    for (input, text) in REFUSED {
        assert_eq!(error_text(input, &Limits::default()), *text, "{:?}", String::from_utf8_lossy(input));
    }
}

#[test]
fn endless_lines_are_refused() {
    let limits = Limits::default();
    let endless = |start: &str| [start.as_bytes(), &vec![b'1'; 65537]].concat();
    assert_eq!(error_text(&endless("x"), &limits), "ERR Protocol error: too big inline request");
    assert_eq!(error_text(&endless("*"), &limits), "ERR Protocol error: too big mbulk count string");
    assert_eq!(error_text(&endless("*1\r\n$"), &limits), "ERR Protocol error: too big bulk count string");
    let ended = [vec![b'x'; 65537], b"\r\n".to_vec()].concat();
    assert_eq!(error_text(&ended, &limits), "ERR Protocol error: too big inline request");
}

#[test]
fn before_auth_only_what_auth_takes_is_read() {
    let limits = Limits { authenticated: false, ..Limits::default() };
    assert_eq!(error_text(b"*11\r\n", &limits), "ERR Protocol error: unauthenticated multibulk length");
    assert_eq!(error_text(b"*1\r\n$16385\r\n", &limits), "ERR Protocol error: unauthenticated bulk length");
    assert_eq!(error_text(b"*10\r\n$16384\r\n", &limits), "");
}

#[test]
fn limits_hold_at_their_edges() {
    let limits = Limits { max_args: 2, max_bulk: 3, max_request: 30, ..Limits::default() };
    assert_eq!(error_text(b"*2\r\n$3\r\nabc\r\n$3\r\nabc\r\n", &limits), "");
    assert_eq!(error_text(b"*3\r\n", &limits), "ERR Protocol error: invalid multibulk length");
    assert_eq!(error_text(b"*1\r\n$4\r\n", &limits), "ERR Protocol error: invalid bulk length");
    let small = Limits { max_request: 15, ..limits };
    assert_eq!(error_text(b"*2\r\n$3\r\nabc\r\n$3\r\n", &small), "ERR Protocol error: too big request");
}

#[test]
fn nothing_asked_is_skipped() {
    let ping = vec![vec![b"PING".to_vec()]];
    for input in
        ["*0\r\nPING\r\n", "*-1\r\n*-5\r\nPING\r\n", "\r\n\r\nPING\r\n", "\n   \nPING\r\n", "PING\r\r\n"]
    {
        assert_eq!(requests(input.as_bytes()), ping, "{input:?}");
    }
}

#[test]
fn line_ends_are_read_as_redis_reads_them() {
    assert_eq!(requests(b"*1\rx$4\rxPINGyy"), vec![vec![b"PING".to_vec()]]);
    assert_eq!(requests(b"PING\n"), vec![vec![b"PING".to_vec()]]);
    assert_eq!(requests(b"PING\r"), Vec::<Vec<Vec<u8>>>::new());
}

#[test]
fn inline_words_follow_redis_quotes() {
    assert_eq!(words("ECHO \"a\\x41\\n\\\"b\"\r\n"), ["ECHO", "aA\n\"b"]);
    assert_eq!(words("ECHO 'a\\'b\\n'\r\n"), ["ECHO", "a'b\\n"]);
    assert_eq!(words("ECHO a\"b c\"\r\n"), ["ECHO", "ab c"]);
    assert_eq!(words("ECHO 'ab' 'c'\r\n"), ["ECHO", "ab", "c"]);
    assert_eq!(words("ECHO \"\\xzz\\q\\t\"\r\n"), ["ECHO", "xzzq\t"]);
    assert_eq!(words("ECHO \"\\x4\"\r\n"), ["ECHO", "x4"]);
    assert_eq!(words("ECHO \"\"\r\n"), ["ECHO", ""]);
    assert_eq!(words("\"\" x\r\n"), ["", "x"]);
    assert_eq!(words("\tPING\t\r\n"), ["PING"]);
    assert_eq!(words("ECHO a\x0bb\x0cc\r\n"), ["ECHO", "a\x0bb\x0cc"]);
}

#[test]
fn browsers_are_turned_away_without_a_word() {
    for input in ["POST / HTTP/1.1\r\n", "post a\r\n", "Host: me\r\n", "*1\r\n$4\r\nPOST\r\n"] {
        let error = feed_whole(input.as_bytes(), &Limits::default()).error;
        assert_eq!(error, Some(ProtocolError::CrossProtocol), "{input:?}");
        assert!(ProtocolError::CrossProtocol.is_silent());
    }
}

#[test]
fn announced_arguments_take_no_memory_before_they_arrive() {
    let mut parser = Parser::new();
    let input = b"*1000000\r\n$1\r\na\r\n$536870912\r\nabc";
    let step = parser.next(input, &Limits::default());
    assert_eq!(step, Ok(Step::Incomplete { at_least: 64 << 10 }), "the hint is capped");
    assert!(parser.memory_bytes() < 1024, "{} bytes", parser.memory_bytes());
}

#[test]
fn the_hint_grows_with_what_has_arrived() {
    let mut parser = Parser::new();
    let mut input = b"*2\r\n$3\r\nSET\r\n$10\r\nabc".to_vec();
    assert_eq!(parser.next(&input, &Limits::default()), Ok(Step::Incomplete { at_least: 9 }));
    input = [b"*1\r\n$100000000\r\n".to_vec(), vec![b'x'; 1 << 20]].concat();
    let step = Parser::new().next(&input, &Limits::default());
    assert_eq!(step, Ok(Step::Incomplete { at_least: input.len() }));
}

#[test]
fn a_large_request_is_not_paid_for_after_it() {
    let mut input = b"*100000\r\n".to_vec();
    (0..100_000).for_each(|_| input.extend_from_slice(b"$0\r\n\r\n"));
    let mut parser = Parser::new();
    assert!(matches!(parser.next(&input, &Limits::default()), Ok(Step::Request { .. })));
    assert!(parser.memory_bytes() > 1_000_000);
    assert!(matches!(parser.next(b"*1\r\n$4\r\nPING\r\n", &Limits::default()), Ok(Step::Request { .. })));
    assert!(parser.memory_bytes() < 10_000, "{} bytes", parser.memory_bytes());
}

#[test]
fn bytes_of_any_kind_arrive_as_they_are() {
    let value: Vec<u8> = (0..=255).collect();
    let input = [&b"*2\r\n$3\r\nGET\r\n$256\r\n"[..], &value, b"\r\n"].concat();
    assert_eq!(requests(&input), vec![vec![b"GET".to_vec(), value]]);
}

#[test]
fn an_error_after_requests_leaves_them_answered() {
    let outcome = feed(&[b"PING\r\n*1\r\n$x", b"\r\n"], &Limits::default());
    assert_eq!(outcome.requests, vec![vec![b"PING".to_vec()]]);
    assert_eq!(outcome.error, Some(ProtocolError::InvalidBulkLength));
}
