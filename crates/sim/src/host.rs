//! One host's machine: the host that ships, and all that is around it.

use std::ops::Deref;
use std::sync::Arc;

use clearwell_cluster::{Entry, NodeId, Peer, Slot, View};
use clearwell_engine::Millis;
use clearwell_host::{Actor, Host};

use crate::clock::Clock;
use crate::disk::Disk;
use crate::names::{KeyId, number};
use crate::queue::Micros;
use crate::world::Late;

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

/// A machine with its process.
#[derive(Debug)]
pub struct Machine {
    /// Its process.
    pub peer: Peer,
    /// Whether it is a client's near cache.
    pub is_near: bool,
    /// Whether it runs.
    pub state: State,
    /// What runs on it, with its memory.
    pub host: Option<Host>,
    /// Its clock.
    pub clock: Clock,
    /// Its disk.
    pub disk: Disk,
    /// Until then its disk takes nothing.
    pub full_until: Micros,
    /// Until then it does nothing.
    pub stopped_until: Micros,
    /// Outputs that it still carries out before it crashes.
    pub fuse: Option<(u8, bool)>,
    /// Whether its memory was given values since it was last looked whether there is room for them.
    pub stored: bool,
    /// Whether it is to go on with a question about many entries.
    pub works: bool,
    /// The next word as a voter is followed by a crash, after so many outputs, and a start after so long.
    pub choice_fuse: Option<(u8, Micros)>,
    /// The next write to its disk is followed by a crash, and a start after so long.
    pub sync_fuse: Option<Micros>,
    /// Batches that its threads carry on with later.
    pub late: Vec<Late>,
    /// Tickets of requests that wait here.
    pub waiting: Vec<u64>,
    /// Whether it was told to leave.
    pub leaves: bool,
    /// Whether an operator said that it will not come back.
    pub forgotten: bool,
}

impl Machine {
    /// A machine that is not started yet.
    pub fn new(index: usize, is_near: bool, slots: u16, clock: Clock) -> Machine {
        Machine {
            peer: Peer { node: node_of(index), incarnation: 0 },
            is_near,
            state: State::Down,
            host: None,
            clock,
            disk: Disk::new(slots),
            full_until: 0,
            stopped_until: 0,
            fuse: None,
            stored: false,
            works: false,
            choice_fuse: None,
            sync_fuse: None,
            late: Vec::new(),
            waiting: Vec::new(),
            leaves: false,
            forgotten: false,
        }
    }

    /// Whether it runs and is not stopped.
    pub fn acts(&self, now: Micros) -> bool {
        self.state == State::Up && self.stopped_until <= now
    }

    /// How many batches wait for its disk.
    pub fn unsynced(&self) -> usize {
        self.late.iter().filter(|late| late.is_unsynced()).count()
    }

    /// The deciding part of what runs on it.
    pub fn actor(&self) -> Option<impl Deref<Target = Actor> + '_> {
        self.host.as_ref().map(Host::actor)
    }

    /// The view that it follows, if it is a node's.
    pub fn view(&self) -> Option<Arc<View>> {
        self.actor()?.view().cloned()
    }

    /// Whether it could acknowledge for a slot.
    pub fn owns(&self, now: Millis, slot: Slot) -> bool {
        self.actor().is_some_and(|actor| actor.owns(now, slot))
    }

    /// The entry that lies in its memory and is not stale.
    pub fn live(&self, now: Micros, key: &[u8]) -> Option<Entry> {
        self.host.as_ref()?.live(self.clock.read(now), key)
    }

    /// The keys whose entries lie in its memory and are not stale, in order.
    pub fn live_keys(&self, now: Micros) -> Vec<KeyId> {
        let mut keys = Vec::new();
        if let Some(host) = &self.host {
            host.each(self.clock.read(now), |view| keys.extend((!view.stale()).then(|| number(view.key()))));
        }
        keys.sort_unstable();
        keys
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
