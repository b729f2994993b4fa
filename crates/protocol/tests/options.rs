//! Typed arguments: Redis's errors, conflict rules and arithmetic.

mod support;

use clearwell_protocol::options::*;
use clearwell_protocol::{
    CommandError, OwnedArgs, Resp, add_floats, parse_duration_ms, parse_f64, parse_i64,
};
use support::args;

const NOW: i64 = 1_800_000_000_000;
const SYNTAX: &str = "ERR syntax error";
const NO_INTEGER: &str = "ERR value is not an integer or out of range";

fn text<T>(result: Result<T, CommandError>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

fn set(line: &str) -> String {
    let request = args(line);
    text(SetOptions::parse(request.as_args()).and_then(|options| match options.ttl {
        SetTtl::Set(expiry) => expiry.resolve_positive(NOW, "set").map(drop),
        _ => Ok(()),
    }))
}

#[test]
fn set_refuses_as_redis_does() {
    for line in [
        "nx xx",
        "xx nx",
        "ex 10 px 10",
        "ex",
        "ex 10 keepttl",
        "keepttl ex 10",
        "ex abc foo",
        "foo",
        "persist",
    ] {
        assert_eq!(set(&format!("set k v {line}")), SYNTAX, "{line}");
    }
    for line in ["ex abc", "ex ex", "px 1.5", "exat +1"] {
        assert_eq!(set(&format!("set k v {line}")), NO_INTEGER, "{line}");
    }
    for line in
        ["ex 0", "ex -1", "ex 9223372036854775807", "px 9223372036854775807", "exat 9223372036854775807"]
    {
        assert_eq!(set(&format!("set k v {line}")), "ERR invalid expire time in 'set' command", "{line}");
    }
    for line in ["nx nx", "get get", "keepttl keepttl", "pxat 9223372036854775807", "NX GET", "XX EX 10 GET"]
    {
        assert_eq!(set(&format!("set k v {line}")), "", "{line}");
    }
}

#[test]
fn set_reads_every_option() {
    let request = args("SET k v Px 1500 Xx gEt");
    let options = SetOptions::parse(request.as_args()).expect("a good SET");
    assert_eq!((options.key, options.value), (&b"k"[..], &b"v"[..]));
    assert_eq!((options.condition, options.get), (SetCondition::IfPresent, true));
    let expiry = Expiry { unit: TimeUnit::Milliseconds, value: 1500, absolute: false };
    assert_eq!(options.ttl, SetTtl::Set(expiry));
    assert_eq!(expiry.resolve(NOW, "set"), Ok(NOW + 1500));
}

#[test]
fn setex_names_itself() {
    let parse = |line: &str, unit| {
        let request = args(line);
        text(SetOptions::parse_setex(request.as_args(), unit).and_then(|options| match options.ttl {
            SetTtl::Set(expiry) => expiry.resolve_positive(NOW, "setex").map(drop),
            _ => Ok(()),
        }))
    };
    assert_eq!(parse("setex k 0 v", TimeUnit::Seconds), "ERR invalid expire time in 'setex' command");
    assert_eq!(
        parse("setex k 9223372036854775 v", TimeUnit::Seconds),
        "ERR invalid expire time in 'setex' command"
    );
    assert_eq!(parse("psetex k -1 v", TimeUnit::Milliseconds), "ERR invalid expire time in 'psetex' command");
    assert_eq!(parse("setex k a v", TimeUnit::Seconds), NO_INTEGER);
    assert_eq!(parse("setex k 10 v", TimeUnit::Seconds), "");
}

#[test]
fn getex_takes_one_change() {
    let parse = |line: &str| text(GetExOptions::parse(args(line).as_args()));
    for line in ["persist ex 10", "ex 10 persist", "ex 10 px 10", "foo", "ex"] {
        assert_eq!(parse(&format!("getex k {line}")), SYNTAX, "{line}");
    }
    for line in ["persist persist", "ex abc", "ex 0", "px 5 px 6"] {
        assert_eq!(parse(&format!("getex k {line}")), "", "{line}");
    }
    assert_eq!(parse("getex k"), "");
    // A time that is none is an error only where there is a key.
    let time = |line: &str| match GetExOptions::parse(args(line).as_args()).map(|options| options.change) {
        Ok(GetExChange::Set(time)) => text(time.expiry("getex").map(drop)),
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(time("getex k ex 0"), "ERR invalid expire time in 'getex' command");
    assert_eq!(time("getex k ex abc"), NO_INTEGER);
    assert_eq!(time("getex k ex abc ex 5"), "", "the last of several counts");
}

#[test]
fn expire_refuses_as_redis_does() {
    let parse = |line: &str| {
        let request = args(line);
        let options = ExpireOptions::parse(request.as_args(), TimeUnit::Seconds, false);
        text(options.and_then(|options| options.expiry.resolve(NOW, "expire")))
    };
    let conflict = "ERR NX and XX, GT or LT options at the same time are not compatible";
    assert_eq!(parse("expire k 10 foo"), "ERR Unsupported option foo");
    assert_eq!(parse("expire k abc foo"), "ERR Unsupported option foo");
    assert_eq!(parse("expire k 10 nx xx"), conflict);
    assert_eq!(parse("expire k 10 nx gt"), conflict);
    assert_eq!(parse("expire k 10 gt lt"), "ERR GT and LT options at the same time are not compatible");
    assert_eq!(parse("expire k abc"), NO_INTEGER);
    for time in ["9223372036854775807", "9223372036854775", "-9223372036854775808"] {
        assert_eq!(
            parse(&format!("expire k {time}")),
            "ERR invalid expire time in 'expire' command",
            "{time}"
        );
    }
    assert_eq!(parse("expire k -1 XX gt"), "");
}

#[test]
fn expire_conditions_count_no_deadline_as_never() {
    let condition = |word: &str| {
        let request = args(&format!("expire k 10 {word}"));
        ExpireOptions::parse(request.as_args(), TimeUnit::Seconds, false).expect("a good EXPIRE").condition
    };
    let allowed = |word: &str| {
        let condition = condition(word);
        [None, Some(5), Some(10), Some(20)].map(|current| condition.allows(current, 10))
    };
    assert_eq!(allowed("nx"), [true, false, false, false]);
    assert_eq!(allowed("xx"), [false, true, true, true]);
    assert_eq!(allowed("gt"), [false, true, false, false]);
    assert_eq!(allowed("lt"), [true, false, false, true]);
    assert!(ExpireCondition::default().allows(None, 10));
}

#[test]
fn numbers_are_strict() {
    let good = [
        ("0", 0),
        ("7", 7),
        ("-1", -1),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
    ];
    for (word, number) in good {
        assert_eq!(parse_i64(word.as_bytes()), Some(number), "{word}");
    }
    let bad = [
        "",
        "-",
        "+1",
        "01",
        "-0",
        "-01",
        " 1",
        "1 ",
        "1.0",
        "0x1",
        "9223372036854775808",
        "-9223372036854775809",
    ];
    for word in bad.into_iter().chain(["99999999999999999999", "1\0"]) {
        assert_eq!(parse_i64(word.as_bytes()), None, "{word}");
    }
    assert_eq!(parse_f64(b"1e5"), Some(1e5));
    assert_eq!(parse_f64(b".5"), Some(0.5));
    assert_eq!(parse_f64(b"-inf"), Some(f64::NEG_INFINITY));
    for word in ["", " 1", "1 ", "nan", "abc", "1,5"] {
        assert_eq!(parse_f64(word.as_bytes()), None, "{word}");
    }
    assert_eq!(parse_duration_ms(b"2s"), Some(2000));
    assert_eq!(parse_duration_ms(b"250ms"), Some(250));
    for word in ["", "2", "s", "-1s", "1.5s", "2 s", "9223372036854775807d"] {
        assert_eq!(parse_duration_ms(word.as_bytes()), None, "{word}");
    }
    assert_eq!(text(parse_decrement(b"-9223372036854775808")), "ERR decrement would overflow");
}

#[test]
fn scan_and_copy_refuse_as_redis_does() {
    let scan = |line: &str| text(ScanOptions::parse(args(line).as_args()));
    assert_eq!(scan("scan abc"), "ERR invalid cursor");
    assert_eq!(scan("scan 18446744073709551616"), "ERR invalid cursor");
    for line in ["count 0", "count -5", "count", "match", "foo bar", "count 3 count 0"] {
        assert_eq!(scan(&format!("scan 0 {line}")), SYNTAX, "{line}");
    }
    assert_eq!(scan("scan 0 count abc"), NO_INTEGER);
    let request = args("SCAN 18446744073709551615 TYPE string match a* COUNT 7");
    let options = ScanOptions::parse(request.as_args()).expect("a good SCAN");
    let expected = ScanOptions { cursor: u64::MAX, pattern: Some(b"a*"), count: 7, kind: Some(b"string") };
    assert_eq!(options, expected);
    let copy = |line: &str| text(CopyOptions::parse(args(line).as_args()));
    assert_eq!(copy("copy a b foo"), SYNTAX);
    assert_eq!(copy("copy a b db"), SYNTAX);
    assert_eq!(copy("copy a b db x"), NO_INTEGER);
    assert_eq!(copy("copy a b db 0 replace REPLACE"), "");
    assert_eq!(text(check_flush(args("flushall sync async").as_args())), SYNTAX);
    assert_eq!(check_flush(args("flushall Async").as_args()), Ok(FlushMode::Async));
}

#[test]
fn hello_refuses_as_redis_does() {
    let hello = |line: &str| text(HelloOptions::parse(args(line).as_args()));
    assert_eq!(hello("hello 4"), "NOPROTO unsupported protocol version");
    assert_eq!(hello("hello 1 foo"), "NOPROTO unsupported protocol version");
    assert_eq!(hello("hello x"), "ERR Protocol version is not an integer or out of range");
    assert_eq!(hello("hello 3 foo"), "ERR Syntax error in HELLO option 'foo'");
    assert_eq!(hello("hello 3 auth a"), "ERR Syntax error in HELLO option 'auth'");
    let blank: OwnedArgs = ["hello", "3", "setname", "a b"].into_iter().collect();
    let refused = "ERR Client names cannot contain spaces, newlines or special characters.";
    assert_eq!(text(HelloOptions::parse(blank.as_args())), refused);
    let request = args("HELLO 3 SETNAME me AUTH you secret");
    let options = HelloOptions::parse(request.as_args()).expect("a good HELLO");
    assert_eq!((options.resp, options.name), (Some(Resp::V3), Some(&b"me"[..])));
    assert_eq!(options.auth.map(|auth| (auth.user, auth.password)), Some((&b"you"[..], &b"secret"[..])));
    assert_eq!(text(AuthOptions::parse(args("auth a b c").as_args())), SYNTAX);
    assert_eq!(text(parse_db_index(b"16", 16)), "ERR DB index is out of range");
    assert_eq!(text(parse_db_index(b"x", 16)), NO_INTEGER);
}

#[test]
fn client_options_refuse_as_redis_does() {
    let kill = |line: &str| text(KillOptions::parse(args(line).as_args()));
    for line in ["id abc", "id 0", "id -1"] {
        assert_eq!(kill(&format!("client kill {line}")), "ERR client-id should be greater than 0", "{line}");
    }
    assert_eq!(kill("client kill type foo"), "ERR Unknown client type 'foo'");
    for line in ["skipme maybe", "id 9 foo", "foo bar"] {
        assert_eq!(kill(&format!("client kill {line}")), SYNTAX, "{line}");
    }
    let request = args("client kill 1.2.3.4:5");
    let old = KillOptions::parse(request.as_args()).expect("the old form");
    assert_eq!((old.old_form, old.addr, old.skip_me), (true, Some(&b"1.2.3.4:5"[..]), false));
    let list = |line: &str| ListOptions::parse(args(line).as_args());
    assert_eq!(list("client list id 4 7"), Ok(ListOptions::Ids(vec![4, 7])));
    assert_eq!(text(list("client list id 4 type normal")), "ERR Invalid client ID");
    assert_eq!(text(list("client list type normal id 4")), SYNTAX);
    assert_eq!(list("client list TYPE slave"), Ok(ListOptions::Kind(ClientKind::Replica)));
    let pause = |line: &str| text(PauseOptions::parse(args(line).as_args()));
    assert_eq!(pause("client pause abc"), "ERR timeout is not an integer or out of range");
    assert_eq!(pause("client pause -1"), "ERR timeout is negative");
    assert_eq!(pause("client pause 0 foo"), "ERR CLIENT PAUSE mode must be WRITE or ALL");
    assert_eq!(text(ReplyMode::parse_switch(args("client no-evict skip").as_args())), SYNTAX);
    let info: OwnedArgs = ["client", "setinfo", "LIB-NAME", "a b"].into_iter().collect();
    let refused = "ERR LIB-NAME cannot contain spaces, newlines or special characters.";
    assert_eq!(text(SetInfo::parse(info.as_args())), refused);
    assert_eq!(text(SetInfo::parse(args("client setinfo foo x").as_args())), "ERR Unrecognized option 'foo'");
}

#[test]
fn server_options_refuse_as_redis_does() {
    assert_eq!(text(WaitOptions::parse(args("wait a b").as_args())), NO_INTEGER);
    assert_eq!(text(WaitOptions::parse(args("wait 0 -1").as_args())), "ERR timeout is negative");
    assert_eq!(text(parse_memory_samples(args("memory usage k samples").as_args())), SYNTAX);
    assert_eq!(text(parse_memory_samples(args("memory usage k samples -1").as_args())), SYNTAX);
    let refused = "ERR count should be greater than or equal to -1";
    assert_eq!(text(parse_slowlog_count(args("slowlog get -2").as_args())), refused);
    assert_eq!(parse_slowlog_count(args("slowlog get").as_args()), Ok(10));
    let odd = text(check_pairs(args("mset a b c").as_args(), 1, "mset"));
    assert_eq!(odd, "ERR wrong number of arguments for 'mset' command");
}

/// Each beside what Redis 7.0.15 answers to INCRBYFLOAT.
#[test]
fn floats_are_added_as_redis_prints_them() {
    for (current, increment, sum) in FLOAT_SUMS {
        assert_eq!(
            add_floats(current.as_bytes(), increment.as_bytes()).as_deref(),
            Ok(*sum),
            "{current} + {increment}"
        );
    }
    // Where 80-bit floats run out of digits Redis prints their rounding (1000000000000.00099998712539673).
    assert_eq!(add_floats(b"1000000000000", b"0.001").as_deref(), Ok("1000000000000.001"));
    assert_eq!(add_floats(b"1e300", b"0").map(|sum| sum.len()), Ok(301));
    assert_eq!(text(add_floats(b"abc", b"1")), "ERR value is not a valid float");
    assert_eq!(text(add_floats(b"1", b" 1")), "ERR value is not a valid float");
    assert_eq!(text(add_floats(b"1", b"inf")), "ERR increment would produce NaN or Infinity");
    assert_eq!(text(add_floats(b"-inf", b"inf")), "ERR increment would produce NaN or Infinity");
}

const FLOAT_SUMS: &[(&str, &str, &str)] = &[
    ("10.5", "0.1", "10.6"),
    ("0.1", "0.2", "0.3"),
    ("5.0e3", "2.0e2", "5200"),
    ("0", "-0", "0"),
    ("3", "-3", "0"),
    ("1", "-1.5", "-0.5"),
    ("-0.5", "0.25", "-0.25"),
    ("1e-5", "0.1", "0.10001"),
    ("100", ".5", "100.5"),
    ("5.", "1", "6"),
    ("9007199254740993", "1", "9007199254740994"),
    ("1E2", "+1", "101"),
    ("1.10", "2.20", "3.3"),
    ("-5", "-0.75", "-5.75"),
    ("0.00000000000000001", "0", "0.00000000000000001"),
];
