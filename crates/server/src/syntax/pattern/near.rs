//! Keys that a pattern does not match and that look as if it should: `post:01` beside `post:{id:int}`.

use super::{Capture, CaptureKind, Pattern, find, integer, is_uuid};

/// Bytes of a key that a message shows.
const SHOWN: usize = 80;

/// What is wrong with such a key.
struct KeyFault<'k> {
    capture: &'k Capture,
    bytes: &'k [u8],
    what: NearFault,
}

enum NearFault {
    /// It is not of the capture's type.
    Type,
    /// What stands behind it is not what the pattern has there.
    Behind,
}

impl Pattern {
    /// Why `key`, which does not match, looks as if it should, and what would be right; `None` for keys of another shape, such as
    /// `post:1:comments`.
    pub fn near(&self, key: &[u8]) -> Option<String> {
        let (head, rest) = key.split_at_checked(self.prefix.len())?;
        let separator = *self.prefix.last()?;
        if !head.eq_ignore_ascii_case(&self.prefix) {
            return None;
        }
        let Some(first) = self.captures.first() else {
            return rest
                .is_empty()
                .then(|| self.told(key, "upper and lower case differ", Some(self.prefix.to_vec())));
        };
        // Behind a letter anything may follow: `postage` is no near miss of `post{id:int}`, but `post01` is.
        let is_number = first.kind == CaptureKind::Int
            && rest.first().is_some_and(|b| b.is_ascii_digit() || b"+-".contains(b));
        if separator.is_ascii_alphanumeric() && !is_number {
            return None;
        }
        let right = self.righted(rest, separator);
        let Some(fault) = self.fault(rest, separator)? else {
            return Some(self.told(key, "upper and lower case differ", right));
        };
        let (name, shown) = (&fault.capture.name, fault.bytes.escape_ascii());
        let wrong = match (fault.what, fault.capture.kind) {
            (NearFault::Type, _) if fault.bytes.is_empty() => format!("{name} is empty"),
            (NearFault::Type, CaptureKind::Int) => {
                format!("{name} is \"{shown}\", and an integer is written without leading zeros, + or spaces")
            }
            (NearFault::Type, _) => {
                format!("{name} is \"{shown}\", and a UUID is written in lower case with hyphens")
            }
            (NearFault::Behind, _) => {
                format!("\"{}\" is to stand behind {name}", fault.capture.until.escape_ascii())
            }
        };
        Some(self.told(key, &wrong, right))
    }

    fn told(&self, key: &[u8], wrong: &str, right: Option<Vec<u8>>) -> String {
        let shown = key[..key.len().min(SHOWN)].escape_ascii();
        match right.filter(|right| self.matches(right)) {
            Some(right) => format!("\"{shown}\": {wrong}; write \"{}\"", right.escape_ascii()),
            None => format!("\"{shown}\": {wrong}; a key of it is \"{}\"", self.example().escape_default()),
        }
    }

    /// The first fault in what stands behind the prefix; `Some(None)` when there is none, `None` when the shape is another.
    fn fault<'k>(&'k self, mut rest: &'k [u8], separator: u8) -> Option<Option<KeyFault<'k>>> {
        let mut first = None;
        for (place, capture) in self.captures.iter().enumerate() {
            let last = place + 1 == self.captures.len();
            let Some(end) = end_of(rest, &capture.until, last) else {
                let begins = behind(rest, &capture.until)?;
                let bytes = &rest[..begins];
                is_one_part(bytes, separator, capture.kind).then_some(())?;
                let fault = KeyFault { capture, bytes, what: NearFault::Behind };
                return Some(Some(first.unwrap_or(fault)));
            };
            let (bytes, tail) = rest.split_at(end);
            if bytes.is_empty() || !capture.kind.accepts(bytes) {
                is_one_part(bytes, separator, capture.kind).then_some(())?;
                first.get_or_insert(KeyFault { capture, bytes, what: NearFault::Type });
            }
            rest = &tail[capture.until.len()..];
        }
        Some(first)
    }

    /// The key with what can be righted: case of the prefix, of literals and of UUIDs; the form of integers.
    fn righted(&self, mut rest: &[u8], separator: u8) -> Option<Vec<u8>> {
        let mut right = self.prefix.to_vec();
        for (place, capture) in self.captures.iter().enumerate() {
            let last = place + 1 == self.captures.len();
            let end = end_of(rest, &capture.until, last).or_else(|| behind(rest, &capture.until))?;
            let (bytes, tail) = rest.split_at(end);
            let trimmed = bytes.strip_prefix(&[separator][..]).unwrap_or(bytes);
            let trimmed = trimmed.strip_suffix(&[separator][..]).unwrap_or(trimmed).trim_ascii();
            match capture.kind {
                CaptureKind::Int => {
                    let number: i64 = std::str::from_utf8(trimmed).ok()?.parse().ok()?;
                    right.extend_from_slice(number.to_string().as_bytes());
                }
                CaptureKind::Uuid => right.extend_from_slice(&trimmed.to_ascii_lowercase()),
                CaptureKind::Str => right.extend_from_slice(bytes),
            }
            right.extend_from_slice(&capture.until);
            rest = tail.get(capture.until.len()..).unwrap_or(&[]);
        }
        Some(right)
    }
}

