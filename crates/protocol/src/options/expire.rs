//! Times to live: units, conditions, and arithmetic that does not overflow.

use super::words::{Words, integer, is, shown};
use crate::args::Args;
use crate::error::CommandError;

/// The unit of a time argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// A time argument as given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The unit of `value`.
    pub unit: TimeUnit,
    /// The number given.
    pub value: i64,
    /// Whether it counts from 1970 and not from now.
    pub absolute: bool,
}

impl Expiry {
    /// The deadline in milliseconds since 1970, which may lie in the past.
    ///
    /// # Errors
    /// `ERR invalid expire time in '...' command` when it fits no i64; `command` as in the table.
    pub fn resolve(self, now_unix_ms: i64, command: &str) -> Result<i64, CommandError> {
        let factor = if self.unit == TimeUnit::Seconds { 1000 } else { 1 };
        let base = if self.absolute { 0 } else { now_unix_ms };
        let deadline = self.value.checked_mul(factor).and_then(|ms| ms.checked_add(base));
        deadline.ok_or_else(|| CommandError::invalid_expire(command))
    }

    /// As [`Expiry::resolve`], for commands that refuse a time of zero or less (SET, GETEX, SETEX).
    ///
    /// # Errors
    /// `ERR invalid expire time in '...' command`.
    pub fn resolve_positive(self, now_unix_ms: i64, command: &str) -> Result<i64, CommandError> {
        if self.value <= 0 {
            return Err(CommandError::invalid_expire(command));
        }
        self.resolve(now_unix_ms, command)
    }

    /// The unit and base that EX, PX, EXAT or PXAT mean.
    pub(super) fn option(word: &[u8]) -> Option<(TimeUnit, bool)> {
        match () {
            () if is(word, "EX") => Some((TimeUnit::Seconds, false)),
            () if is(word, "PX") => Some((TimeUnit::Milliseconds, false)),
            () if is(word, "EXAT") => Some((TimeUnit::Seconds, true)),
            () if is(word, "PXAT") => Some((TimeUnit::Milliseconds, true)),
            () => None,
        }
    }
}

/// A time as SET and GETEX are given it, not yet read as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWords<'a> {
    unit: TimeUnit,
    absolute: bool,
    text: &'a [u8],
}

impl<'a> TimeWords<'a> {
    /// Takes the time behind `word` from `words`, if `word` asks for one. The same option may be given again, and its last time
    /// counts; one beside another unit or base is a syntax error.
    pub(super) fn take(
        given: Option<Self>,
        word: &[u8],
        words: &mut Words<'a>,
    ) -> Result<Self, CommandError> {
        let (unit, absolute) = Expiry::option(word).ok_or(CommandError::SYNTAX)?;
        if given.is_some_and(|given| (given.unit, given.absolute) != (unit, absolute)) {
            return Err(CommandError::SYNTAX);
        }
        Ok(TimeWords { unit, absolute, text: words.required()? })
    }

    /// The time, checked for being a positive number; whether it fits is for [`Expiry::resolve_positive`].
    ///
    /// # Errors
    /// Redis's texts for what is no number, and for a time that is not above zero in `command`.
    pub fn expiry(self, command: &str) -> Result<Expiry, CommandError> {
        positive(self.unit, self.absolute, self.text, command)
    }
}

/// When EXPIRE and its like may change a deadline. The default is always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ExpireCondition {
    /// Only when there is none.
    pub nx: bool,
    /// Only when there is one.
    pub xx: bool,
    /// Only to a later one; none counts as never.
    pub gt: bool,
    /// Only to an earlier one; none counts as never.
    pub lt: bool,
}

impl ExpireCondition {
    /// Whether a key whose deadline is `current` may get `wanted`, both in milliseconds since 1970.
    pub fn allows(self, current: Option<i64>, wanted: i64) -> bool {
        let not_nx = self.nx && current.is_some();
        let not_xx = self.xx && current.is_none();
        let not_gt = self.gt && current.is_none_or(|current| wanted <= current);
        let not_lt = self.lt && current.is_some_and(|current| wanted >= current);
        !(not_nx || not_xx || not_gt || not_lt)
    }
}

/// The arguments of EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpireOptions<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The time given; negative is legal and means at once.
    pub expiry: Expiry,
    /// When it may be set.
    pub condition: ExpireCondition,
}

impl<'a> ExpireOptions<'a> {
    /// Parses `key time [NX|XX|GT|LT ...]`; the command says unit and base.
    ///
    /// # Errors
    /// Redis's texts for an option that is none, options that exclude each other, and a time that is none.
    pub fn parse(args: Args<'a>, unit: TimeUnit, absolute: bool) -> Result<Self, CommandError> {
        let mut words = Words::new(args, 1);
        let key = words.required()?;
        let time = words.required()?;
        let mut condition = ExpireCondition::default();
        while let Some(word) = words.next() {
            match () {
                () if is(word, "NX") => condition.nx = true,
                () if is(word, "XX") => condition.xx = true,
                () if is(word, "GT") => condition.gt = true,
                () if is(word, "LT") => condition.lt = true,
                () => return Err(CommandError::new(format!("ERR Unsupported option {}", shown(word)))),
            }
        }
        if condition.nx && (condition.xx || condition.gt || condition.lt) {
            return Err(CommandError::literal(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if condition.gt && condition.lt {
            return Err(CommandError::literal("ERR GT and LT options at the same time are not compatible"));
        }
        let expiry = Expiry { unit, value: integer(time)?, absolute };
        Ok(ExpireOptions { key, expiry, condition })
    }
}

/// What GETEX does to the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetExChange<'a> {
    /// Nothing: a plain read.
    Keep,
    /// Takes it away.
    Persist,
    /// Sets it. A time that is none is an error only where there is a key.
    Set(TimeWords<'a>),
}

/// The arguments of GETEX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetExOptions<'a> {
    /// The key.
    pub key: &'a [u8],
    /// What happens to the deadline.
    pub change: GetExChange<'a>,
}

impl<'a> GetExOptions<'a> {
    /// Parses `key [EX s|PX ms|EXAT s|PXAT ms|PERSIST]`.
    ///
    /// # Errors
    /// `ERR syntax error`.
    pub fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut words = Words::new(args, 1);
        let key = words.required()?;
        let mut change = GetExChange::Keep;
        while let Some(word) = words.next() {
            change = match change {
                GetExChange::Keep | GetExChange::Persist if is(word, "PERSIST") => GetExChange::Persist,
                GetExChange::Persist => return Err(CommandError::SYNTAX),
                GetExChange::Keep => GetExChange::Set(TimeWords::take(None, word, &mut words)?),
                GetExChange::Set(time) => GetExChange::Set(TimeWords::take(Some(time), word, &mut words)?),
            };
        }
        Ok(GetExOptions { key, change })
    }
}

/// A time that must be above zero.
pub(super) fn positive(
    unit: TimeUnit,
    absolute: bool,
    text: &[u8],
    command: &str,
) -> Result<Expiry, CommandError> {
    let value = integer(text)?;
    if value <= 0 {
        return Err(CommandError::invalid_expire(command));
    }
    Ok(Expiry { unit, value, absolute })
}
