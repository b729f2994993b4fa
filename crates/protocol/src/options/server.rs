//! Small arguments: WAIT, MEMORY USAGE, SLOWLOG GET, DECRBY, and lists of pairs.

use super::words::{Words, integer, is};
use crate::args::Args;
use crate::error::CommandError;
use crate::number::parse_i64;

/// The arguments of WAIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitOptions {
    /// Replicas to wait for.
    pub replicas: i64,
    /// How long at most, in milliseconds; 0 has no end.
    pub timeout_ms: u64,
}

impl WaitOptions {
    /// Parses `numreplicas timeout`.
    ///
    /// # Errors
    /// Redis's texts.
    pub fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut words = Words::new(args, 1);
        let replicas = words.integer()?;
        let timeout = parse_i64(words.required()?);
        let timeout =
            timeout.ok_or(CommandError::literal("ERR timeout is not an integer or out of range"))?;
        let timeout_ms = u64::try_from(timeout).map_err(|_| CommandError::NEGATIVE_TIMEOUT)?;
        Ok(WaitOptions { replicas, timeout_ms })
    }
}

/// The `[SAMPLES count]` of MEMORY USAGE; strings need none, so the count is only checked.
///
/// # Errors
/// Redis's texts.
pub fn parse_memory_samples(args: Args<'_>) -> Result<Option<u64>, CommandError> {
    let mut words = Words::new(args, 3);
    let mut samples = None;
    while let Some(word) = words.next() {
        if !is(word, "SAMPLES") {
            return Err(CommandError::SYNTAX);
        }
        samples = Some(u64::try_from(words.integer()?).map_err(|_| CommandError::SYNTAX)?);
    }
    Ok(samples)
}

/// The `[count]` of SLOWLOG GET: 10 when left out, all for -1.
///
/// # Errors
/// Redis's text.
pub fn parse_slowlog_count(args: Args<'_>) -> Result<usize, CommandError> {
    let Some(text) = args.get(2) else { return Ok(10) };
    match parse_i64(text) {
        Some(-1) => Ok(usize::MAX),
        count => count
            .and_then(|count| usize::try_from(count).ok())
            .ok_or(CommandError::literal("ERR count should be greater than or equal to -1")),
    }
}

/// The increment that DECRBY's argument means.
///
/// # Errors
/// Redis's texts for no number and for the one that cannot be negated.
pub fn parse_decrement(text: &[u8]) -> Result<i64, CommandError> {
    integer(text)?.checked_neg().ok_or(CommandError::literal("ERR decrement would overflow"))
}

/// Whether the arguments from `first` on are pairs, as MSET needs them; `command` as in the table.
///
/// # Errors
/// The text of a wrong number of arguments.
pub fn check_pairs(args: Args<'_>, first: usize, command: &str) -> Result<(), CommandError> {
    if args.from(first).len().is_multiple_of(2) { Ok(()) } else { Err(CommandError::wrong_arity(command)) }
}
