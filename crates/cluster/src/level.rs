//! What a reader asks for, and what it has seen.

pub use clearwell_words::{Level, Token};

/// Whether a copy that lies here may be served to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Yes: it satisfies the level, and was certainly current this many milliseconds ago.
    Serve {
        /// Age of the proof in milliseconds; `None` when nothing proves that it is still current (the reply is marked stale).
        age_ms: Option<u64>,
    },
    /// No: send the read to the member, which asks the owner.
    Ask,
}
