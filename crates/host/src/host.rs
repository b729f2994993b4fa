//! The host: one step, and its outputs carried out.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use clearwell_cluster::config::Addresses;
use clearwell_cluster::{
    Apply, Bytes, Entry, Epoch, Event, Input, Known, Member, Outbox, Peer, Planted, Slot, Standing, Ticket,
    View,
};
use clearwell_engine::{Applied, Departures, Engine, Invalidation, Millis, View as EntryView};
use parking_lot::Mutex;

use crate::actor::Actor;
use crate::apply::Done;
use crate::batch::{Batch, Next};
use crate::deciding::{Deciding, Gone, ValuePlaces};
use crate::departed::Departed;
use crate::entry;
use crate::index::Index;
use crate::loads::Loads;
use crate::turns::Changes;
use crate::walks::Walks;

/// Places that a tick gives back or looks at on its way: so the sweeper never takes a step longer than a fraction of a millisecond.
const SWEEP: usize = 1024;

/// The same for walks by slot, where nothing else is said.
const SLICE: u32 = 1024;
/// For how long an index of keys by slot is kept after its last use, where nothing else is said.
const INDEX_MS: u64 = 30_000;

/// What a host is made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many slots there are; as the member was told.
    pub slots: u16,
    /// The store's bounds.
    pub engine: clearwell_engine::Config,
    /// Places or entries that a walk over the store looks at before other work goes on: 1,024 take well below a millisecond.
    pub slice: u32,
    /// After how long without use the index of keys by slot is dropped, in milliseconds.
    pub index_ms: u64,
    /// Keys the store's hashes: true randomness in a server, a part of the world's seed in a simulation.
    pub seed: u64,
    /// The bug that is switched on; does nothing without the feature `planted`.
    pub planted: Option<Planted>,
}

impl Settings {
    /// The usual ones for a member or a near cache with these settings.
    pub fn new(config: &clearwell_cluster::Config, seed: u64) -> Settings {
        let engine = clearwell_engine::Config::default();
        Settings {
            slots: config.slots,
            engine,
            slice: SLICE,
            index_ms: INDEX_MS,
            seed,
            planted: config.planted,
        }
    }
}

/// Engine, deciding part and running loads, as threads share them.
///
/// Locks are taken in this order: the index, an entry's shard, the deciding part, the turns. So nobody who decides calls the engine.
pub struct Host {
    pub(crate) engine: Engine,
    pub(crate) deciding: Arc<Deciding>,
    pub(crate) slots: u16,
    pub(crate) loads: Mutex<Loads>,
    pub(crate) index: Mutex<Index>,
    pub(crate) walks: Walks,
    pub(crate) departed: Arc<Departed>,
    planted: Option<Planted>,
}

impl Host {
    /// A host with an empty store, whose values come by the log alone.
    pub fn new(actor: Actor, settings: Settings) -> Host {
        let departed = Arc::new(Departed::default());
        let engine = Engine::new(settings.engine.clone(), settings.seed).watched_by(departed.clone());
        Host::over(engine, Arc::new(Deciding::new(actor, ValuePlaces::Logged)), departed, &settings)
    }

    /// The host of a node in a cluster whose clients' values are given to the engine as they come, at the owner of their slot. The engine
    /// asks the member for the place of each change while it holds the key ([`clearwell_engine::Order`]), so that commands that look first need no other
    /// lock. What the member wants done for that is left to [`Host::go_on`]. Copies that leave are told to `departures` as well.
    pub fn shared(member: Member, settings: Settings, departures: Arc<dyn Departures>) -> Host {
        let values = ValuePlaces::Held { slots: settings.slots };
        let deciding = Arc::new(Deciding::new(Actor::Member(Box::new(member)), values));
        let departed = Arc::new(Departed::told_to(departures));
        let engine = Engine::new(settings.engine.clone(), settings.seed)
            .ordered_by(deciding.clone())
            .watched_by(departed.clone());
        Host::over(engine, deciding, departed, &settings)
    }

    /// The host of a cluster of one, whose values are in no log: nobody else has copies or replicas. ValuePlaces are given to the
    /// engine as they come, and what that takes away is ordered by the member under the key's lock. Copies that leave are told
    /// to `departures`: they are of no concern to the member. Such a cluster ends with its process, so nothing is for the disk.
    pub fn alone(member: Member, settings: Settings, departures: Arc<dyn Departures>) -> Host {
        let deciding = Arc::new(Deciding::new(Actor::Member(Box::new(member)), ValuePlaces::Alone));
        let engine = Engine::new(settings.engine.clone(), settings.seed)
            .ordered_by(deciding.clone())
            .watched_by(departures);
        Host::over(engine, deciding, Arc::default(), &settings)
    }

