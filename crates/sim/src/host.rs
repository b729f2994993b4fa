//! One host: a member or a near cache, and all that is around it.

use clearwell_cluster::{Bytes, Input, Level, Member, NearCache, NodeId, Outbox, Peer, Service, Slot, Token};
use clearwell_engine::Millis;

use crate::clock::Clock;
use crate::disk::Disk;
use crate::queue::Micros;
use crate::store::Store;

/// The deciding part of a host.
#[derive(Debug)]
pub enum Actor {
    /// A node's.
    Member(Box<Member>),
    /// A client's.
    Near(Box<NearCache>),
}

impl Actor {
    /// One step of it.
    pub fn step(&mut self, now: Millis, input: Input, out: &mut Outbox) {
        match self {
            Actor::Member(member) => member.step(now, input, out),
            Actor::Near(near) => near.step(now, input, out),
        }
    }

    /// Whether a copy may be served.
    pub fn may_serve(
        &self,
        now: Millis,
        entry: &clearwell_cluster::Entry,
        level: Level,
        token: &Token,
    ) -> Service {
        let key: &Bytes = &entry.key;
        match self {
            Actor::Member(member) => {
                member.may_serve(now, key, &entry.tags, &entry.dependencies, level, token)
            }
            Actor::Near(near) => near.may_serve(now, key, &entry.tags, &entry.dependencies, level, token),
        }
    }

    /// The slots for which it could acknowledge.
    pub fn claims(&self, now: Millis) -> impl Iterator<Item = Slot> + '_ {
        let member = match self {
            Actor::Member(member) => Some(member),
            Actor::Near(_) => None,
        };
        member.into_iter().flat_map(move |member| member.claims(now))
    }

    /// Whether it could acknowledge for a slot.
    pub fn owns(&self, now: Millis, slot: Slot) -> bool {
        match self {
            Actor::Member(member) => member.owns(now, slot),
            Actor::Near(_) => false,
        }
    }
}

/// Whether a host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It runs, or stands still.
    Up,
    /// It crashed and will start again.
    Down,
    /// It is gone for ever.
    Gone,
}

/// A host.
#[derive(Debug)]
pub struct Host {
    /// Its process.
    pub peer: Peer,
    /// Whether it is a client's near cache.
    pub is_near: bool,
    /// Whether it runs.
    pub state: State,
    /// The deciding part, while it runs.
    pub actor: Option<Actor>,
    /// Its clock.
    pub clock: Clock,
    /// Its disk.
    pub disk: Disk,
    /// Its memory.
    pub store: Store,
    /// Until then it does nothing.
    pub stopped_until: Micros,
    /// Outputs that it still carries out before it crashes.
    pub fuse: Option<(u8, bool)>,
    /// Tickets of requests that wait here.
    pub waiting: Vec<u64>,
    /// Loads under way: the job, and the count of invalidations at its begin.
    pub loads: Vec<(u64, u64)>,
    /// Whether it was told to leave.
    pub leaves: bool,
}

impl Host {
    /// A host that is not started yet.
    pub fn new(index: usize, is_near: bool, clock: Clock, store: Store) -> Host {
        Host {
            peer: Peer { node: node_of(index), incarnation: 0 },
            is_near,
            state: State::Down,
            actor: None,
            clock,
            disk: Disk::default(),
            store,
            stopped_until: 0,
            fuse: None,
            waiting: Vec::new(),
            loads: Vec::new(),
            leaves: false,
        }
    }

    /// Whether it runs and is not stopped.
    pub fn acts(&self, now: Micros) -> bool {
        self.state == State::Up && self.stopped_until <= now
    }
}

/// The node's name for a host's number.
pub fn node_of(index: usize) -> NodeId {
    NodeId(index as u64 + 1)
}

/// The host's number of a node's name.
pub fn index_of(node: NodeId) -> usize {
    (node.0 - 1) as usize
}
