//! The node as one of a cluster: what its member decides beyond this node's memory goes to links, disk and whoever asked.

mod asked;
mod begin;
mod counts;
mod departure;
mod drive;
mod feeds;
mod loads;
mod places;
mod promise;
#[cfg(test)]
mod promise_tests;
mod report;
mod seek;
mod sourced;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{OnceLock, Weak};
use std::thread::Thread;
use std::time::Instant;

use clearwell_cluster::{Answer, Epoch, Peer, Ticket};
use clearwell_host::Batch;
use clearwell_links::Links;
use clearwell_words::{Ack, Addresses};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::Node;
use crate::membership::{AddressBook, Identity, MemberDisk};

pub use asked::Unordered;
pub use begin::{ClusterStart, Entrance};
pub use counts::ClusterFigures;
pub use departure::ClusterEnd;
pub use places::Place;
pub use promise::{Grade, Sentence};
pub use report::{ClusterReport, NodeReport, NodeState, SlotRow};

pub(super) use begin::{NewMember, begin};
use counts::ClusterCounts;
use departure::Departure;
pub(super) use feeds::NodeExchange;
pub(super) use sourced::{check_keyspaces, check_sources};

/// What a node of a cluster has beside its host.
pub(super) struct Cluster {
    identity: Identity,
    /// The node's data folder.
    data: PathBuf,
    /// The node itself, for work that outlives a call.
    node: OnceLock<Weak<Node>>,
    /// How many slots there are.
    slots: u16,
    /// Who has a write of a key without a source when it is acknowledged.
    ack: Ack,
    /// Keys that are being loaded from their sources.
    loads: loads::RunningLoads,
    disk: MemberDisk,
    book: AddressBook,
    /// The connections to others, once they have begun.
    links: OnceLock<Links>,
    /// Whoever waits for the member's answers.
    asked: Mutex<HashMap<Ticket, oneshot::Sender<Answer>>>,
    /// The last view that was settled when a write asked, and when the first did.
    seen: Mutex<Option<(Epoch, Instant)>>,
    /// The view that is not new any more; 0: none.
    old: AtomicU64,
    departure: Departure,
    counts: ClusterCounts,
    /// What waits for the disk.
    unsynced: Mutex<Vec<Batch>>,
    /// How often the disk has told that more lasts.
    syncs: AtomicU64,
    /// Where the others are, as last told to the links.
    known: Mutex<Vec<(Peer, Addresses)>>,
    /// The thread that gives the member its time.
    thread: OnceLock<Thread>,
}