    fn over(engine: Engine, deciding: Arc<Deciding>, departed: Arc<Departed>, settings: &Settings) -> Host {
        Host {
            engine,
            deciding,
            slots: settings.slots,
            loads: Mutex::default(),
            index: Mutex::new(Index::new(settings.slice, settings.index_ms, settings.planted)),
            walks: Walks::default(),
            departed,
            planted: settings.planted,
        }
    }

    /// Lets the deciding part take an input. What it wants done is the batch, to be carried out by [`Host::next`] until that gives
    /// nothing more; `None`: it wants nothing.
    pub fn step(&self, now: Millis, input: Input) -> Option<Batch> {
        let gone = self.gone(now);
        if matches!(input, Input::Tick) {
            self.engine.maintain(now, SWEEP);
            self.index.lock().tidy(now);
        }
        let mut out = Outbox::default();
        let (turn, untold) = self.deciding.decide(now, gone, input, &mut out);
        self.departed.give_back(untold);
        // What became of the keys of a slot before it was this member's is not known here.
        if self.deciding.values.are_held() && out.tell.iter().any(|told| matches!(told, Event::Owns(..))) {
            self.engine.doubt_reads();
        }
        (!out.is_empty()).then(|| Batch::new(turn, out))
    }

    /// The same for an invalidation of this node, which is answered by the number beside the batch.
    pub fn invalidate(&self, now: Millis, invalidation: Invalidation) -> (Ticket, Option<Batch>) {
        let (ticket, asked) = self.deciding.request(invalidation);
        (ticket, self.step(now, asked))
    }

    /// Takes away what a client wants to be taken away of one key of this owner, in one step with its place in the log. What is left to do
    /// is left to [`Host::go_on`].
    pub fn take_away(&self, now: Millis, invalidation: &Invalidation) -> Applied {
        self.engine.apply_in_order(invalidation, now)
    }

    /// A member's view, what gossip knows of all, and how many slots it serves; `None` of a near cache.
    pub fn member_state(&self, now: Millis) -> Option<(Option<Arc<View>>, Vec<Known>, usize)> {
        self.deciding.with_member(|member| {
            (member.view().cloned(), member.known().collect(), member.claims(now).count())
        })
    }

    /// How a member stands towards the others; `None` of a near cache.
    pub fn member_standing(&self, now: Millis) -> Option<Standing> {
        self.deciding.actor().member().map(|member| member.standing(now))
    }

    /// A number for a question of the driver's own. No other has it.
    pub fn ticket(&self) -> Ticket {
        self.deciding.ticket()
    }

    /// Where members say that they can be reached, as far as gossip knows; none of a near cache.
    pub fn member_addresses(&self) -> Vec<(Peer, Addresses)> {
        self.deciding.actor().member().into_iter().flat_map(Member::addresses).collect()
    }

    /// Asks for an answer as soon as all that this owner ordered of a key until now survives as it has to: whoever changed it
    /// is not answered sooner.
    pub fn settle(&self, now: Millis, key: Bytes) -> (Ticket, Option<Batch>) {
        let ticket = self.deciding.ticket();
        (ticket, self.step(now, Input::Settle(ticket, key)))
    }

    /// Whether the deciding part wants a step soon although nothing happens ([`Input::More`]): a step does a part of
    /// what there is to do, between other work.
    pub fn has_more(&self) -> bool {
        self.deciding.has_more()
    }

    /// Takes the steps that the last one left something to, each of which has its batch carried out; nothing, if nothing was left. For
    /// drivers with threads: whichever thread took a step goes on behind its own batch, until nothing is left; and whichever had the engine change a
    /// value. No lock is held
    /// between two of these steps: those of other threads come between, and each of them takes its part of what is left.
    pub fn go_on(&self, now: impl Fn() -> Millis, mut carry_out: impl FnMut(Millis, Batch)) {
        loop {
            while let Some(batch) = self.deciding.decided_while_held() {
                carry_out(now(), batch);
            }
            if !self.has_more() {
                return;
            }
            let now = now();
            if let Some(batch) = self.step(now, Input::More) {
                carry_out(now, batch);
            }
        }
    }

