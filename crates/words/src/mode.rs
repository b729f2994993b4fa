//! When an invalidation takes effect.

use crate::duration::whole;
use crate::{EventPattern, parse_duration_ms, shown};

/// When an invalidation takes effect, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mode {
    /// Gone for the next read.
    #[default]
    Immediate,
    /// Marked stale: the next read refreshes.
    Lazy,
    /// Gone after this many milliseconds; repeats of the same scope meanwhile are one.
    Delayed(u64),
    /// Gone when an event arrives that this pattern matches.
    OnEvent(EventPattern),
}

impl Mode {
    /// How a mode is written, on every surface.
    pub const EXPECTED: &'static str = "immediate, lazy, delayed:2s, on-event:NAME";

    /// Parses the form that every surface takes: `immediate`, `lazy`, `delayed:2s`, `on-event:NAME`; the words in any case.
    ///
    /// # Errors
    /// Says what is wrong and what is expected.
    pub fn parse(word: &[u8]) -> Result<Mode, String> {
        let mut parts = word.splitn(2, |byte| *byte == b':');
        let (mode, rest) = (parts.next().unwrap_or_default().to_ascii_lowercase(), parts.next());
        match (&*mode, rest) {
            (b"immediate", None) => Ok(Mode::Immediate),
            (b"lazy", None) => Ok(Mode::Lazy),
            (b"delayed", Some(rest)) => delay(rest),
            (b"on-event", Some(rest)) => event(rest),
            _ => {
                let (word, expected) = (shown(word), Mode::EXPECTED);
                Err(format!("unknown mode '{word}'; expected one of {expected}"))
            }
        }
    }
}

fn delay(text: &[u8]) -> Result<Mode, String> {
    whole(text).or_else(|| parse_duration_ms(text)).map(Mode::Delayed).ok_or_else(|| {
        let text = shown(text);
        format!("invalid delay '{text}'; expected a duration as in delayed:2s, or milliseconds")
    })
}

fn event(pattern: &[u8]) -> Result<Mode, String> {
    if pattern.is_empty() {
        return Err("the mode on-event needs the event's name, as in on-event:NAME".into());
    }
    let text = std::str::from_utf8(pattern).map_err(|_| "MODE on-event takes UTF-8 text")?;
    let wrong = |why| format!("malformed event '{text}' in mode on-event: {why}");
    Ok(Mode::OnEvent(EventPattern::parse(text).map_err(wrong)?))
}

/// Which time holds when a delayed invalidation is asked for again before it took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    pub fn parse(word: &[u8]) -> Result<Coalesce, String> {
        match &*word.to_ascii_lowercase() {
            b"restart" => Ok(Coalesce::Restart),
            b"first" => Ok(Coalesce::First),
            _ => Err(format!("coalesce is restart or first, not '{}'", shown(word))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_in_any_case_and_refused_with_what_is_expected() {
        let pattern = EventPattern::parse("moved{id=*}").expect("a pattern");
        for (word, mode) in [
            ("Immediate", Mode::Immediate),
            ("lazy", Mode::Lazy),
            ("DELAYED:2s", Mode::Delayed(2_000)),
            ("delayed:250", Mode::Delayed(250)),
            ("on-event:moved{id=*}", Mode::OnEvent(pattern)),
        ] {
            assert_eq!(Mode::parse(word.as_bytes()), Ok(mode), "{word}");
        }
        for (word, why) in [
            ("soon", "unknown mode 'soon'; expected one of "),
            ("lazy:2s", "unknown mode 'lazy:2s'; "),
            ("delayed:", "invalid delay ''; "),
            ("delayed:-1", "invalid delay '-1'; "),
            ("on-event:", "the mode on-event needs the event's name"),
            ("on-event:e{", "malformed event 'e{' in mode on-event: event pattern opens a '{'"),
        ] {
            assert!(Mode::parse(word.as_bytes()).is_err_and(|told| told.starts_with(why)), "{word}");
        }
    }

    #[test]
    fn repeats_are_taken_by_the_first_or_the_last() {
        assert_eq!(Coalesce::parse(b"FIRST"), Ok(Coalesce::First));
        assert_eq!(Coalesce::parse(b"restart"), Ok(Coalesce::Restart));
        assert_eq!(Coalesce::parse(b"last").unwrap_err(), "coalesce is restart or first, not 'last'");
    }
}
