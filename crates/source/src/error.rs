//! Why a source did not do what it was asked.

use std::fmt;

/// Why a source did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceError {
    /// It refused the statement (a constraint, a type, a syntax error): its own message.
    Refused(String),
    /// It cannot be reached or opened.
    Unreachable(String),
    /// It did not answer within this many milliseconds. A write may or may not have been committed.
    TooSlow(u64),
    /// It was not asked: no connection to it was free within this many milliseconds. A write was certainly not done.
    Busy {
        /// How long was waited.
        within_ms: u64,
        /// Who holds the connections.
        why: String,
    },
}

impl SourceError {
    /// Whether the source did not answer, and did not judge what it was asked.
    pub fn is_silence(&self) -> bool {
        match self {
            SourceError::Refused(_) => false,
            SourceError::Unreachable(_) | SourceError::TooSlow(_) | SourceError::Busy { .. } => true,
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::Refused(message) => write!(f, "the source refused: {message}"),
            SourceError::Unreachable(message) => write!(f, "the source is unreachable: {message}"),
            SourceError::TooSlow(ms) => write!(f, "the source did not answer within {ms} ms"),
            SourceError::Busy { within_ms, why } => {
                write!(f, "no free connection to the source within {within_ms} ms: {why}")
            }
        }
    }
}

impl std::error::Error for SourceError {}
