//! The words of Clearwell as types. Every crate means the same by them; what is done with them is said elsewhere.
//!
//! The crate has no dependencies, and knows nothing of entries, nodes, sockets or databases.
//!
//! ```
//! use clearwell_words::{Cause, Effect, Invalidation, Name, Scope, SLOTS};
//!
//! let changed = Invalidation {
//!     scope: Scope::Tag(b"author:1".as_slice().into()).into(),
//!     effect: Effect::Gone,
//!     cascade: true,
//!     version: None,
//!     cause: Cause::Commit,
//! };
//! let name = Name::of(&changed.scope).expect("a tag has one name");
//! assert!(name.slot(SLOTS).0 < SLOTS);
//! ```

mod ack;
mod addresses;
mod duration;
mod event;
mod glob;
mod ids;
mod invalidation;
mod kept;
mod level;
mod mode;
mod name;
mod slot;
mod strategy;
mod time;
mod token;
mod version;

pub use ack::Ack;
pub use addresses::Addresses;
pub use duration::parse_duration_ms;
pub use event::{Event, EventPattern};
pub use glob::Glob;
pub use ids::{Epoch, NodeId, Peer, Position};
pub use invalidation::{Cause, Effect, Invalidation, Scope};
pub use kept::{KeptScope, ShortName};
pub use level::Level;
pub use mode::{Coalesce, Mode};
pub use name::{Bytes, Name};
pub use slot::{SLOTS, Slot, slot_of};
pub use strategy::Strategy;
pub use time::Millis;
pub use token::Token;
pub use version::Version;

/// A client's word as an error repeats it: readable, and not long.
fn shown(word: &[u8]) -> String {
    const LONGEST: usize = 64;
    String::from_utf8_lossy(word.get(..LONGEST).unwrap_or(word)).into_owned()
}
