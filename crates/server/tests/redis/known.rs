//! The differences that are meant. Each stands in `docs/redis-differences.md` with its reason.

use clearwell_protocol::Value;

use crate::compare::{Request, is, sorted};

/// A difference that is meant.
pub struct Known {
    /// Its name in the documents.
    pub name: &'static str,
    fits: fn(&Request, &Value, &Value) -> bool,
}

/// What no pair of replies tells: a key that was absent when it was watched came, and went before EXEC.
pub const CAME_AND_WENT: &str = "WATCH and a key that comes and goes";
/// What the node's own count of refused SETs tells.
pub const LATE_FILL: &str = "SET after a miss, over two connections";
/// The count may be ahead of the sweeper.
pub const DBSIZE: &str = "DBSIZE";

const ALL: &[Known] = &[
    Known { name: CAME_AND_WENT, fits: |_, _, _| false },
    Known { name: DBSIZE, fits: unswept },
    Known { name: LATE_FILL, fits: |_, _, _| false },
    Known { name: "EXPIRE with an unknown option", fits: unknown_option },
    Known { name: "INCRBYFLOAT beyond a double", fits: beyond_a_double },
    Known { name: "INCRBYFLOAT in hexadecimal", fits: hexadecimal },
    Known { name: "INCRBYFLOAT's last digits", fits: last_digits },
    Known { name: "KEYS, SCAN and the empty key", fits: empty_key },
    Known { name: "OBJECT ENCODING", fits: encoding },
    Known { name: "OBJECT REFCOUNT", fits: refcount },
];

impl Known {
    /// All of them.
    pub fn all() -> &'static [Known] {
        ALL
    }

    /// The one that explains these replies.
    pub fn find(request: &Request, theirs: &Value, ours: &Value) -> Option<&'static Known> {
        ALL.iter().find(|known| (known.fits)(request, theirs, ours))
    }
}

/// Either may count keys whose time is over; the pair waits until both count the same.
fn unswept(request: &Request, theirs: &Value, ours: &Value) -> bool {
    is(request, "dbsize") && matches!((theirs, ours), (Value::Integer(_), Value::Integer(_)))
}

/// Both name the option, Redis up to its first NUL, the node in part where it is long.
fn unknown_option(_: &Request, theirs: &Value, ours: &Value) -> bool {
    let text = b"ERR Unsupported option ";
    let names_it = |value: &Value| matches!(value, Value::Error(error) if error.starts_with(text));
    names_it(theirs) && names_it(ours)
}

fn beyond_a_double(request: &Request, theirs: &Value, ours: &Value) -> bool {
    // Beyond its own range the reference refuses too, in other words.
    let is_no_float = *theirs == Value::Error(b"ERR value is not a valid float".to_vec());
    is(request, "incrbyfloat")
        && (is_no_float || number(theirs).is_some_and(f64::is_infinite))
        && *ours == Value::Error(b"ERR increment would produce NaN or Infinity".to_vec())
}

fn hexadecimal(request: &Request, theirs: &Value, ours: &Value) -> bool {
    // The reference takes it for a number, and may then find the sum too large.
    let is_too_large = *theirs == Value::Error(b"ERR increment would produce NaN or Infinity".to_vec());
    is(request, "incrbyfloat")
        && (is_too_large || number(theirs).is_some())
        && *ours == Value::Error(b"ERR value is not a valid float".to_vec())
}

fn last_digits(request: &Request, theirs: &Value, ours: &Value) -> bool {
    let (Some(theirs), Some(ours)) = (number(theirs), number(ours)) else { return false };
    is(request, "incrbyfloat") && (theirs - ours).abs() <= theirs.abs() * 1e-15
}

fn empty_key(request: &Request, theirs: &Value, ours: &Value) -> bool {
    let stars = |word: &Vec<u8>| word.len() > 1 && word.iter().all(|byte| *byte == b'*');
    let (Some(theirs), Some(mut ours)) = (keys_of(theirs), keys_of(ours)) else { return false };
    ours.retain(|key| !key.is_empty());
    (is(request, "keys") || is(request, "scan")) && request.iter().any(stars) && theirs == ours
}

/// The keys that KEYS or SCAN answers.
fn keys_of(reply: &Value) -> Option<Vec<&[u8]>> {
    match reply {
        Value::Array(parts) => match &parts[..] {
            [Value::Bulk(_), Value::Array(keys)] => Some(sorted(keys)),
            keys => Some(sorted(keys)),
        },
        _ => None,
    }
}

fn encoding(request: &Request, theirs: &Value, ours: &Value) -> bool {
    let names = [&b"int"[..], b"embstr", b"raw"];
    let is_name = |value: &Value| value.as_bytes().is_some_and(|name| names.contains(&name));
    object(request, "encoding") && is_name(theirs) && is_name(ours)
}

fn refcount(request: &Request, theirs: &Value, ours: &Value) -> bool {
    object(request, "refcount") && matches!(theirs, Value::Integer(2..)) && *ours == Value::Integer(1)
}

fn object(request: &Request, what: &str) -> bool {
    is(request, "object") && is(&request[1..], what)
}

fn number(value: &Value) -> Option<f64> {
    std::str::from_utf8(value.as_bytes()?).ok()?.parse().ok()
}
