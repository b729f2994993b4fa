//! The Clearwell cache engine.
//!
//! Entries are kept fresh by one rule (see [`freshness`]): a value may be stored, and later served, only while no
//! invalidation that covers it was applied after its load began. The engine has no sockets, threads, clock or
//! randomness of its own: time and chance are arguments.
//!
//! The late fill that other caches keep is refused:
//!
//! ```
//! use clearwell_engine::{Cause, Config, Draft, Effect, Engine, Filled, Invalidation, Millis, Scope};
//!
//! let (engine, now) = (Engine::new(Config::default(), 7), Millis(1));
//! let draft = |value: &'static [u8]| Draft { value: Some(value), ..Draft::default() };
//!
//! let began = engine.seq(); // a reader misses, and reads "old" from the database;
//! let changed = Invalidation {
//!     scope: Scope::Key(b"post:1".as_slice().into()).into(),
//!     effect: Effect::Gone,
//!     cascade: true,
//!     version: None,
//!     cause: Cause::Commit,
//! };
//! engine.apply(&changed, now); // the row changes,
//! assert_eq!(engine.fill(b"post:1", began, &draft(b"old"), now), Filled::Refused); // and the reader comes too late
//! assert_eq!(engine.fill(b"post:1", engine.seq(), &draft(b"new"), now), Filled::Stored);
//! assert_eq!(engine.peek(b"post:1", now, |view| view.value().map(Vec::from)), Some(Some(b"new".to_vec())));
//! ```

mod answers;
mod cascade;
mod census;
mod codec;
mod counter;
mod departures;
mod draft;
mod engine;
mod eviction;
mod flight;
pub mod freshness;
mod graph;
mod hash;
mod history;
mod ledger;
mod lookup;
mod mark;
mod marks;
mod memory;
mod misses;
mod names;
mod order;
mod outstanding;
mod raises;
mod recent;
mod recount;
mod shard;
mod shared;
mod slab;
mod slot;
mod story;
mod tally;
mod view;
mod wheel;

pub use answers::{
    Account, Applied, Dependencies, Dependent, Edge, Edges, Filled, Maintained, Offered, Page, PageFrom,
    TooLarge,
};
pub use census::Reader;
pub use clearwell_words::{Cause, Effect, Event, EventPattern, Glob, Invalidation, Millis, Scope, Version};
pub use codec::{Codec, Packed};
pub use departures::{Departure, Departures};
pub use draft::{Change, Draft, Origin};
pub use engine::{Config, Engine, Relocated, Relocation};
pub use eviction::Eviction;
pub use flight::{FillLease, Landing, Loaded, Outcome, Waiting};
pub use freshness::Seq;
pub use history::{Made, Through};
pub use ledger::Noted;
pub use lookup::{Ask, Lookup, OnMiss, Reads, Tolerate};
pub use order::{Order, Provenance};
pub use shared::Standing;
pub use story::{By, State, Step, Story};
pub use view::View;
