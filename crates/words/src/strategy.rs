//! How a write reaches its source.

use std::fmt;

use crate::shown;

/// When a write is acknowledged, and what is left to do then (docs/design.md, 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// `write-through`: when the source has it and no live copy is older.
    Through,
    /// `write-invalidate`: when the source has it and the invalidation is in the log; copies drop theirs later.
    Invalidate,
    /// `write-back` (write-behind): when it is in the journal; the source follows.
    Back,
    /// `cache-only`: when it is stored; there is no source.
    CacheOnly,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Strategy; 4] =
        [Strategy::Through, Strategy::Invalidate, Strategy::Back, Strategy::CacheOnly];

    /// Parses a strategy, in any case.
    ///
    /// # Errors
    /// Names the word and what is expected.
    pub fn parse(word: &[u8]) -> Result<Strategy, String> {
        let is_it = |strategy: &Strategy| word.eq_ignore_ascii_case(strategy.name().as_bytes());
        Strategy::ALL.into_iter().find(is_it).ok_or_else(|| {
            let (word, expected) = (shown(word), Strategy::ALL.map(Strategy::name).join(", "));
            format!("unknown strategy '{word}'; expected one of {expected}")
        })
    }

    /// The name, as configuration and wire write it.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Through => "write-through",
            Strategy::Invalidate => "write-invalidate",
            Strategy::Back => "write-back",
            Strategy::CacheOnly => "cache-only",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_are_read_as_they_are_written() {
        for strategy in Strategy::ALL {
            assert_eq!(Strategy::parse(strategy.to_string().to_uppercase().as_bytes()), Ok(strategy));
        }
        assert_eq!(
            Strategy::parse(b"write-around").unwrap_err(),
            "unknown strategy 'write-around'; expected one of write-through, write-invalidate, write-back, cache-only"
        );
    }
}