/// Where a capture ends, as far as the literal behind it stands there, empty captures included.
fn end_of(rest: &[u8], until: &[u8], last: bool) -> Option<usize> {
    match last {
        true => rest.len().checked_sub(until.len()).filter(|_| rest.ends_with(until)),
        false => find(rest, until),
    }
}

/// Where a literal that does not stand there begins, as far as it is there: in another case, or cut short.
fn behind(rest: &[u8], until: &[u8]) -> Option<usize> {
    let cut = |at: &usize| {
        let tail = &rest[*at..];
        tail.len() <= until.len() && until[..tail.len()].eq_ignore_ascii_case(tail)
    };
    let from = rest.len().saturating_sub(until.len());
    (from..=rest.len()).find(cut)
}

/// Whether a capture's bytes have no separator inside: with one the key is of another shape, perhaps a plain one by intent.
fn is_one_part(bytes: &[u8], separator: u8, kind: CaptureKind) -> bool {
    let inner = bytes.strip_prefix(&[separator][..]).unwrap_or(bytes);
    let inner = inner.strip_suffix(&[separator][..]).unwrap_or(inner);
    kind == CaptureKind::Uuid && is_uuid(&inner.to_ascii_lowercase())
        || kind == CaptureKind::Int && integer(inner).is_some()
        || separator.is_ascii_alphanumeric()
        || !inner.contains(&separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(pattern: &str, key: &str) -> Option<String> {
        let pattern = Pattern::parse(pattern).expect("a pattern");
        assert!(!pattern.matches(key.as_bytes()), "{key} matches");
        pattern.near(key.as_bytes())
    }

    #[test]
    fn near_misses_are_told_with_what_is_right() {
        let integer = "and an integer is written without leading zeros, + or spaces";
        let cases = [
            ("post:{id:int}", "post:01", format!("\"post:01\": id is \"01\", {integer}; write \"post:1\"")),
            ("post:{id:int}", "post:+7", format!("\"post:+7\": id is \"+7\", {integer}; write \"post:7\"")),
            ("post:{id:int}", "post:7 ", format!("\"post:7 \": id is \"7 \", {integer}; write \"post:7\"")),
            ("post:{id:int}", "post:7:", format!("\"post:7:\": id is \"7:\", {integer}; write \"post:7\"")),
            ("post:{id:int}", "post:abc", format!("\"post:abc\": id is \"abc\", {integer}; a key of it is \"post:1\"")),
            ("post:{id:int}", "post:", "\"post:\": id is empty; a key of it is \"post:1\"".to_owned()),
            ("post:{id:int}", "Post:1", "\"Post:1\": upper and lower case differ; write \"post:1\"".to_owned()),
            ("post:{id:int}", "POST:01", format!("\"POST:01\": id is \"01\", {integer}; write \"post:1\"")),
            ("post{id:int}", "post01", format!("\"post01\": id is \"01\", {integer}; write \"post1\"")),
            ("config", "Config", "\"Config\": upper and lower case differ; write \"config\"".to_owned()),
            (
                "user:{name}:profile",
                "user:7",
                "\"user:7\": \":profile\" is to stand behind name; write \"user:7:profile\"".to_owned(),
            ),
            (
                "user:{name}:profile",
                "user:7:PROF",
                "\"user:7:PROF\": \":profile\" is to stand behind name; write \"user:7:profile\"".to_owned(),
            ),
            (
                "s:{id:uuid}",
                "s:00000000-0000-4000-8000-00000000000A",
                "\"s:00000000-0000-4000-8000-00000000000A\": id is \"00000000-0000-4000-8000-00000000000A\", and a UUID is \
                 written in lower case with hyphens; write \"s:00000000-0000-4000-8000-00000000000a\""
                    .to_owned(),
            ),
        ];
        for (pattern, key, told) in cases {
            assert_eq!(near(pattern, key), Some(told), "{key} beside {pattern}");
        }
    }

    #[test]
    fn keys_of_another_shape_are_none() {
        for (pattern, key) in [
            ("post:{id:int}", "post:1:comments"),
            ("post:{id:int}", "posts:1"),
            ("post:{id:int}", "pos"),
            ("post:{id:int}", "post"),
            ("post{id:int}", "postage"),
            ("user:{name}:profile", "user:7:cart"),
            ("user:{name}:profile", "users"),
            ("{id:int}", "abc"),
            ("config", "config2"),
        ] {
            assert_eq!(near(pattern, key), None, "{key} beside {pattern}");
        }
    }
}
