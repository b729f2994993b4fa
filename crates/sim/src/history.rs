//! What clients asked and were told, in true time: all that the checkers look at.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use clearwell_cluster::Level;
use clearwell_cluster::request::Strategy;

use crate::journals::Journals;
use crate::names::{KeyId, Names};
use crate::queue::Micros;
use crate::source::Source;
use crate::value::{Value, WriteId};

/// Versions from here on were made by a cache's owner (an epoch over 40 bits of position); below, by the source.
pub const RANKS: u64 = 1 << 40;

/// What an invalidation covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covered {
    /// One key.
    Key(KeyId),
    /// A tag's entries.
    Tag(u32),
    /// What depends on an event.
    Event(u32),
    /// Everything; patterns count as this when they match all keys of a class.
    Class(char),
    /// Everything.
    Everything,
}

/// What an invalidation is held for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// So many milliseconds.
    Ms(u64),
    /// An event that a set of patterns covers.
    Event(u32),
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Deed {
    /// A read.
    Read(Level),
    /// A write.
    Write(Strategy, WriteId),
    /// An invalidation; whether it was to wait for all copies.
    Invalidate(Covered, bool),
    /// A change of when the value expires: after so many milliseconds, or never.
    Touch(Option<NonZeroU64>),
    /// An invalidation that is to take effect later.
    Hold(Covered, Later),
    /// A hold, by its operation, is not to take effect after all.
    Cancel(u32),
    /// A session took over what another had seen.
    TakeToken {
        /// From whom.
        from: u16,
    },
}

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Got {
    /// Nothing yet, or never: the host died, or the client gave up. A write may have happened.
    Nothing,
    /// A read's value.
    Value(Found),
    /// A write's or invalidation's acknowledgement.
    Done {
        /// The version of what was written.
        version: Option<u64>,
        /// Whether it survives the loss of a node.
        survives: bool,
    },
    /// Refused; whether it certainly did not happen.
    Refused {
        /// Nothing was done.
        surely: bool,
    },
}

/// What a read found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// The value; `None` when there was none.
    pub value: Option<Value>,
    /// Its version, 0 when there was not even a removal.
    pub version: u64,
    /// Served from the memory of the host that was asked.
    pub local: bool,
    /// The age that was told; `None` from memory means that it was marked stale.
    pub age_ms: Option<u64>,
}

impl Found {
    /// Whether the reply said that nothing proves it current.
    pub fn is_marked(&self) -> bool {
        self.local && self.age_ms.is_none()
    }
}

/// One operation.
#[derive(Debug, Clone, Copy)]
pub struct Op {
    /// When it was asked.
    pub begin: Micros,
    /// When it was answered; as late as can be when it was not.
    pub end: Micros,
    /// By whom.
    pub client: u16,
    /// Which host was asked.
    pub host: u16,
    /// The key, where it is about one.
    pub key: KeyId,
    /// What.
    pub deed: Deed,
    /// The answer.
    pub got: Got,
}

/// A copy that could be served when all should have converged.
#[derive(Debug, Clone, Copy)]
pub struct Last {
    /// Where.
    pub host: u16,
    /// The key.
    pub key: KeyId,
    /// The value.
    pub value: Option<Value>,
    /// Its version.
    pub version: u64,
}

/// A history.
#[derive(Debug)]
pub struct History {
    /// All operations in the order in which they were asked.
    pub ops: Vec<Op>,
    /// Operations as they began (`false`) and ended (`true`), in order.
    pub moments: Vec<(u32, bool)>,
    /// The order that an owner gave to a write; 0 when it is not known.
    pub ranks: Vec<u64>,
    /// What lay in memories at the end.
    pub last: Vec<Last>,
    /// The keys.
    pub names: Names,
    /// Who keeps write-backs in journals, and has learned that the source has them.
    pub journals: Journals,
    /// Writes that are fills, and the reads whose misses they answer.
    pub fills: BTreeMap<WriteId, u32>,
    /// The source, with its log.
    pub source: Source,
    /// Acknowledged writes that their owners alone had, and took along: by key and version, and when somebody else could act as owner.
    pub lost: BTreeMap<(KeyId, u64), Micros>,
    /// Which holds took effect, by operation, and when an owner said so.
    pub effects: Vec<(u32, Micros)>,
    /// Which holds are over by what lasts on a disk, and since when: one that took effect may not have been told of, because the process died.
    pub releases: Vec<(u32, Micros)>,
    /// When the last fault ends, and bad weather.
    pub well_from: Micros,
    /// When nobody looks any more.
    pub end: Micros,
    /// From here on every operation must succeed.
    pub audit_from: Micros,
    /// By how many millionths a clock may be wrong.
    pub drift_ppm: i32,
}

impl History {
    /// An empty one.
    pub fn new(names: Names, source: Source) -> History {
        History {
            ops: Vec::with_capacity(1024),
            moments: Vec::with_capacity(2048),
            ranks: Vec::new(),
            last: Vec::new(),
            journals: Journals::default(),
            fills: BTreeMap::new(),
            lost: BTreeMap::new(),
            names,
            source,
            effects: Vec::new(),
            releases: Vec::new(),
            well_from: 0,
            end: Micros::MAX,
            audit_from: Micros::MAX,
            drift_ppm: 0,
        }
    }

    /// Notes that an operation began.
    pub fn begin(&mut self, op: Op) -> u32 {
        let index = self.ops.len() as u32;
        self.ops.push(op);
        self.moments.push((index, false));
        index
    }

    /// Notes its answer.
    pub fn end(&mut self, index: u32, at: Micros, got: Got) {
        let op = &mut self.ops[index as usize];
        op.end = if got == Got::Nothing { Micros::MAX } else { at };
        op.got = got;
        self.moments.push((index, true));
    }

    /// When the loss of what an operation wrote began to count; `None` where nothing was lost.
    pub fn lost_at(&self, op: &Op) -> Option<Micros> {
        let (Deed::Write(..), Got::Done { version: Some(version), .. }) = (op.deed, op.got) else {
            return None;
        };
        self.lost.get(&(op.key, version)).copied()
    }

    /// Notes the order that an owner gave to a write.
    pub fn rank(&mut self, write: WriteId, version: u64) {
        if version < RANKS {
            return;
        }
        let write = write as usize;
        if self.ranks.len() <= write {
            self.ranks.resize(write + 1, 0);
        }
        self.ranks[write] = version;
    }

    /// The order that an owner gave to a write.
    pub fn rank_of(&self, write: WriteId) -> Option<u64> {
        self.ranks.get(write as usize).copied().filter(|&rank| rank != 0)
    }
}
