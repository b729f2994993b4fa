//! Redis-style glob patterns over keys: `*`, `?`, `[a-z]`, `[^a]`, `\x`.

mod overlap;

/// A parsed pattern. Matching takes at most (pattern length x key length) steps, whatever the pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob(Box<[u8]>);

impl Glob {
    /// The longest pattern accepted, in bytes.
    pub const LONGEST: usize = 1024;

    /// Parses a pattern; says what is wrong with one that is too long or malformed (an unclosed `[`, a trailing `\`).
    pub fn new(pattern: &[u8]) -> Result<Glob, String> {
        if pattern.len() > Self::LONGEST {
            return Err(format!(
                "pattern of {} bytes is longer than the {} allowed",
                pattern.len(),
                Self::LONGEST
            ));
        }
        let mut at = 0;
        while at < pattern.len() {
            at += match pattern[at] {
                b'\\' if at + 1 == pattern.len() => {
                    return Err(format!("pattern ends in a lone '\\' at byte {at}"));
                }
                b'\\' => 2,
                b'[' => class_length(&pattern[at..])
                    .ok_or_else(|| format!("pattern opens a '[' at byte {at} that nothing closes"))?,
                _ => 1,
            };
        }
        Ok(Glob(pattern.into()))
    }

    /// Parses a pattern as Redis's KEYS reads it: a class that nothing closes goes up to the end, and a `\` at the end is itself.
    ///
    /// # Errors
    /// A pattern that is too long.
    pub fn forgiving(pattern: &[u8]) -> Result<Glob, String> {
        let mut at = 0;
        while let Some(byte) = pattern.get(at) {
            at += match byte {
                b'\\' if at + 1 == pattern.len() => return Glob::new(&[pattern, b"\\"].concat()),
                b'\\' => 2,
                b'[' => match class_length(&pattern[at..]) {
                    Some(length) => length,
                    None => return Glob::new(&[&pattern[..at], &closed(&pattern[at..])].concat()),
                },
                _ => 1,
            };
        }
        Glob::new(pattern)
    }

    /// A pattern that was made from parts that are well formed.
    fn unchecked(pattern: Vec<u8>) -> Glob {
        Glob(pattern.into())
    }

    /// Whether the whole of `key` matches.
    pub fn matches(&self, key: &[u8]) -> bool {
        matches(&self.0, key)
    }

    /// Whether it matches one text only.
    pub fn is_literal(&self) -> bool {
        !self.0.iter().any(|byte| b"*?[\\".contains(byte))
    }

    /// The pattern as written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Walks both once, and goes back to the last `*` only: an earlier one could not do better, because the last one
/// can take whatever an earlier one would have taken.
fn matches(pattern: &[u8], key: &[u8]) -> bool {
    let (mut p, mut k) = (0, 0);
    // After the last star: where the pattern goes on, and the first byte that the star has not taken.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, k));
            continue;
        }
        match (pattern.get(p), key.get(k)) {
            (None, None) => return true,
            (Some(_), Some(byte)) => {
                let (length, fits) = one(&pattern[p..], *byte);
                if fits {
                    p += length;
                    k += 1;
                    continue;
                }
            }
            (Some(_), None) => return false,
            (None, Some(_)) => {}
        }
        let Some((after, taken)) = retry else { return false };
        p = after;
        k = taken + 1;
        retry = Some((after, k));
    }
}

/// The length of the pattern's first piece (no star), and whether it takes `byte`.
fn one(pattern: &[u8], byte: u8) -> (usize, bool) {
    match pattern {
        [b'?', ..] => (1, true),
        [b'\\', literal, ..] => (2, *literal == byte),
        [b'[', ..] => {
            let length = class_length(pattern).expect("checked when the pattern was parsed");
            (length, class_takes(&pattern[1..length - 1], byte))
        }
        [literal, ..] => (1, *literal == byte),
        [] => (0, false),
    }
}

/// The length of the class that `pattern` begins with, brackets included; `None` if it is not closed.
fn class_length(pattern: &[u8]) -> Option<usize> {
    let mut at = 1 + usize::from(pattern.get(1) == Some(&b'^'));
    loop {
        match pattern.get(at)? {
            b']' => return Some(at + 1),
            b'\\' => at += 2,
            // Redis takes whatever follows the dash, a bracket too, as the range's end.
            _ if pattern.get(at + 1) == Some(&b'-') && at + 2 < pattern.len() => at += 3,
            _ => at += 1,
        }
    }
}

/// A class that nothing closes, closed: what stands last is a literal, whatever it is.
fn closed(class: &[u8]) -> Vec<u8> {
    let (mut closed, mut rest) = match class {
        [b'[', b'^', rest @ ..] => (b"[^".to_vec(), rest),
        [_, rest @ ..] => (b"[".to_vec(), rest),
        [] => (Vec::new(), class),
    };
    while let [first, behind @ ..] = rest {
        let (length, escaped) = match behind {
            [_, ..] if *first == b'\\' => (2, false),
            [b'-', _, ..] => (3, false),
            _ => (1, true),
        };
        if escaped {
            closed.push(b'\\');
        }
        closed.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
    }
    closed.push(b']');
    closed
}

