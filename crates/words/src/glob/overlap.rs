//! Whether some key is matched by two patterns: who follows the one must hear of an invalidation of the other.

use super::{Glob, one};

/// Pairs of places that are looked at; patterns with more are taken to overlap.
const PAIRS_MOST: usize = 1 << 16;

/// A piece of a pattern.
enum Piece {
    /// Any bytes, or none.
    Star,
    /// One byte of these.
    One(ByteSet),
}

/// A set of bytes.
#[derive(Clone, Copy)]
struct ByteSet([u64; 4]);

impl ByteSet {
    fn of(takes: impl Fn(u8) -> bool) -> ByteSet {
        let mut bytes = ByteSet([0; 4]);
        for byte in 0..=u8::MAX {
            if takes(byte) {
                bytes.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
            }
        }
        bytes
    }

    fn meets(&self, other: &ByteSet) -> bool {
        self.0.iter().zip(other.0).any(|(a, b)| a & b != 0)
    }
}

impl Glob {
    /// All that begins so, whatever stands in it.
    pub fn beginning(prefix: &[u8]) -> Glob {
        let mut pattern = Vec::with_capacity(prefix.len() + 1);
        for &byte in prefix {
            if matches!(byte, b'*' | b'?' | b'[' | b'\\') {
                pattern.push(b'\\');
            }
            pattern.push(byte);
        }
        pattern.push(b'*');
        Glob::unchecked(pattern)
    }

    /// This pattern behind a prefix that is taken as it stands.
    #[must_use]
    pub fn behind(&self, prefix: &[u8]) -> Glob {
        let mut pattern = Glob::beginning(prefix).as_bytes().to_vec();
        pattern.pop();
        pattern.extend_from_slice(self.as_bytes());
        Glob::unchecked(pattern)
    }

    /// Whether some text matches both. Two patterns that are too long to be sure of do.
    pub fn overlaps(&self, other: &Glob) -> bool {
        let (ours, theirs) = (self.pieces(), other.pieces());
        let width = theirs.len() + 1;
        if (ours.len() + 1).saturating_mul(width) > PAIRS_MOST {
            return true;
        }
        // Places of both that some text leads to. A step never goes back in either, so one pass in order finds all.
        let mut reached = vec![false; (ours.len() + 1) * width];
        reached[0] = true;
        for at in 0..reached.len() {
            if !reached[at] {
                continue;
            }
            match (ours.get(at / width), theirs.get(at % width)) {
                (None, None) => return true,
                (Some(Piece::Star), theirs) => {
                    reached[at + width] = true;
                    if theirs.is_some() {
                        reached[at + 1] = true;
                    }
                }
                (ours, Some(Piece::Star)) => {
                    reached[at + 1] = true;
                    if ours.is_some() {
                        reached[at + width] = true;
                    }
                }
                (Some(Piece::One(a)), Some(Piece::One(b))) if a.meets(b) => reached[at + width + 1] = true,
                _ => {}
            }
        }
        false
    }

    fn pieces(&self) -> Vec<Piece> {
        let mut rest = self.as_bytes();
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let piece =
                if rest[0] == b'*' { Piece::Star } else { Piece::One(ByteSet::of(|byte| one(rest, byte).1)) };
            let length = if rest[0] == b'*' { 1 } else { one(rest, 0).0 };
            rest = &rest[length..];
            pieces.push(piece);
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn glob(text: &str) -> Glob {
        Glob::new(text.as_bytes()).expect(text)
    }

    #[test]
    fn patterns_overlap_when_some_key_matches_both() {
        for (a, b, expected) in [
            ("user:*", "user:1", true),
            ("user:*", "*:1", true),
            ("user:*", "post:*", false),
            ("*", "", true),
            ("a*b", "*c", false),
            ("a*b", "?x[b-d]", true),
            ("[^a]*", "a*", false),
            (r"\*", "*", true),
            (r"\*", "a", false),
            ("a?c", "a*", true),
            ("a?c", "ac", false),
        ] {
            assert_eq!(glob(a).overlaps(&glob(b)), expected, "{a} {b}");
            assert_eq!(glob(b).overlaps(&glob(a)), expected, "{b} {a}");
        }
        assert!(Glob::beginning(b"us*r:").overlaps(&glob(r"us\*r:7")));
        assert!(!Glob::beginning(b"us*r:").overlaps(&glob("user:7")));
        assert!(glob("u*").behind(b"key[:").matches(b"key[:user"));
    }

    proptest! {
        /// One letter that no pattern names stands for all the others. The shortest common text has a letter for each piece
        /// that takes one, of both patterns at most, and a pattern with a star has four such pieces at most.
        #[test]
        fn two_patterns_overlap_exactly_where_a_short_text_matches_both(
            one in "[ab*?]{0,5}|\\[\\^?[ab]\\][a*]{0,3}|(\\\\[ab]){0,2}b?",
            other in "[ab*?]{0,5}|[b*]{0,3}\\[ab\\]|[*]?(\\[\\^?a-b\\]){1,2}",
        ) {
            let (one, other) = (glob(&one), glob(&other));
            let mut texts: Vec<Vec<u8>> = vec![Vec::new()];
            for length in 0..8usize {
                let longer: Vec<Vec<u8>> = texts.iter().filter(|text| text.len() == length)
                    .flat_map(|text| b"abc".map(|byte| [&text[..], &[byte]].concat())).collect();
                texts.extend(longer);
            }
            let found = texts.iter().any(|text| one.matches(text) && other.matches(text));
            prop_assert_eq!(one.overlaps(&other), found);
            prop_assert_eq!(other.overlaps(&one), found);
        }
    }
}
