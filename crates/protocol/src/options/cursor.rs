//! SCAN, COPY and the flushes.

use super::words::{Words, integer, is};
use crate::args::Args;
use crate::error::CommandError;

/// The arguments of SCAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanOptions<'a> {
    /// Where to go on; 0 begins.
    pub cursor: u64,
    /// Only keys that this glob matches.
    pub pattern: Option<&'a [u8]>,
    /// About how many keys to look at.
    pub count: usize,
    /// Only keys of this type.
    pub kind: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    /// Parses `cursor [MATCH pattern] [COUNT n] [TYPE type]`.
    ///
    /// # Errors
    /// Redis's texts: `ERR invalid cursor`, `ERR syntax error`, a COUNT that is no number.
    pub fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut words = Words::new(args, 1);
        let cursor = parse_cursor(words.required()?)?;
        let mut options = ScanOptions { cursor, pattern: None, count: 10, kind: None };
        while let Some(word) = words.next() {
            let value = words.required()?;
            if is(word, "COUNT") {
                let count = integer(value)?;
                options.count = usize::try_from(count).ok().filter(|&n| n > 0).ok_or(CommandError::SYNTAX)?;
            } else if is(word, "MATCH") {
                options.pattern = Some(value);
            } else if is(word, "TYPE") {
                options.kind = Some(value);
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(options)
    }
}

/// As C's `strtoul` reads it, which Redis asks: nothing is 0, a sign is allowed, and a negative number counts down from the
/// top. White space before it is not.
fn parse_cursor(text: &[u8]) -> Result<u64, CommandError> {
    let (negative, digits) = match text {
        [] => return Ok(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let number: u64 = digits.and_then(|digits| digits.parse().ok()).ok_or(CommandError::INVALID_CURSOR)?;
    Ok(if negative { number.wrapping_neg() } else { number })
}

/// The arguments of COPY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyOptions<'a> {
    /// The key that is copied.
    pub source: &'a [u8],
    /// The key that gets the value.
    pub destination: &'a [u8],
    /// Whether what `destination` holds may go.
    pub replace: bool,
}

impl<'a> CopyOptions<'a> {
    /// Parses `source destination [DB n] [REPLACE]`; the only database is 0.
    ///
    /// # Errors
    /// Redis's texts; as there, of the first word that is wrong.
    pub fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut words = Words::new(args, 1);
        let (source, destination) = (words.required()?, words.required()?);
        let mut options = CopyOptions { source, destination, replace: false };
        while let Some(word) = words.next() {
            if is(word, "REPLACE") {
                options.replace = true;
            } else if is(word, "DB") {
                if words.integer()? != 0 {
                    return Err(CommandError::DB_OUT_OF_RANGE);
                }
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(options)
    }
}

/// When FLUSHDB and FLUSHALL answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FlushMode {
    /// When the memory is given back.
    #[default]
    Sync,
    /// At once.
    Async,
}

/// Parses the option of FLUSHDB and FLUSHALL.
///
/// # Errors
/// `ERR syntax error`.
pub fn check_flush(args: Args<'_>) -> Result<FlushMode, CommandError> {
    match (args.len(), args.get(1)) {
        (1, _) => Ok(FlushMode::Sync),
        (2, Some(word)) if is(word, "SYNC") => Ok(FlushMode::Sync),
        (2, Some(word)) if is(word, "ASYNC") => Ok(FlushMode::Async),
        _ => Err(CommandError::SYNTAX),
    }
}
