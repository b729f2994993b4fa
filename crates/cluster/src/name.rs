//! What an interest is in.

pub use clearwell_words::{Bytes, Name};
