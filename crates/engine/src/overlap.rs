//! Whether some key is matched by two patterns: who follows the one must hear of an invalidation of the other.

use crate::Glob;
use crate::glob::one;

/// Pairs of places that are looked at; patterns with more are taken to overlap.
const PAIRS_MOST: usize = 1 << 16;

/// A piece of a pattern.
enum Piece {
    /// Any bytes, or none.
    Star,
    /// One byte of these.
    One(Bytes),
}

/// A set of bytes.
#[derive(Clone, Copy)]
struct Bytes([u64; 4]);

impl Bytes {
    fn of(takes: impl Fn(u8) -> bool) -> Bytes {
        let mut bytes = Bytes([0; 4]);
        for byte in 0..=u8::MAX {
            if takes(byte) {
                bytes.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
            }
        }
        bytes
    }

    fn meets(&self, other: &Bytes) -> bool {
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
                if rest[0] == b'*' { Piece::Star } else { Piece::One(Bytes::of(|byte| one(rest, byte).1)) };
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
        /// What both match, they overlap in; short texts of two letters find nearly every overlap.
        #[test]
        fn a_common_text_is_an_overlap(a in "[ab*?]{0,6}", b in "[ab*?]{0,6}") {
            let (a, b) = (glob(&a), glob(&b));
            let texts = (0..=7u32).flat_map(|length| (0..1u32 << length).map(move |bits| {
                (0..length).map(|at| if bits >> at & 1 == 0 { b'a' } else { b'b' }).collect::<Vec<u8>>()
            }));
            let common = texts.into_iter().any(|text| a.matches(&text) && b.matches(&text));
            if common {
                prop_assert!(a.overlaps(&b));
            }
            // Without a common text of up to seven letters none is longer: a star may stand for nothing.
            if !common && a.as_bytes().len() + b.as_bytes().len() <= 7 {
                prop_assert!(!a.overlaps(&b));
            }
        }
    }
}
