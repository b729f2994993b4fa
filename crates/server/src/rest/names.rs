//! Keys and other names between bytes and what HTTP and JSON can carry.

use std::borrow::Cow;

use super::problem::{Problem, Reply};

/// The key of a request, from the path as it was sent: `%2F` and bytes that are no UTF-8 are kept.
pub fn key_of(raw_path: &str) -> Reply<Vec<u8>> {
    let after = raw_path.strip_prefix("/api/cache/").unwrap_or_default();
    decode(after.strip_prefix("keys/").unwrap_or(after), false).map_err(|at| {
        Problem::bad(
            "bad-key",
            format!("the key has a % without two hexadecimal digits at byte {at}: write % itself as %25"),
        )
    })
}

/// Undoes percent-encoding (in a query, `+` is a space); the error is the place of a `%` that begins none.
pub fn decode(text: &str, query: bool) -> Result<Vec<u8>, usize> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'%' => {
                let digit = |at: usize| bytes.get(at).and_then(|&c| char::from(c).to_digit(16));
                let (Some(high), Some(low)) = (digit(at), digit(at + 1)) else { return Err(at - 1) };
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            b'+' if query => out.push(b' '),
            _ => out.push(byte),
        }
    }
    Ok(out)
}

/// A name as text; what is no UTF-8 is shown as U+FFFD.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Names as text.
pub fn texts<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    names.into_iter().map(|name| text(name).into_owned()).collect()
}

/// Bytes in base64 (RFC 4648, padded), when they are no UTF-8.
pub fn base64_unless_text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).is_err().then(|| base64(bytes))
}

/// Bytes in base64 (RFC 4648, padded).
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let [a, b, c] = [chunk[0], *chunk.get(1).unwrap_or(&0), *chunk.get(2).unwrap_or(&0)];
        let bits = u32::from_be_bytes([0, a, b, c]);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            out.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    out
}

/// Undoes [`base64`]; for credentials. `None`: not base64.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    Some(out)
}

/// The known word nearest to one that is not known, if one is near.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let likeness = |name: &&str| strsim::jaro_winkler(&lower, &name.to_lowercase());
    let best = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.75).then_some(*best)
}

/// «unknown KIND "word"», with the nearest known one or the list of all.
pub fn unknown(kind: &str, word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("unknown {kind} {word:?}: did you mean {near:?}?"),
        None if known.is_empty() => format!("unknown {kind} {word:?}: none is known here"),
        None => format!("unknown {kind} {word:?}: known are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let known = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (length, expected) in known.into_iter().enumerate() {
            assert_eq!(base64(&b"foobar"[..length]), expected);
        }
        assert_eq!(from_base64("Zm9!"), None);
    }

    #[test]
    fn a_key_is_the_raw_path_decoded() {
        for (path, key) in [
            ("/api/cache/post:1", &b"post:1"[..]),
            ("/api/cache/keys/stats", b"stats"),
            ("/api/cache/keys/", b""),
            ("/api/cache/a%2Fb/c", b"a/b/c"),
            ("/api/cache/a+b", b"a+b"),
            ("/api/cache/%ff%00", b"\xff\0"),
            ("/api/cache/keys/keys/x", b"keys/x"),
        ] {
            assert_eq!(key_of(path).expect(path), key, "{path}");
        }
        for path in ["/api/cache/%", "/api/cache/%f", "/api/cache/%zz", "/api/cache/%+1"] {
            assert!(key_of(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_near_word_is_proposed_and_a_far_one_is_not() {
        assert_eq!(
            unknown("field", "tag", &["tags", "ttl"]),
            "unknown field \"tag\": did you mean \"tags\"?"
        );
        assert_eq!(unknown("field", "zzz", &["tags", "ttl"]), "unknown field \"zzz\": known are tags, ttl");
    }

    proptest! {
        #[test]
        fn base64_comes_back(bytes: Vec<u8>) {
            prop_assert_eq!(from_base64(&base64(&bytes)), Some(bytes));
        }

        #[test]
        fn any_key_survives_its_encoding(key: Vec<u8>) {
            let path: String = key.iter().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(decode(&path, false), Ok(key));
        }
    }
}
