//! What happened in a world, thing by thing, for whoever tells it as a story.

use std::sync::Arc;

use clearwell_cluster::{Event, Message, View};

use crate::names::KeyId;
use crate::queue::Micros;
use crate::value::WriteId;

/// One thing that happened. Hosts are meant by number.
#[derive(Debug, Clone)]
pub enum Seen {
    /// A message was sent.
    Sent {
        /// By whom.
        from: usize,
        /// To whom.
        to: usize,
        /// Whether it got lost.
        lost: bool,
        /// It.
        message: Message,
    },
    /// A host asked the source for a row.
    Asks {
        /// Who.
        host: usize,
        /// For which.
        key: KeyId,
    },
    /// A host's copies were taken away, or marked stale.
    Took {
        /// Whose.
        host: usize,
        /// Which.
        keys: Vec<KeyId>,
        /// Whether they are kept, marked.
        stale: bool,
    },
    /// A host has a value now, or was not allowed to keep it.
    Kept {
        /// Who.
        host: usize,
        /// Under which key.
        key: KeyId,
        /// The write that made it; 0 when there is none.
        write: WriteId,
        /// When the source was read; 0 when it was not.
        read: Micros,
        /// Whether it was kept.
        kept: bool,
    },
    /// The source's answer reached a host.
    Loaded {
        /// Who.
        host: usize,
        /// The key.
        key: KeyId,
        /// The write that it found.
        write: WriteId,
        /// When the source was read.
        read: Micros,
    },
    /// The source committed.
    Committed {
        /// The key.
        key: KeyId,
        /// The write.
        write: WriteId,
        /// Whether the cluster asked for it.
        through: bool,
    },
    /// The feed told a node of a commit.
    Fed {
        /// The node.
        reader: usize,
        /// The key.
        key: KeyId,
    },
    /// The source refused a statement with too low a fence number.
    Fenced(KeyId),
    /// A member tells something.
    Heard {
        /// Who.
        host: usize,
        /// What.
        event: Event,
        /// The view that it follows.
        view: Option<Arc<View>>,
    },
    /// A host went down.
    Down(usize),
    /// A host runs again, or begins.
    Up(usize),
    /// A client asked.
    Asked(u32),
    /// A client was answered, or will never be.
    Answered(u32),
    /// Somebody did something to the world: a line of the script.
    Script(String),
}

/// All that happened so far, with true times.
pub type SeenAll = Vec<(Micros, Seen)>;
