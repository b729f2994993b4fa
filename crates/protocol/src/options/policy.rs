//! Levels, strategies and modes: the names of the promises on the wire (docs/design.md, 3).

use std::fmt;

use super::words::{Words, is, shown};
use crate::error::CommandError;
use crate::number::{parse_duration_ms, parse_i64};

/// What a reader is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// As new as every write acknowledged before the read began.
    Strong,
    /// Reads its session's own writes, and never goes back.
    Session,
    /// Sees what the giver of its token saw.
    Causal,
    /// Not older than this many milliseconds.
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
    pub fn parse(word: &[u8]) -> Result<Self, CommandError> {
        let plain = [
            ("strong", Level::Strong),
            ("session", Level::Session),
            ("causal", Level::Causal),
            ("eventual", Level::Eventual),
            ("weak", Level::Weak),
        ];
        if let Some((_, level)) = plain.into_iter().find(|(name, _)| is(word, name)) {
            return Ok(level);
        }
        let lower = word.to_ascii_lowercase();
        let Some(inner) = lower.strip_prefix(b"bounded(").and_then(|rest| rest.strip_suffix(b")")) else {
            return Err(CommandError::new(format!(
                "ERR unknown level '{}'; expected one of {}",
                shown(word),
                Self::EXPECTED
            )));
        };
        parse_duration_ms(inner).map(Level::Bounded).ok_or_else(|| {
            let inner = shown(inner);
            CommandError::new(format!(
                "ERR invalid duration '{inner}' in level; expected one like 500ms, 2s, 5m or 1h"
            ))
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

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// When a write is acknowledged, and what is left to do then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// The source committed and every copy is updated or dropped.
    WriteThrough,
    /// The source committed; copies drop theirs later.
    WriteInvalidate,
    /// The write is in the journal; the source follows.
    WriteBack,
    /// Stored here; there is no source.
    CacheOnly,
}

impl Strategy {
    /// Parses a strategy, in any case.
    ///
    /// # Errors
    /// Names the word and what is expected.
    pub fn parse(word: &[u8]) -> Result<Self, CommandError> {
        let all =
            [Strategy::WriteThrough, Strategy::WriteInvalidate, Strategy::WriteBack, Strategy::CacheOnly];
        all.into_iter().find(|strategy| is(word, strategy.name())).ok_or_else(|| {
            let word = shown(word);
            CommandError::new(format!(
                "ERR unknown strategy '{word}'; expected one of write-through, write-invalidate, write-back, cache-only"
            ))
        })
    }

    /// The name, as configuration and wire write it.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::WriteThrough => "write-through",
            Strategy::WriteInvalidate => "write-invalidate",
            Strategy::WriteBack => "write-back",
            Strategy::CacheOnly => "cache-only",
        }
    }
}

/// When an invalidation takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode<'a> {
    /// For the next read.
    #[default]
    Immediate,
    /// The next read refreshes; who allows it gets the stale value meanwhile.
    Lazy,
    /// After this many milliseconds.
    Delayed(u64),
    /// When the named event arrives.
    OnEvent(&'a [u8]),
}

impl<'a> Mode<'a> {
    /// How a mode is written, on every surface.
    pub const EXPECTED: &'static str = "immediate, lazy, delayed:2s, on-event:NAME";

    /// Parses the words after MODE. An earlier version wrote `delayed 2s` and `on-event name`, in two words.
    ///
    /// # Errors
    /// Names what is wrong and what is expected.
    pub(super) fn parse(words: &mut Words<'a>) -> Result<Self, CommandError> {
        let word = words.value_of("MODE", "immediate, lazy, delayed:2s or on-event:NAME")?;
        match () {
            () if is(word, "DELAYED") => delay(words.value_of("MODE delayed", "a time, as in delayed:2s")?),
            () if is(word, "ON-EVENT") => {
                event_of(words.value_of("MODE on-event", "the event's name, as in on-event:NAME")?)
            }
            () => Self::parse_word(word),
        }
    }

    /// Parses a mode: `immediate`, `lazy`, `delayed:2s`, `on-event:NAME`; the words in any case.
    ///
    /// # Errors
    /// Names what is wrong and what is expected.
    pub fn parse_word(word: &'a [u8]) -> Result<Self, CommandError> {
        let mut parts = word.splitn(2, |byte| *byte == b':');
        let (mode, rest) = (parts.next().unwrap_or_default(), parts.next());
        match rest {
            None if is(mode, "IMMEDIATE") => Ok(Mode::Immediate),
            None if is(mode, "LAZY") => Ok(Mode::Lazy),
            Some(rest) if is(mode, "DELAYED") => delay(rest),
            Some(rest) if is(mode, "ON-EVENT") => event_of(rest),
            _ => {
                let (word, expected) = (shown(word), Self::EXPECTED);
                Err(CommandError::new(format!("ERR unknown mode '{word}'; expected one of {expected}")))
            }
        }
    }
}

fn event_of(name: &[u8]) -> Result<Mode<'_>, CommandError> {
    if name.is_empty() {
        return Err(CommandError::literal(
            "ERR the mode on-event needs the event's name, as in on-event:NAME",
        ));
    }
    Ok(Mode::OnEvent(name))
}

/// Which time holds when a delayed invalidation is asked for again before it took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Coalesce {
    /// The timer starts anew.
    #[default]
    Restart,
    /// The earliest time that was asked for.
    First,
}

impl Coalesce {
    /// Parses `restart` or `first`, in any case.
    ///
    /// # Errors
    /// Names the word and what is expected.
    pub fn parse(word: &[u8]) -> Result<Self, CommandError> {
        match () {
            () if is(word, "RESTART") => Ok(Coalesce::Restart),
            () if is(word, "FIRST") => Ok(Coalesce::First),
            () => Err(CommandError::new(format!("ERR coalesce is restart or first, not '{}'", shown(word)))),
        }
    }
}

fn delay(text: &[u8]) -> Result<Mode<'static>, CommandError> {
    let plain = parse_i64(text).and_then(|ms| u64::try_from(ms).ok());
    plain.or_else(|| parse_duration_ms(text)).map(Mode::Delayed).ok_or_else(|| {
        let text = shown(text);
        CommandError::new(format!(
            "ERR invalid delay '{text}'; expected a duration as in delayed:2s, or milliseconds"
        ))
    })
}
