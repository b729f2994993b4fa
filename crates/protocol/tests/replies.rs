//! Replies: their bytes in both protocols, and what a reader makes of bytes.

mod support;

use clearwell_protocol::{ProtocolError, Reader, Resp, Value};
use support::encoded;

fn check(write: fn(&mut clearwell_protocol::Encoder<'_>), v2: &str, v3: &str) {
    assert_eq!(String::from_utf8_lossy(&encoded(Resp::V2, write)), v2);
    assert_eq!(String::from_utf8_lossy(&encoded(Resp::V3, write)), v3);
}

#[test]
fn shapes_differ_only_where_the_protocols_do() {
    check(|e| e.ok(), "+OK\r\n", "+OK\r\n");
    check(|e| e.integer(-7), ":-7\r\n", ":-7\r\n");
    check(|e| e.bulk("a\r\nb"), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n");
    check(|e| e.bulk_or_null(None::<&str>), "$-1\r\n", "_\r\n");
    check(|e| e.null_array(), "*-1\r\n", "_\r\n");
    check(|e| e.map(2), "*4\r\n", "%2\r\n");
    check(|e| e.set(2), "*2\r\n", "~2\r\n");
    check(|e| e.push(2), "*2\r\n", ">2\r\n");
    check(|e| e.verbatim("hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n");
    check(|e| e.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
    check(|e| e.double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
    check(|e| e.boolean(true), ":1\r\n", "#t\r\n");
    check(|e| e.bulks(["a", "bc"]), "*2\r\n$1\r\na\r\n$2\r\nbc\r\n", "*2\r\n$1\r\na\r\n$2\r\nbc\r\n");
}

#[test]
fn an_error_stays_on_its_line() {
    check(|e| e.error("ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n");
    check(|e| e.simple("a\nb"), "+a b\r\n", "+a b\r\n");
}

fn read(input: &[u8]) -> Result<Option<(Value, usize)>, ProtocolError> {
    Reader::new().next(input)
}

#[test]
fn a_reader_knows_every_type() {
    let bulk = |text: &str| Value::Bulk(text.as_bytes().to_vec());
    let cases: Vec<(&str, Value)> = vec![
        ("$-1\r\n", Value::Null),
        ("*-1\r\n", Value::Null),
        (
            "(-123456789012345678901234567890\r\n",
            Value::BigNumber(b"-123456789012345678901234567890".to_vec()),
        ),
        ("!8\r\nERR a\r\nb\r\n", Value::Error(b"ERR a\r\nb".to_vec())),
        (",inf\r\n", Value::Double(f64::INFINITY)),
        ("*0\r\n", Value::Array(vec![])),
        (
            "|1\r\n+ttl\r\n:3\r\n*2\r\n$1\r\na\r\n#f\r\n",
            Value::Attributed(
                vec![(Value::Simple(b"ttl".to_vec()), Value::Integer(3))],
                Box::new(Value::Array(vec![bulk("a"), Value::Boolean(false)])),
            ),
        ),
        (
            ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n",
            Value::Push(vec![bulk("invalidate"), Value::Array(vec![bulk("k")])]),
        ),
    ];
    for (input, value) in cases {
        assert_eq!(read(input.as_bytes()), Ok(Some((value, input.len()))), "{input:?}");
        for cut in 0..input.len() {
            assert_eq!(read(&input.as_bytes()[..cut]), Ok(None), "{input:?} cut at {cut}");
        }
    }
}

#[test]
fn a_reader_refuses_what_is_no_reply() {
    for (input, kind) in [
        ("?\r\n", b'?'),
        (":1x\r\n", b':'),
        ("#x\r\n", b'#'),
        ("_x\r\n", b'_'),
        ("$-2\r\n", b'$'),
        ("$536870913\r\n", b'$'),
        ("$1\r\nabc", b'$'),
        ("=3\r\ntxt\r\n", b'='),
        ("*-2\r\n", b'*'),
        ("%-1\r\n", b'%'),
        (",1 \r\n", b','),
        ("(1x\r\n", b'('),
        ("+a\rb\r\n", b'+'),
        ("$?\r\n", b'$'),
    ] {
        assert_eq!(read(input.as_bytes()), Err(ProtocolError::InvalidReply(kind)), "{input:?}");
    }
}

#[test]
fn a_lying_count_is_only_waited_for() {
    for input in ["*9223372036854775807\r\n", "%9223372036854775807\r\n", "*1000000\r\n:1\r\n"] {
        assert_eq!(read(input.as_bytes()), Ok(None), "{input:?}");
    }
    assert_eq!(read(b"|9223372036854775807\r\n"), Ok(None));
}

#[test]
fn depth_is_bounded() {
    assert_eq!(read("*1\r\n".repeat(32).as_bytes()), Ok(None));
    assert_eq!(read("*1\r\n".repeat(33).as_bytes()), Err(ProtocolError::TooDeep));
    assert_eq!(read("|1\r\n".repeat(100_000).as_bytes()), Err(ProtocolError::TooDeep));
}
