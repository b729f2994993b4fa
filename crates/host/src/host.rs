//! The host: one step, and its outputs carried out.

use std::fmt;
use std::sync::Arc;

use clearwell_cluster::{Bytes, Entry, Input, Outbox, Planted};
use clearwell_engine::{Engine, Millis, View};

use crate::actor::Actor;
use crate::batch::{Batch, Next, Turns};
use crate::departed::Departed;
use crate::entry;
use crate::index::Index;
use crate::loads::Loads;
use crate::walks::Walks;

/// Places that a tick gives back or looks at on its way: so the sweeper never takes a step longer than a fraction of a millisecond.
const SWEEP: usize = 1024;

/// What a host is made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many slots there are; as the member was told.
    pub slots: u16,
    /// The store's bounds.
    pub engine: clearwell_engine::Config,
    /// Keys the store's hashes: true randomness in a server, a part of the world's seed in a simulation.
    pub seed: u64,
    /// The bug that is switched on; does nothing without the feature `planted`.
    pub planted: Option<Planted>,
}

impl Settings {
    /// The usual ones for a member or a near cache with these settings.
    pub fn new(config: &clearwell_cluster::Config, seed: u64) -> Settings {
        let engine = clearwell_engine::Config::default();
        Settings { slots: config.slots, engine, seed, planted: config.planted }
    }
}

/// Engine, deciding part and running loads.
pub struct Host {
    pub(crate) actor: Actor,
    pub(crate) engine: Engine,
    pub(crate) slots: u16,
    pub(crate) turns: Turns,
    pub(crate) loads: Loads,
    pub(crate) index: Index,
    pub(crate) walks: Walks,
    pub(crate) departed: Arc<Departed>,
    planted: Option<Planted>,
}

impl Host {
    /// A host with an empty store.
    pub fn new(actor: Actor, settings: Settings) -> Host {
        let departed = Arc::new(Departed::default());
        let engine = Engine::new(settings.engine, settings.seed).watched_by(departed.clone());
        Host {
            actor,
            engine,
            slots: settings.slots,
            turns: Turns::default(),
            loads: Loads::default(),
            index: Index::default(),
            walks: Walks::default(),
            departed,
            planted: settings.planted,
        }
    }

    /// Lets the deciding part take an input. What it wants done is the batch, to be carried out by [`Host::next`] until that gives
    /// nothing more; `None`: it wants nothing.
    pub fn step(&mut self, now: Millis, input: Input) -> Option<Batch> {
        let mut out = Outbox::default();
        self.tell_departed(now, &mut out);
        if matches!(input, Input::Tick) {
            self.engine.maintain(now, SWEEP);
            self.index.tidy(now);
        }
        self.actor.step(now, input, &mut out);
        if out.is_empty() {
            return None;
        }
        let turn = self.turns.give(!out.persist.is_empty() || !out.apply.is_empty());
        Some(Batch::new(turn, out))
    }

    /// Carries out the next output of a batch, or gives it to the caller; `None`: there is nothing left. `sourced` says whether a key
    /// has a source.
    pub fn next(&mut self, now: Millis, batch: &mut Batch, sourced: &dyn Fn(&[u8]) -> bool) -> Option<Next> {
        if !self.turns.has_come(&batch.turn) && !self.lags(batch) {
            return Some(Next::Waits);
        }
        if let Some(what) = batch.persist.next() {
            return Some(Next::Persist(what));
        }
        if let Some(what) = batch.apply.as_slice().first() {
            let Some(refused) = self.apply(what, now) else { return Some(Next::Did { refused: false }) };
            batch.apply.next();
            if batch.apply.as_slice().is_empty() {
                self.turns.end(&mut batch.turn);
            }
            return Some(Next::Did { refused });
        }
        // Where the last of its changes was one of the disk: that lasts only now.
        self.turns.end(&mut batch.turn);
        if let Some((job, ask)) = batch.ask.next() {
            return Some(self.ask(job, ask, now, sourced));
        }
        let send = batch.send.next().map(|(to, message)| Next::Send(to, message));
        let send = send.or_else(|| batch.answer.next().map(|(ticket, answer)| Next::Answer(ticket, answer)));
        send.or_else(|| batch.tell.next().map(Next::Tell))
    }

    /// The planted bug by which a batch that changes nothing overtakes the changes that were decided before it.
    fn lags(&self, batch: &Batch) -> bool {
        self.has(Planted::ApplyLag) && batch.next_apply().is_none() && batch.persist.as_slice().is_empty()
    }

    pub(crate) fn has(&self, bug: Planted) -> bool {
        cfg!(feature = "planted") && self.planted == Some(bug)
    }

    /// Tells the deciding part of copies that left by themselves. Only when the store is as it was decided: a value on its way into
    /// the store was decided under the interest that would end here. A copy that lies here again stands under it too.
    fn tell_departed(&mut self, now: Millis, out: &mut Outbox) {
        if !self.turns.all_are_done() {
            return;
        }
        for key in self.departed.take() {
            if self.engine.peek(&key, now, |_| ()).is_none() {
                self.actor.step(now, Input::Evicted(key), out);
            }
        }
    }

    /// Gives a copy up, as the store does by itself when it has no room. The deciding part is told before its next input.
    pub fn evict(&mut self, now: Millis, key: &Bytes) {
        self.engine.forget(key, now);
        self.departed.note(key.clone());
    }

    /// The deciding part.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The entry that lies at a key and is not stale. Nothing is counted.
    pub fn live(&self, now: Millis, key: &[u8]) -> Option<Entry> {
        self.engine.peek(key, now, |view| (!view.stale()).then(|| entry::of_view(view))).flatten()
    }

    /// Shows every entry that is worth anything, stale ones too.
    pub fn each(&self, now: Millis, mut visit: impl FnMut(&View<'_>)) {
        let mut cursor = 0;
        loop {
            cursor = self.engine.scan(cursor, SWEEP, now, &mut visit);
            if cursor == 0 {
                return;
            }
        }
    }

    /// Recounts the store; says what differs from its books.
    pub fn check(&self) -> Result<(), String> {
        self.engine.check()
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("actor", &self.actor).field("turns", &self.turns).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod slots_tests;
