//! The deciding part, as threads share it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use clearwell_cluster::request::Invalidate;
use clearwell_cluster::{Bytes, Input, Outbox, Request, Ticket};
use clearwell_engine::{Invalidation, Millis, Order};
use parking_lot::{Mutex, MutexGuard};

use crate::actor::Actor;
use crate::turns::{Changes, Turn, Turns};

/// The deciding part and the turns that it gave.
///
/// Its lock is held for a decision and never while the engine is called: the engine asks for an order, and a read has
/// itself judged, while they hold an entry.
#[derive(Debug)]
pub(crate) struct Deciding {
    actor: Mutex<Actor>,
    pub turns: Turns,
    tickets: AtomicU64,
    /// Whether the last step left something to those that follow. Whoever took it reads this or what a later step left.
    has_more: AtomicBool,
    /// Nothing is for the disk: nothing that was decided outlives the process.
    is_fleeting: bool,
}

/// Copies that were found to be gone when so many turns had been given, all of which had ended.
pub(crate) struct Gone {
    pub settled: u64,
    pub keys: Vec<Bytes>,
}

impl Deciding {
    pub fn new(actor: Actor, is_fleeting: bool) -> Deciding {
        let (actor, tickets) = (Mutex::new(actor), AtomicU64::new(u64::MAX));
        Deciding { actor, turns: Turns::default(), tickets, has_more: AtomicBool::new(false), is_fleeting }
    }

    pub fn actor(&self) -> MutexGuard<'_, Actor> {
        self.actor.lock()
    }

    /// Lets the deciding part take an input, and hear before it of copies that are gone. What it wants done is put into `out`. Returns in
    /// which turn, and the copies of which it could not be told, because something was decided since they were looked for.
    pub fn decide(
        &self,
        now: Millis,
        gone: Option<Gone>,
        input: Input,
        out: &mut Outbox,
    ) -> (Turn, Vec<Bytes>) {
        let mut untold = Vec::new();
        let mut actor = self.actor.lock();
        if let Some(Gone { settled, keys }) = gone {
            match self.turns.settled() == Some(settled) {
                true => keys.into_iter().for_each(|key| actor.step(now, Input::Evicted(key), out)),
                false => untold = keys,
            }
        }
        actor.step(now, input, out);
        self.has_more.store(actor.has_more(), Relaxed);
        if self.is_fleeting {
            out.persist.clear();
        }
        let turn = self.turns.give(Changes::of(out), out.persist.len());
        (turn, untold)
    }

    /// Whether the last step left something to those that follow.
    pub fn has_more(&self) -> bool {
        self.has_more.load(Relaxed)
    }

    /// An invalidation as a request, by a number from the upper end: those of a driver's own requests lie below.
    pub fn request(&self, invalidation: Invalidation) -> (Ticket, Input) {
        let ticket = Ticket(self.tickets.fetch_sub(1, Relaxed));
        let asked = Invalidate { invalidation, wait: false, depth: 0 };
        (ticket, Input::Request(ticket, Request::Invalidate(asked)))
    }
}

/// A value that only memory holds is written: what depends on it is old from this record on. The engine asks under the key's lock and
/// carries the record out in one step with the value, so that nobody sees the one without the other. No turn is waited for, and
/// none for this: see decision 0050.
impl Order for Deciding {
    fn order(&self, invalidation: Invalidation, now: Millis) {
        let (_, asked) = self.request(invalidation);
        let mut out = Outbox::default();
        let (mut turn, _) = self.decide(now, None, asked, &mut out);
        self.turns.end(&mut turn);
        debug_assert!(out.apply.len() == 1 && turn.changes() == Changes::TakesAway, "{out:?}");
        debug_assert!(out.ask.is_empty() && out.send.is_empty(), "{out:?}");
        debug_assert!(!self.has_more(), "alone nothing is left: nobody goes on under a key's lock");
    }
}
