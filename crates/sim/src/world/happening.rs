//! What can happen in a world.

use clearwell_cluster::{Epoch, Job, Outcome, Slot, To};

use crate::names::KeyId;
use crate::network::Frame;
use crate::value::WriteId;

/// What can happen.
#[derive(Debug)]
pub(super) enum Happening {
    Deliver {
        host: u32,
        from: clearwell_cluster::Peer,
        to: To,
        frame: Frame,
    },
    Tick {
        host: u32,
        incarnation: u32,
    },
    Done {
        host: u32,
        incarnation: u32,
        job: Job,
        outcome: Box<Outcome>,
    },
    /// A host goes on with a question about many entries.
    Work {
        host: u32,
        incarnation: u32,
    },
    /// A thread carries on with a batch.
    CarryOn {
        host: u32,
        late: u64,
    },
    /// Something that was written to a host's disk lasts.
    DiskLasts {
        host: u32,
        incarnation: u32,
    },
    /// A request that its host could not take at once.
    Submit {
        host: u32,
        incarnation: u32,
        op: u32,
    },
    Statement(Box<Statement>),
    ClientTurn(u16),
    ClientGivesUp {
        op: u32,
    },
    FeedTurn,
    FaultBegins(u32),
    FaultEnds(u32),
    Crash {
        host: u32,
        incarnation: u32,
    },
    Start {
        host: u32,
    },
    Forget {
        host: u32,
    },
    Stop {
        host: u32,
    },
    Heal,
    Audit(u32),
}

/// A statement on its way to the source.
#[derive(Debug)]
pub(super) struct Statement {
    pub host: u32,
    pub incarnation: u32,
    pub job: Job,
    pub what: Wanted,
}

#[derive(Debug)]
pub(super) enum Wanted {
    Load {
        key: KeyId,
        /// How many commits there were when it was sent.
        sent_at: usize,
    },
    Commit {
        write: WriteId,
        once: bool,
        fence: Option<(Slot, Epoch)>,
    },
    Fence {
        slots: Vec<Slot>,
        epoch: Epoch,
    },
    /// One that was given up and takes effect nevertheless.
    Ghost {
        write: WriteId,
        once: bool,
        fence: Option<(Slot, Epoch)>,
    },
}