    /// Carries out the next output of a batch, or gives it to the caller; `None`: there is nothing left. `sourced` says whether a key
    /// has a source.
    pub fn next(&self, now: Millis, batch: &mut Batch, sourced: &dyn Fn(&[u8]) -> bool) -> Option<Next> {
        if self.waits(batch) {
            return Some(Next::Waits);
        }
        if let Some(key) = batch.stored.take() {
            self.index.lock().stored(&key, self.slots);
        }
        if let Some(what) = batch.persist.next() {
            return Some(Next::Persist(what));
        }
        if let Some(what) = batch.apply.as_slice().first() {
            let Some(done) = self.apply(what, now) else { return Some(Next::Did { refused: false }) };
            let what = batch.apply.next();
            if batch.apply.as_slice().is_empty() {
                self.deciding.turns.end(&mut batch.turn);
            }
            return Some(match (what, done) {
                (Some(Apply::Invalidate(invalidation)), Done::TookAway(applied)) => {
                    Next::Invalidated(invalidation, applied)
                }
                (_, done) => Next::Did { refused: matches!(done, Done::Refused) },
            });
        }
        // Where the last of its changes was one of the disk: that was handed over only now.
        self.deciding.turns.end(&mut batch.turn);
        let is_synced = self.deciding.turns.is_synced(&batch.turn) || self.has(Planted::SendBeforeSync);
        if !batch.is_settled() && !is_synced {
            return Some(Next::Unsynced);
        }
        if let Some((job, ask)) = batch.ask.next() {
            return Some(self.ask(job, ask, now, sourced));
        }
        if let Some((to, message)) = batch.send.next() {
            return Some(Next::Send(to, message));
        }
        if let Some((ticket, answer)) = batch.answer.next() {
            return Some(Next::Answer(ticket, answer));
        }
        batch.tell.next().map(Next::Tell)
    }

    /// The first `count` of all outputs for the disk last, counted since the host was made. What waited for that can be carried on with.
    pub fn lasts(&self, count: u64) {
        self.deciding.turns.last(count);
    }

    /// Waits until what a batch waits for may be done. For drivers with threads, each of which carries its own batches out.
    pub fn wait(&self, batch: &Batch) {
        self.deciding.turns.wait(&batch.turn, batch.what_is_next());
    }

    fn waits(&self, batch: &Batch) -> bool {
        let next = batch.what_is_next();
        let may_go_on = batch.answers_for_itself(next) || self.deciding.turns.may(&batch.turn, next);
        !may_go_on && !self.lags(next)
    }

    /// The planted bug by which a batch that changes nothing overtakes the changes that were decided before it.
    fn lags(&self, next: Changes) -> bool {
        next == Changes::Nothing && self.has(Planted::ApplyLag)
    }

    pub(crate) fn has(&self, bug: Planted) -> bool {
        cfg!(feature = "planted") && self.planted == Some(bug)
    }

    /// Copies that left by themselves, of which the deciding part is to be told. Only when the store is as it was decided: a value on
    /// its way into the store was decided under the interest that would end here. A copy that lies here again stands under it too.
    fn gone(&self, now: Millis) -> Option<Gone> {
        if self.departed.is_empty() {
            return None;
        }
        let settled = self.deciding.turns.settled()?;
        let mut keys = self.departed.take();
        keys.retain(|key| self.engine.peek(key, now, |_| ()).is_none());
        Some(Gone { settled, keys })
    }

    /// Gives a copy up, as the store does by itself when it has no room. The deciding part is told before its next input.
    pub fn evict(&self, now: Millis, key: &Bytes) {
        self.engine.forget(key, now);
        self.departed.note(key.clone());
    }

    /// The store. What a log decides of it is done by [`Host::next`] alone.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The deciding part, which decides nothing meanwhile. The engine is not to be called while it is held.
    pub fn actor(&self) -> impl Deref<Target = Actor> + '_ {
        self.deciding.actor()
    }

    /// Whether the member serves a slot at a time, as of its last step. Nobody waits for the member.
    #[inline]
    pub fn serves(&self, now: Millis, slot: Slot) -> bool {
        match &self.deciding.serving {
            Some(serving) => serving.has(now, slot),
            None => self.actor().owns(now, slot),
        }
    }

    /// The epoch of the view that the member follows, 0 before the first, and whether slots are on their way in it from one node to another.
    pub fn view_moves(&self) -> (Epoch, bool) {
        match &self.deciding.serving {
            Some(serving) => serving.view_moves(),
            None => {
                let actor = self.actor();
                actor.view().map_or((Epoch(0), false), |view| (view.epoch, !view.is_settled()))
            }
        }
    }

    /// The entry that lies at a key and is not stale. Nothing is counted.
    pub fn live(&self, now: Millis, key: &[u8]) -> Option<Entry> {
        self.engine.peek(key, now, |view| (!view.stale()).then(|| entry::of_view(view))).flatten()
    }

    /// Shows every entry that is worth anything, stale ones too.
    pub fn each(&self, now: Millis, mut visit: impl FnMut(&EntryView<'_>)) {
        let mut cursor = 0;
        loop {
            cursor = self.engine.scan(cursor, SWEEP, now, &mut visit);
            if cursor == 0 {
                return;
            }
        }
    }

    /// Whether a walk over the store is under way, with other work between its slices.
    pub fn walks(&self) -> bool {
        self.index.lock().is_in_the_making() || self.has_work()
    }

    /// Recounts the store; says what differs from its books.
    pub fn check(&self) -> Result<(), String> {
        self.engine.check()
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("deciding", &self.deciding).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod slots_tests;
