//! Turns: in which order batches change disk and store, whichever thread carries them out.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::{Condvar, Mutex};

use clearwell_cluster::{Apply, Outbox};

/// What a batch does to disk and store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    /// Nothing. It may read the store, and speak of it.
    Nothing,
    /// It takes entries away and stores none. Two such batches may change places: each takes away only what was read before it.
    TakesAway,
    /// It writes to disk, or gives the store something for which the order counts.
    Stores,
}

impl Changes {
    pub fn of(out: &Outbox) -> Changes {
        let takes_away = |apply: &Apply| matches!(apply, Apply::Invalidate(_));
        match (out.persist.is_empty(), out.apply.is_empty()) {
            (true, true) => Changes::Nothing,
            (true, false) if out.apply.iter().all(takes_away) => Changes::TakesAway,
            _ => Changes::Stores,
        }
    }
}

/// A batch's place among those that change disk or store. Handing to the disk is such a change; that it lasts is waited for apart from that,
/// so that a slow disk holds back what is said, and neither the store nor what else is handed to the disk.
#[derive(Debug)]
pub(crate) struct Turn {
    number: u64,
    changes: Changes,
    /// Whether others wait for it.
    is_open: bool,
    /// Whether nothing was on its way when it was given.
    is_first: bool,
    /// So much of what was handed to the disk has to last before the batch says anything.
    synced: u64,
}

impl Turn {
    pub fn changes(&self) -> Changes {
        self.changes
    }
}

/// Whose turn it is. Turns are given in the order of the decisions: by whoever holds the deciding part.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    open: Mutex<Open>,
    ended: Condvar,
    /// How much was decided that is for the disk, and how much of that lasts.
    persists: AtomicU64,
    lasting: AtomicU64,
}

/// Turns that were given and have not ended, by number. There are few: as many as threads.
#[derive(Debug, Default)]
struct Open {
    given: u64,
    take_away: Vec<u64>,
    store: Vec<u64>,
    waiting: usize,
}

impl Open {
    fn is_empty(&self) -> bool {
        self.take_away.is_empty() && self.store.is_empty()
    }

    /// Whether what has to come before these changes of a turn is done.
    fn has_come(&self, turn: &Turn, changes: Changes) -> bool {
        let done = |open: &[u64]| open.iter().all(|&number| number >= turn.number);
        done(&self.store) && (changes == Changes::TakesAway || done(&self.take_away))
    }
}

impl Turns {
    /// The turn of a batch that was decided just now, with so much for the disk.
    pub fn give(&self, changes: Changes, persists: usize) -> Turn {
        let synced = match persists as u64 {
            0 => self.persists.load(Relaxed),
            persists => self.persists.fetch_add(persists, Relaxed) + persists,
        };
        let mut open = self.open.lock();
        let (number, is_first) = (open.given, open.is_empty());
        match changes {
            Changes::Nothing => {}
            Changes::TakesAway => open.take_away.push(number),
            Changes::Stores => open.store.push(number),
        }
        open.given += u64::from(changes != Changes::Nothing);
        Turn { number, changes, is_open: changes != Changes::Nothing, is_first, synced }
    }

    /// Whether these changes of a turn may be made; `Nothing`: whether all changes before it have been, so that the store may be
    /// read for others, and spoken of.
    pub fn may(&self, turn: &Turn, changes: Changes) -> bool {
        turn.is_first || self.open.lock().has_come(turn, changes)
    }

    /// Waits for a turn to end, unless none has to before these changes of a turn: before `Nothing`, all earlier ones.
    pub fn wait(&self, turn: &Turn, changes: Changes) {
        let mut open = self.open.lock();
        if !open.has_come(turn, changes) {
            open.waiting += 1;
            self.ended.wait(&mut open);
            open.waiting -= 1;
        }
    }

    /// A batch whose turn it is has made its changes.
    pub fn end(&self, turn: &mut Turn) {
        if !std::mem::take(&mut turn.is_open) {
            return;
        }
        let mut open = self.open.lock();
        debug_assert!(open.has_come(turn, turn.changes), "changes are made in their order");
        let among = if turn.changes == Changes::Stores { &mut open.store } else { &mut open.take_away };
        among.retain(|&number| number != turn.number);
        if open.waiting > 0 {
            self.ended.notify_all();
        }
    }

    /// The first `count` that were handed to the disk last.
    pub fn last(&self, count: u64) {
        debug_assert!(count <= self.persists.load(Relaxed), "what lasts was decided");
        self.lasting.fetch_max(count, Relaxed);
    }

    /// Whether all lasts that was for the disk in a batch and in those before it.
    pub fn is_synced(&self, turn: &Turn) -> bool {
        self.lasting.load(Relaxed) >= turn.synced
    }

    /// Whether all lasts that was decided for the disk.
    pub fn all_lasts(&self) -> bool {
        self.lasting.load(Relaxed) == self.persists.load(Relaxed)
    }

    /// How many turns were given, if all of them have ended: the store is as it was decided.
    pub fn settled(&self) -> Option<u64> {
        let open = self.open.lock();
        open.is_empty().then_some(open.given)
    }
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
