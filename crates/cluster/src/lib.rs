//! The coherence protocol of Clearwell: who owns a slot, who holds copies, and who may serve them.
//!
//! [`Member::step`] takes the time and one input and says what to do. It has no sockets, threads, files, clock or chance
//! of its own, so that a thousand members and all faults between them fit into a simulation that repeats exactly.

#![warn(clippy::disallowed_types, clippy::disallowed_methods)]

mod admission;
mod chance;
pub mod config;
pub mod decree;
pub mod digest;
pub mod entry;
mod holder;
mod ids;
pub mod input;
mod lease;
pub mod level;
mod map;
mod marks;
mod member;
mod membership;
pub mod message;
pub mod name;
mod near;
pub mod outbox;
mod placement;
mod planted;
pub mod record;
pub mod request;
mod shown;
pub mod slot;
pub mod stranded;
mod stream;
mod subscribers;
pub mod view;

pub use config::Config;
pub use entry::Entry;
pub use ids::{Epoch, Job, NodeId, Peer, Position, Slot, Ticket};
pub use input::{Input, Operation, Outcome};
pub use level::{Level, Service, Token};
pub use member::{Member, Start};
pub use message::Message;
pub use name::{Bytes, Name};
pub use near::NearCache;
pub use outbox::{Apply, Ask, Event, Outbox, Persist, To};
pub use planted::Planted;
pub use record::Record;
pub use request::{Answer, FillLease, Refusal, Request};
pub use view::View;
