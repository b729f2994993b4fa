//! Slots, as Redis Cluster counts them.

pub use clearwell_words::{SLOTS, slot_of};
