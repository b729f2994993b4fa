//! The node's own thread: it frees what is over, releases what was held until now, listens for feeds that have fallen silent, and
//! gives the cluster's member its time. It wakes for what is due, not for each tick of a clock (decision 0037).

use std::sync::{Arc, OnceLock, Weak};
use std::thread::Thread;
use std::time::Duration;

use clearwell_engine::{Event, Millis};
use parking_lot::Mutex;

use super::Node;
use crate::held::{HeldInvalidation, HeldInvalidations, Holding};
use crate::road::{Coalesce, InvalidationRequest};

/// Entries that one round of maintenance looks at: a round takes less than a millisecond.
const ROUND: usize = 2_000;
/// How often the cluster's member is told that time has passed: its heartbeat. Alone it renews its lease in the step that needs it.
const MEMBER_MS: u64 = 1_000;
/// The longest sleep: so long the memory of what was invalidated, or expires sooner than was known, may wait to be freed.
const SLEEP_MS: u64 = 200;
/// The shortest sleep: between two rounds of maintenance when one did not do.
const PAUSE_MS: u64 = 1;

/// What is held until a time or an event, and the thread that releases it.
pub(super) struct Keeper {
    held: Mutex<HeldInvalidations>,
    /// How repeats are taken where the request does not say.
    coalesce: Coalesce,
    thread: OnceLock<Thread>,
}

impl Keeper {
    pub fn new(coalesce: Coalesce) -> Keeper {
        Keeper { held: Mutex::default(), coalesce, thread: OnceLock::new() }
    }

    /// Holds what a request's mode says. It may be due before the thread would wake.
    pub fn hold(&self, now: Millis, request: InvalidationRequest) -> Holding {
        let holding = self.held.lock().hold(now, request, self.coalesce);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
        holding
    }

    /// Takes out what was held for an event.
    pub fn arrived(&self, event: &Event) -> Vec<HeldInvalidation> {
        self.held.lock().arrived(event)
    }

    /// Takes out what was held until now.
    pub fn due(&self, now: Millis) -> Vec<HeldInvalidation> {
        self.held.lock().due(now)
    }

    /// Until when something is held next.
    pub fn next_due(&self) -> Option<Millis> {
        self.held.lock().next_due()
    }

    /// How much is held.
    pub fn len(&self) -> usize {
        self.held.lock().len()
    }

    /// What is held, by number, from the first after `after`, at most so many.
    pub fn list(&self, after: u64, most: usize) -> Vec<HeldInvalidation> {
        self.held.lock().list(after, most)
    }

    /// Takes back what is held; `None` is all.
    pub fn cancel(&self, ids: Option<&[u64]>) -> Vec<HeldInvalidation> {
        let mut held = self.held.lock();
        match ids {
            None => held.cancel_all(),
            Some(ids) => ids.iter().filter_map(|id| held.cancel(*id)).collect(),
        }
    }
}

/// Starts the thread; it ends when the node is gone.
pub(super) fn start(node: &Arc<Node>) -> std::io::Result<()> {
    let weak = Arc::downgrade(node);
    let thread = std::thread::Builder::new().name("keeper".into()).spawn(move || keep(&weak))?;
    // It is the first and only one; until it is known it looks by itself within a fifth of a second.
    let _known = node.keeper.thread.set(thread.thread().clone());
    Ok(())
}

fn keep(node: &Weak<Node>) {
    let mut told = Millis(0);
    loop {
        let Some(node) = node.upgrade() else { return };
        let now = node.listen_for_silence();
        // In a cluster the member has a thread of its own.
        if now.since(told) >= MEMBER_MS && !node.is_in_cluster() {
            node.tick_member(now);
            told = now;
        }
        node.release_due();
        let more = node.engine().maintain(now, ROUND).more;
        let due = if more { now } else { node.due(now).min(now.plus(SLEEP_MS)) };
        let sleep = Duration::from_millis(due.since(node.clock.tick()).max(PAUSE_MS));
        drop(node);
        std::thread::park_timeout(sleep);
    }
}

impl Node {
    /// When there is something to do next, as far as is known now.
    fn due(&self, now: Millis) -> Millis {
        let known = [self.keeper.next_due(), self.engine().due()];
        known.into_iter().flatten().fold(self.silence_due(now), Millis::min)
    }
}
