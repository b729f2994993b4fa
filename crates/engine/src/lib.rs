//! The Clearwell cache engine.
//!
//! Entries are kept fresh by one rule (see [`freshness`]): a value may be stored, and later served, only while no
//! invalidation that covers it was applied after its load began. The engine has no sockets, threads, clock or
//! randomness of its own: time and chance are arguments.

mod answers;
mod cascade;
mod counter;
mod draft;
mod engine;
mod event;
mod eviction;
mod flight;
pub mod freshness;
mod ghost;
pub mod glob;
mod graph;
mod hash;
mod invalidation;
mod lookup;
mod mark;
mod marks;
mod memory;
mod misses;
mod names;
mod order;
mod outstanding;
mod recent;
mod recount;
mod shard;
mod shared;
mod slab;
mod slot;
mod time;
mod view;
mod wheel;

pub use answers::{Account, Applied, Dependencies, Filled, Maintained, Offered, TooLarge};
pub use draft::{Change, Draft, Origin, Version};
pub use engine::{Config, Engine};
pub use event::{Event, EventPattern};
pub use flight::{FillLease, Landing, Outcome, Waiting};
pub use freshness::Seq;
pub use glob::Glob;
pub use invalidation::{Cause, Effect, Invalidation, Scope};
pub use lookup::{Ask, Lookup, OnMiss, Tolerate};
pub use order::Order;
pub use time::Millis;
pub use view::View;
