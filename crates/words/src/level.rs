//! What a reader asks for.

use std::fmt;

use crate::{parse_duration_ms, shown};

/// What a reader is promised: the freshness that it asks for (docs/design.md, 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// As new as every write acknowledged before the read began.
    Strong,
    /// Reads its session's own writes, and never goes back.
    Session,
    /// Sees what the giver of its token saw.
    Causal,
    /// Not overwritten more than this many milliseconds ago.
    Bounded(u64),
    /// Current once, and converging.
    Eventual,
    /// Whatever is here.
    Weak,
}

impl Level {
    const EXPECTED: &'static str = "strong, session, causal, bounded(<duration>), eventual, weak";

    /// Parses a level, in any case: `strong`, `bounded(2s)`.
    ///
    /// # Errors
    /// Names the word and what is expected.
    pub fn parse(word: &[u8]) -> Result<Level, String> {
        let lower = word.to_ascii_lowercase();
        Ok(match &*lower {
            b"strong" => Level::Strong,
            b"session" => Level::Session,
            b"causal" => Level::Causal,
            b"eventual" => Level::Eventual,
            b"weak" => Level::Weak,
            _ => match lower.strip_prefix(b"bounded(").and_then(|rest| rest.strip_suffix(b")")) {
                Some(bound) => Level::Bounded(parse_duration_ms(bound).ok_or_else(|| {
                    let bound = shown(bound);
                    format!("invalid duration '{bound}' in level; expected one like 500ms, 2s, 5m or 1h")
                })?),
                None => {
                    let (word, expected) = (shown(word), Level::EXPECTED);
                    return Err(format!("unknown level '{word}'; expected one of {expected}"));
                }
            },
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Strong => "strong",
            Level::Session => "session",
            Level::Causal => "causal",
            Level::Bounded(ms) => return write!(f, "bounded({ms}ms)"),
            Level::Eventual => "eventual",
            Level::Weak => "weak",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_as_they_are_written() {
        use Level::{Bounded, Causal, Eventual, Session, Strong, Weak};
        for level in [Strong, Session, Causal, Bounded(2_000), Eventual, Weak] {
            assert_eq!(Level::parse(level.to_string().as_bytes()), Ok(level));
        }
        assert_eq!(Level::parse(b"BOUNDED(500MS)"), Ok(Bounded(500)));
        assert!(Level::parse(b"bounded").is_err_and(|why| why.starts_with("unknown level 'bounded'; ")));
        assert!(
            Level::parse(b"bounded(2)").is_err_and(|why| why.starts_with("invalid duration '2' in level; "))
        );
    }
}
