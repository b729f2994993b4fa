//! What a command answers when it refuses.

use std::borrow::Cow;
use std::fmt;

/// A refusal: the text of an error reply, its code word first (`ERR syntax error`). Bytes, since Redis repeats a
/// client's arguments as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError(Cow<'static, [u8]>);

impl CommandError {
    /// Options that do not fit together, or that the command does not have.
    pub const SYNTAX: CommandError = CommandError::literal("ERR syntax error");
    /// A number that is none, or does not fit.
    pub const NOT_AN_INTEGER: CommandError =
        CommandError::literal("ERR value is not an integer or out of range");
    /// A float that is none.
    pub const NOT_A_FLOAT: CommandError = CommandError::literal("ERR value is not a valid float");
    /// A key that must be there is not.
    pub const NO_SUCH_KEY: CommandError = CommandError::literal("ERR no such key");
    /// A database number beyond those that exist.
    pub const DB_OUT_OF_RANGE: CommandError = CommandError::literal("ERR DB index is out of range");
    /// A place below 0 or beyond what a value may have.
    pub const OFFSET_OUT_OF_RANGE: CommandError = CommandError::literal("ERR offset is out of range");
    /// A value would become too long.
    pub const TOO_LONG: CommandError =
        CommandError::literal("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    /// INCR and its like would leave the range of an i64.
    pub const WOULD_OVERFLOW: CommandError =
        CommandError::literal("ERR increment or decrement would overflow");
    /// INCRBYFLOAT would make what is no number.
    pub const WOULD_BE_INFINITE: CommandError =
        CommandError::literal("ERR increment would produce NaN or Infinity");
    /// A value of a type that the command is not for.
    pub const WRONG_TYPE: CommandError =
        CommandError::literal("WRONGTYPE Operation against a key holding the wrong kind of value");
    /// A timeout below 0.
    pub const NEGATIVE_TIMEOUT: CommandError = CommandError::literal("ERR timeout is negative");
    /// A cursor that SCAN did not give.
    pub const INVALID_CURSOR: CommandError = CommandError::literal("ERR invalid cursor");

    /// A refusal with a fixed text.
    pub const fn literal(text: &'static str) -> Self {
        CommandError(Cow::Borrowed(text.as_bytes()))
    }

    /// A refusal with a text of its own.
    pub fn new(text: impl Into<Vec<u8>>) -> Self {
        CommandError(Cow::Owned(text.into()))
    }

    /// A refusal that says what is wrong: `ERR unknown level 'foo'; ..`.
    pub fn of(why: impl fmt::Display) -> Self {
        CommandError::new(format!("ERR {why}"))
    }

    /// `ERR invalid expire time in 'set' command`; the name as in the table.
    pub fn invalid_expire(command: &str) -> Self {
        CommandError::new(format!("ERR invalid expire time in '{command}' command"))
    }

    /// `ERR wrong number of arguments for 'client|id' command`; the name as in the table.
    pub fn wrong_arity(command: &str) -> Self {
        CommandError::new(format!("ERR wrong number of arguments for '{command}' command"))
    }

    /// The reply's bytes, without the leading `-`; may hold CR and LF, which [`crate::Encoder::error`] replaces.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for CommandError {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl std::error::Error for CommandError {}
