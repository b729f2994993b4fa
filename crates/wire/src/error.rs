//! What can be wrong with bytes.

use std::fmt;

/// Bytes that are no message of this version: what is wrong, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    /// Which byte of the frame, counted from 0 with its head.
    pub at: usize,
    /// What.
    pub wrong: Wrong,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The bytes end too early.
    Truncated {
        /// How many more were wanted.
        wanted: usize,
        /// How many are left.
        left: usize,
    },
    /// A frame that is longer than a frame may be.
    TooLong(usize),
    /// A frame of no bytes, which has not even a kind.
    Empty,
    /// A kind of message that this version does not know: the frame can be skipped.
    UnknownKind(u8),
    /// A variant inside a message that this version does not know.
    Unknown {
        /// Of what.
        what: &'static str,
        /// Which.
        tag: u8,
    },
    /// A number that goes on after 64 bits, or ends in a byte that adds nothing.
    BadVarint,
    /// A number beyond what its place can hold.
    OutOfRange {
        /// The number.
        number: u64,
        /// The largest that is allowed.
        most: u64,
    },
    /// More elements or bytes than the frame could hold.
    Count {
        /// How many are claimed.
        claimed: u64,
        /// How many bytes are left.
        left: usize,
    },
    /// Tags of a tail that do not rise.
    TagOrder(u64),
    /// Bytes after the end.
    Trailing(usize),
    /// A version of the envelope that this version does not know.
    EnvelopeVersion(u64),
    /// An envelope whose contents cannot be read.
    Envelope,
    /// What was read cannot be; says why.
    Malformed(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: ", self.at)?;
        match self.wrong {
            Wrong::Truncated { wanted, left } => write!(f, "{wanted} more bytes are wanted, {left} are left"),
            Wrong::TooLong(length) => {
                write!(f, "a frame of {length} bytes is longer than the {} allowed", crate::LONGEST)
            }
            Wrong::Empty => f.write_str("a frame of no bytes"),
            Wrong::UnknownKind(kind) => write!(f, "messages of kind {kind} are not known here"),
            Wrong::Unknown { what, tag } => write!(f, "{what} {tag} is not known here"),
            Wrong::BadVarint => f.write_str("a number that is not written as numbers are"),
            Wrong::OutOfRange { number, most } => write!(f, "{number} is more than the {most} allowed here"),
            Wrong::Count { claimed, left } => {
                write!(f, "{claimed} cannot be in the {left} bytes that are left")
            }
            Wrong::TagOrder(tag) => write!(f, "tag {tag} of a tail comes after one that is not lower"),
            Wrong::Trailing(count) => write!(f, "{count} bytes after the end"),
            Wrong::EnvelopeVersion(version) => {
                write!(f, "version {version} of the envelope is not known here")
            }
            Wrong::Envelope => f.write_str("the envelope's contents cannot be read"),
            Wrong::Malformed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

/// What reading gives.
pub type Result<T> = std::result::Result<T, Error>;
