//! One host: the cache engine, the protocol's member (or a client's near cache) and the loads that run, as one synchronous step. The
//! simulator drives it, and the server, whose threads share it.
//!
//! [`Host::step`] lets the member decide and gives a [`Batch`]: what the decision leads to. [`Host::next`] carries the batch out, one
//! output at a time: what concerns the store it does itself, the rest (disk, source, network, clients) it gives to its driver. A
//! driver may stop between any two outputs, because its process died or because another thread is faster; the host sees to it that
//! no batch reads the store, sends or answers before all changes that were decided earlier lie in the store, and before all that was decided for the
//! disk lasts there ([`Host::lasts`]). A driver with threads waits for its turn by [`Host::wait`]. [`Host::look`] serves a read from memory.
//! What one step has no time for it leaves to steps that the driver gives it soon ([`Host::has_more`], [`Host::go_on`]). [`Host::alone`] is the host of a cluster of one.
//!
//! ```
//! use clearwell_cluster::{Config, Input, Level, Member, Meta, NodeId, Peer, Start, Ticket, Token};
//! use clearwell_cluster::request::{Ack, Answer, Request, Strategy, Write};
//! use clearwell_engine::Millis;
//! use clearwell_host::{Actor, Host, Next, Settings};
//!
//! let config = Config::new(Peer { node: NodeId(1), incarnation: 1 });
//! let settings = Settings::new(&config, 7);
//! let member = Member::new(config, Start::default(), Millis(1));
//! let host = Host::new(Actor::Member(Box::new(member)), settings);
//! let mut synced = 0;
//! let mut carry_out = |host: &Host, now, input| {
//!     let Some(mut batch) = host.step(now, input) else { return Vec::new() };
//!     let mut done = Vec::new();
//!     while let Some(next) = host.next(now, &mut batch, &|_| false) {
//!         // A disk that is as fast as memory.
//!         synced += u64::from(matches!(next, Next::Persist(_)));
//!         host.lasts(synced);
//!         done.push(next);
//!     }
//!     done
//! };
//! carry_out(&host, Millis(1), Input::Tick);
//! let write = Write {
//!     key: b"k"[..].into(),
//!     value: Some(b"v"[..].into()),
//!     tags: [].into(),
//!     dependencies: [].into(),
//!     events: [].into(),
//!     ttl_ms: None,
//!     meta: Meta::default(),
//!     strategy: Strategy::CacheOnly,
//!     ack: Ack::Owner,
//!     id: 1,
//! };
//! let done = carry_out(&host, Millis(2), Input::Request(Ticket(1), Request::Write(write)));
//! assert!(matches!(done.last(), Some(Next::Answer(Ticket(1), Answer::Written(_)))));
//! let value = host.look(Millis(2), b"k", Level::Session, &Token::default(), |view, _| view.value().map(Vec::from));
//! assert_eq!(value, Some(Some(b"v".to_vec())));
//! ```

#![warn(clippy::disallowed_types, clippy::disallowed_methods)]

mod actor;
mod apply;
mod ask;
mod batch;
mod deciding;
mod departed;
mod entry;
mod held;
mod host;
mod index;
mod loads;
mod look;
mod serving;
mod turns;
mod walks;

pub use actor::Actor;
pub use batch::{Batch, Next};
pub use host::{Host, Settings};
