//! The Clearwell cache engine.
//!
//! Entries are kept fresh by one rule (see [`freshness`]): a value may be stored, and later served, only while no
//! invalidation that covers it was applied after its load began. The engine has no sockets, threads, clock or
//! randomness of its own: time and chance are arguments.

mod cascade;
mod counter;
mod draft;
mod engine;
mod event;
mod flight;
pub mod freshness;
pub mod glob;
mod graph;
mod invalidation;
mod lookup;
mod mark;
mod marks;
mod misses;
mod names;
mod outstanding;
mod recent;
mod recount;
mod time;
mod view;

pub use draft::{Change, Draft, Version};
pub use engine::{Account, Applied, Config, Dependencies, Engine, Filled, Maintained, Offered, TooLarge};
pub use event::{Event, EventPattern};
pub use flight::{FillLease, Landing, Outcome, Waiting};
pub use freshness::Seq;
pub use glob::Glob;
pub use invalidation::{Cause, Effect, Invalidation, Scope};
pub use lookup::{Ask, Lookup, OnMiss, Tolerate};
pub use time::Millis;
pub use view::View;