/// Whether a class (without its brackets) takes `byte`.
fn class_takes(class: &[u8], byte: u8) -> bool {
    let (negated, mut rest) = match class {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    loop {
        rest = match rest {
            [] => return found != negated,
            [b'\\', literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
            [from, b'-', to, rest @ ..] => {
                found |= (*from.min(to)..=*from.max(to)).contains(&byte);
                rest
            }
            [literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn says(pattern: &str, key: &str, expected: bool) {
        let glob = Glob::new(pattern.as_bytes()).unwrap();
        assert_eq!(glob.matches(key.as_bytes()), expected, "{pattern:?} on {key:?}");
    }

    #[test]
    fn literals_stars_and_question_marks() {
        says("", "", true);
        says("", "a", false);
        says("*", "", true);
        says("user:*", "user:", true);
        says("user:*", "user", false);
        says("h?llo", "hello", true);
        says("h?llo", "hllo", false);
        says("*a*b", "xaybzb", true);
        says("a**b", "ab", true);
        says("*?", "", false);
        says("a\\*b", "a*b", true);
        says("a\\*b", "axb", false);
        says("a\\\\", "a\\", true);
    }

    #[test]
    fn classes_as_redis_reads_them() {
        says("h[ae]llo", "hallo", true);
        says("h[ae]llo", "hillo", false);
        says("h[^e]llo", "hallo", true);
        says("h[^e]llo", "hello", false);
        says("[a-c]", "b", true);
        says("[c-a]", "b", true);
        says("[^c-a]", "b", false);
        says("[\\]]", "]", true);
        says("[\\^a]", "^", true);
        says("[-a]", "-", true);
        says("[a-]]", "^", true);
        says("[a-]]", "-", false);
        says("[]", "a", false);
        says("[^]", "a", true);
        says("[a-c-e]", "-", true);
        says("*[0-9]x", "a1b2x", true);
    }

    #[test]
    fn malformed_patterns_are_refused_with_the_place() {
        let refusal = |pattern: &[u8]| Glob::new(pattern).unwrap_err();
        assert_eq!(refusal(b"ab["), "pattern opens a '[' at byte 2 that nothing closes");
        assert_eq!(refusal(b"[a\\]"), "pattern opens a '[' at byte 0 that nothing closes");
        assert_eq!(refusal(b"[a-]"), "pattern opens a '[' at byte 0 that nothing closes");
        assert_eq!(refusal(b"ab\\"), "pattern ends in a lone '\\' at byte 2");
        assert_eq!(refusal(&[b'*'; 1025]), "pattern of 1025 bytes is longer than the 1024 allowed");
    }

    #[test]
    fn what_redis_takes_is_taken_where_asked() {
        let says = |pattern: &str, key: &str, expected| {
            let glob = Glob::forgiving(pattern.as_bytes()).unwrap();
            assert_eq!(glob.matches(key.as_bytes()), expected, "{pattern:?} on {key:?}");
        };
        for (pattern, takes, leaves) in [
            ("a\\", "a\\", "a"),
            ("[ab", "b", "["),
            ("[^ab", "c", "a"),
            ("[^", "a", ""),
            ("[a-", "-", "b"),
            ("[a-c", "b", "d"),
            ("[a-]", "^", "b"),
            ("[a\\", "\\", "b"),
            ("[\\]", "]", "\\"),
            ("k:*[0-9", "k:x7", "k:x"),
            ("[ab]", "a", "c"),
        ] {
            says(pattern, takes, true);
            says(pattern, leaves, false);
        }
        says("[", "[", false);
    }

    #[test]
    fn many_stars_do_not_explode() {
        let glob = Glob::new("a*".repeat(500).as_bytes()).unwrap();
        assert!(!glob.matches(format!("{}b", "a".repeat(499)).as_bytes()));
    }

    /// The definition, by recursion: what a star takes is tried at every length.
    fn naive(pattern: &[u8], key: &[u8]) -> bool {
        match pattern.first() {
            None => key.is_empty(),
            Some(b'*') => (0..=key.len()).any(|taken| naive(&pattern[1..], &key[taken..])),
            Some(_) => key.first().is_some_and(|byte| {
                let (length, fits) = one(pattern, *byte);
                fits && naive(&pattern[length..], &key[1..])
            }),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?\\[\\]^\\\\-]{0,10}", key in "[ab\\-^\\]]{0,8}") {
            if let Ok(glob) = Glob::new(pattern.as_bytes()) {
                prop_assert_eq!(glob.matches(key.as_bytes()), naive(pattern.as_bytes(), key.as_bytes()));
            }
        }

        #[test]
        fn any_bytes_are_parsed_or_refused(
            pattern in prop::collection::vec(any::<u8>(), 0..40),
            key in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            if let Ok(glob) = Glob::new(&pattern) {
                let _ = glob.matches(&key);
            }
        }

        #[test]
        fn an_escaped_key_matches_itself_only(key in "[a*?\\[\\]\\\\]{0,8}", other in "[a*?\\[\\]\\\\]{0,8}") {
            let escaped: String = key.chars().flat_map(|c| ['\\', c]).collect();
            let glob = Glob::new(escaped.as_bytes()).unwrap();
            prop_assert!(glob.matches(key.as_bytes()));
            prop_assert_eq!(glob.matches(other.as_bytes()), key == other);
        }
    }
}
