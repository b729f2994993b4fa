//! Whether two replies to one request say the same.

use clearwell_protocol::Value;

use crate::known::Known;

/// The arguments of a request.
pub type Request = Vec<Vec<u8>>;

/// How far two clocks may be apart, in milliseconds: the servers run a request one after the other on a busy machine.
const APART_MS: i64 = 5_000;

/// Compares. `Ok(Some(name))`: they differ as is known.
///
/// # Errors
/// In words: where they differ.
pub fn replies(
    request: &Request,
    queued: Option<&[Request]>,
    theirs: &Value,
    ours: &Value,
) -> Result<Option<&'static str>, String> {
    match (queued, theirs, ours) {
        (Some(queued), Value::Array(theirs), Value::Array(ours)) if is(request, "exec") => {
            if (theirs.len(), ours.len()) != (queued.len(), queued.len()) {
                return Err(format!("{} requests were queued", queued.len()));
            }
            for ((request, theirs), ours) in queued.iter().zip(theirs).zip(ours) {
                let verdict = one(request, theirs, ours);
                // What follows may rest on it.
                if let Some(known) = verdict.map_err(|why| format!("{} in EXEC: {why}", shown(request)))? {
                    return Ok(Some(known));
                }
            }
            Ok(None)
        }
        _ => one(request, theirs, ours),
    }
}

fn one(request: &Request, theirs: &Value, ours: &Value) -> Result<Option<&'static str>, String> {
    if theirs == ours || alike(request, theirs, ours) {
        return Ok(None);
    }
    match Known::find(request, theirs, ours) {
        Some(known) => Ok(Some(known.name)),
        None => Err("the replies differ, and docs/redis-differences.md does not know it".into()),
    }
}

/// What says the same in other words: clocks that ran on, and what has no order.
fn alike(request: &Request, theirs: &Value, ours: &Value) -> bool {
    let name = String::from_utf8_lossy(&request[0]).to_ascii_lowercase();
    match (&*name, theirs, ours) {
        ("ttl" | "expiretime", Value::Integer(a @ 0..), Value::Integer(b @ 0..)) => {
            near(*a, *b, APART_MS / 1000)
        }
        ("pttl" | "pexpiretime", Value::Integer(a @ 0..), Value::Integer(b @ 0..)) => near(*a, *b, APART_MS),
        // Seconds since a use, and a use is not the same for both.
        ("object", Value::Integer(_), Value::Integer(_)) if is(&request[1..], "idletime") => true,
        ("keys", Value::Array(a), Value::Array(b)) => sorted(a) == sorted(b),
        // A cursor in the midst is each server's own.
        ("scan", Value::Array(_), Value::Array(_)) if request[1].starts_with(b"-") => true,
        ("scan", Value::Array(a), Value::Array(b)) => match (&a[..], &b[..]) {
            ([Value::Bulk(a), Value::Array(mine)], [Value::Bulk(b), Value::Array(other)]) => {
                a == b"0" && b == b"0" && sorted(mine) == sorted(other)
            }
            _ => false,
        },
        ("randomkey", Value::Bulk(_), Value::Bulk(_)) => true,
        _ => false,
    }
}

fn near(a: i64, b: i64, apart: i64) -> bool {
    a.abs_diff(b) <= apart.unsigned_abs()
}

/// Strings in the order of their bytes.
pub fn sorted(values: &[Value]) -> Vec<&[u8]> {
    let mut sorted: Vec<&[u8]> = values.iter().filter_map(Value::as_bytes).collect();
    sorted.sort_unstable();
    sorted
}

/// Whether the first word is this one, in whatever case.
pub fn is(words: &[Vec<u8>], name: &str) -> bool {
    words.first().is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
}

/// Whether the request gives its key a millisecond to live.
pub fn ends_soon(request: &Request) -> bool {
    is(request, "pexpire") && request.len() == 3 && request[2] == b"1"
}

/// A request as a person would type it.
pub fn shown(request: &Request) -> String {
    let words: Vec<String> = request
        .iter()
        .map(|word| {
            let text: String = word.escape_ascii().take(80).map(char::from).collect();
            if text.is_empty() || text.contains(' ') { format!("\"{text}\"") } else { text }
        })
        .collect();
    words.join(" ")
}
