//! SET and the old commands that are SET with fewer words.

use super::expire::{Expiry, TimeUnit, TimeWords, positive};
use super::words::{Words, is};
use crate::args::Args;
use crate::error::CommandError;

/// Whether SET depends on the key being there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SetCondition {
    /// It does not.
    #[default]
    Always,
    /// NX: only when it is not.
    IfMissing,
    /// XX: only when it is.
    IfPresent,
}

/// The time to live after SET.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SetTtl {
    /// None said: whatever the keyspace gives.
    #[default]
    Default,
    /// KEEPTTL: as it was.
    Keep,
    /// EX, PX, EXAT, PXAT.
    Set(Expiry),
}

/// The arguments of SET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetOptions<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// NX or XX.
    pub condition: SetCondition,
    /// GET: answer the old value.
    pub get: bool,
    /// The time to live.
    pub ttl: SetTtl,
}

impl<'a> SetOptions<'a> {
    /// Parses SET. A time is checked for being a positive number; whether it fits is for
    /// [`Expiry::resolve_positive`] with `"set"`.
    ///
    /// # Errors
    /// Redis's texts.
    #[inline]
    pub fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut words = Words::new(args, 1);
        let (key, value) = (words.required()?, words.required()?);
        let mut options =
            SetOptions { key, value, condition: SetCondition::Always, get: false, ttl: SetTtl::Default };
        if words.peek().is_some() {
            options.parse_words(words)?;
        }
        Ok(options)
    }

    fn parse_words(&mut self, mut words: Words<'a>) -> Result<(), CommandError> {
        let mut time = None;
        while let Some(word) = words.next() {
            if is(word, "NX") && self.condition != SetCondition::IfPresent {
                self.condition = SetCondition::IfMissing;
            } else if is(word, "XX") && self.condition != SetCondition::IfMissing {
                self.condition = SetCondition::IfPresent;
            } else if is(word, "GET") {
                self.get = true;
            } else if is(word, "KEEPTTL") && time.is_none() {
                self.ttl = SetTtl::Keep;
            } else if self.ttl != SetTtl::Keep {
                time = Some(TimeWords::take(time, word, &mut words)?);
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        if let Some(time) = time {
            self.ttl = SetTtl::Set(time.expiry("set")?);
        }
        Ok(())
    }

    /// SETEX and PSETEX: `key time value`.
    ///
    /// # Errors
    /// Redis's texts, with the command's own name.
    pub fn parse_setex(args: Args<'a>, unit: TimeUnit) -> Result<Self, CommandError> {
        let mut words = Words::new(args, 1);
        let (key, time, value) = (words.required()?, words.required()?, words.required()?);
        let command = if unit == TimeUnit::Seconds { "setex" } else { "psetex" };
        let ttl = SetTtl::Set(positive(unit, false, time, command)?);
        Ok(SetOptions { key, value, condition: SetCondition::Always, get: false, ttl })
    }
}
