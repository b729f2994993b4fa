//! The connections between the nodes of a Clearwell cluster.
//!
//! Each node dials a peer for what it sends, and reads from connections that it accepted: no rule says which of two connections
//! stands, and what is cut in one direction is cut in one. A direction has three [`Lane`]s, each with a bounded queue, a
//! connection and a thread of its own. A message is an encoded frame from [`Links::send`] on; the newest hello, the queue and the waits are
//! decided by pure code, and the tasks around it carry it out.
//!
//! Links know who is at the other end: both sides prove to know the cluster's secret, say what they are, and refuse one another in
//! words ([`HelloRefusal`]). They do not know what messages mean.
//!
//! ```
//! use std::sync::{Arc, mpsc};
//!
//! use clearwell_cluster::{Epoch, Message, NodeId, Peer, Profile, To};
//! use clearwell_links::{ClusterIdent, Links, Receiver, Settings, SharedSecret};
//!
//! struct Inbox(mpsc::Sender<(Peer, Message)>);
//!
//! impl Receiver for Inbox {
//!     fn receive(&self, from: Peer, message: Message) {
//!         self.0.send((from, message)).expect("somebody reads");
//!     }
//! }
//!
//! let start = |node: u64| {
//!     let cluster = ClusterIdent { name: "shop".into(), id: Some(1) };
//!     let me = Peer { node: NodeId(node), incarnation: 1 };
//!     let mut settings = Settings::new(me, cluster, "127.0.0.1:0".parse().expect("an address"), Profile::Lan);
//!     settings.secret = Some(SharedSecret::new(b"made by openssl rand -hex 32")?);
//!     let (sender, inbox) = mpsc::channel();
//!     Ok::<_, String>((Links::start(settings, Arc::new(Inbox(sender)))?, inbox))
//! };
//! let ((a, _), (b, inbox)) = (start(1)?, start(2)?);
//! a.learn(NodeId(2), &[b.listening().to_string()])?;
//! a.send(To::Node(NodeId(2)), &Message::ViewAsk(Epoch(300)));
//! let (from, message) = inbox.recv().expect("it arrives");
//! assert_eq!((from.node, message), (NodeId(1), Message::ViewAsk(Epoch(300))));
//! # Ok::<(), String>(())
//! ```

#![warn(clippy::disallowed_types, clippy::disallowed_methods)]

mod backoff;
mod chance;
mod check;
mod contact;
mod dial;
mod door;
mod figures;
mod handshake;
#[cfg(test)]
mod handshake_tests;
mod hello;
#[cfg(test)]
mod hello_tests;
mod hub;
mod inbound;
#[cfg(test)]
mod inbound_tests;
mod lane;
mod links;
mod packet;
mod queue;
#[cfg(test)]
mod queue_tests;
mod receiver;
mod refusal;
mod secret;
mod seek;
mod send;
mod settings;
mod threads;
mod transport;
mod utc;

pub use clearwell_words::Addresses;
pub use figures::{Figures, LaneFigures, PeerFigures};
pub use handshake::RefusedBy;
pub use hello::{ClusterIdent, Hello, VERSIONS, Versions};
pub use lane::{Lane, Worth};
pub use links::Links;
pub use queue::Dropped;
pub use receiver::{Notice, Receiver, RefusedLink, Unreached};
pub use refusal::HelloRefusal;
pub use secret::SharedSecret;
pub use settings::{Settings, WallClock};
pub use transport::{MutualTls, Transport};
