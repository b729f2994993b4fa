//! The coherence protocol of Clearwell: who owns a slot, who holds copies, and who may serve them.
//!
//! [`Member::step`] takes the time and one input and says what to do. It has no sockets, threads, files, clock or chance
//! of its own, so that a thousand members and all faults between them fit into a simulation that repeats exactly.
//!
//! A cluster of one orders, applies and acknowledges an invalidation in one step:
//!
//! ```
//! use clearwell_cluster::request::Invalidate;
//! use clearwell_cluster::{Config, Input, Member, NodeId, Outbox, Peer, Request, Start, Ticket};
//! use clearwell_words::{Cause, Effect, Invalidation, Millis, Scope};
//!
//! let me = Peer { node: NodeId(1), incarnation: 1 };
//! let (mut member, mut out) = (Member::new(Config::new(me), Start::default(), Millis(1)), Outbox::default());
//! member.step(Millis(1), Input::Tick, &mut out);
//! let invalidation = Invalidation {
//!     scope: Scope::Tag(b"author:1".as_slice().into()).into(),
//!     effect: Effect::Gone,
//!     cascade: true,
//!     version: None,
//!     cause: Cause::Command,
//! };
//! let request = Request::Invalidate(Invalidate { invalidation, wait: true, depth: 0 });
//! member.step(Millis(2), Input::Request(Ticket(1), request), &mut out);
//! assert_eq!((out.apply.len(), out.answer.len()), (1, 1));
//! ```

#![warn(clippy::disallowed_types, clippy::disallowed_methods)]

mod admission;
mod chance;
mod clock;
pub mod config;
pub mod decree;
pub mod digest;
pub mod entry;
mod fences;
pub mod hold;
mod holder;
mod holds;
mod ids;
pub mod input;
mod intents;
mod journal;
mod lease;
pub mod level;
mod log;
mod map;
mod marks;
mod member;
mod membership;
pub mod message;
pub mod meta;
pub mod name;
mod near;
pub mod outbox;
mod owned;
mod packed;
pub mod part;
mod peers;
mod persisted;
#[cfg(test)]
mod persisted_tests;
pub mod pieces;
mod placement;
mod planted;
mod proof;
pub mod record;
pub mod request;
mod shown;
pub mod slot;
mod slot_set;
pub mod stranded;
mod stream;
mod subscribers;
mod tenure;
pub mod view;
mod voter;
mod waiting;

pub use clearwell_words::{Epoch, NodeId, Peer, Position, Slot};
pub use config::{Config, Profile};
pub use entry::Entry;
pub use hold::{Awaited, Hold};
pub use ids::{Job, Ticket};
pub use input::{Input, Operation, Outcome};
pub use level::{Level, Service, Token};
pub use member::{FollowerStanding, Footprint, Member, OwnerStanding, Served, Standing, Start};
pub use membership::Known;
pub use message::Message;
pub use meta::{Expiry, Meta};
pub use name::{Bytes, Name};
pub use near::NearCache;
pub use outbox::{Apply, Ask, Event, Outbox, Persist, To};
pub use part::Part;
pub use persisted::Persisted;
pub use planted::Planted;
pub use record::Record;
pub use request::{Answer, FillLease, Refusal, Request};
pub use view::View;
