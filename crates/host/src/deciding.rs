//! The deciding part, as threads share it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use clearwell_cluster::request::Invalidate;
use clearwell_cluster::{Bytes, Input, Member, Outbox, Request, Ticket};
use clearwell_engine::{Invalidation, Millis};
use parking_lot::{Mutex, MutexGuard};

use crate::actor::Actor;
use crate::batch::Batch;
use crate::serving::Serving;
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
    /// How clients' values come to their places.
    pub values: ValuePlaces,
    /// What is served, for those who do not wait for the lock; where values come to their places while their keys are held.
    pub serving: Option<Serving>,
    /// What was decided while keys were held, in order.
    held: Mutex<VecDeque<Batch>>,
}

/// How clients' values come to their places in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValuePlaces {
    /// By requests: they are stored as the log says.
    Logged,
    /// While the engine holds their keys; there are so many slots.
    Held { slots: u16 },
    /// Not at all: nobody else has copies or replicas. Nor is anything for the disk: nothing that was decided outlives the process.
    Alone,
}

impl ValuePlaces {
    /// Whether it is while the engine holds their keys.
    pub fn are_held(self) -> bool {
        matches!(self, ValuePlaces::Held { .. })
    }
}

/// Copies that were found to be gone when so many turns had been given, all of which had ended.
pub(crate) struct Gone {
    pub settled: u64,
    pub keys: Vec<Bytes>,
}

impl Deciding {
    pub fn new(actor: Actor, values: ValuePlaces) -> Deciding {
        let serving = match values {
            ValuePlaces::Held { slots } => Some(Serving::new(slots)),
            ValuePlaces::Logged | ValuePlaces::Alone => None,
        };
        Deciding {
            serving,
            actor: Mutex::new(actor),
            turns: Turns::default(),
            tickets: AtomicU64::new(u64::MAX),
            has_more: AtomicBool::new(false),
            values,
            held: Mutex::default(),
        }
    }

    pub fn actor(&self) -> MutexGuard<'_, Actor> {
        self.actor.lock()
    }

    /// Asks the member, if the deciding part is one.
    pub fn with_member<R>(&self, ask: impl FnOnce(&mut Member) -> R) -> Option<R> {
        match &mut *self.actor.lock() {
            Actor::Member(member) => Some(ask(member)),
            Actor::Near(_) => None,
        }
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
        self.stepped(&actor);
        if self.values == ValuePlaces::Alone {
            out.persist.clear();
        }
        let turn = self.turns.give(Changes::of(out), out.persist.len());
        (turn, untold)
    }

    /// What others may know of a step without the lock.
    fn stepped(&self, actor: &Actor) {
        self.has_more.store(actor.has_more(), Relaxed);
        if let (Some(serving), Some(member)) = (&self.serving, actor.member()) {
            serving.publish(member);
        }
    }

    /// Whether the last step left something to those that follow.
    pub fn has_more(&self) -> bool {
        self.has_more.load(Relaxed)
    }

    /// Leaves what a step decided while a key was held to whoever goes on. Called while the deciding part is held; the value of `stored` will
    /// lie in the store before its key is let go.
    pub fn leave(&self, actor: &Actor, out: Outbox, stored: Option<Bytes>) {
        self.stepped(actor);
        if out.is_empty() && stored.is_none() {
            return;
        }
        let changes = if stored.is_some() { Changes::Stores } else { Changes::of(&out) };
        let turn = self.turns.give(changes, out.persist.len());
        self.held.lock().push_back(Batch::of_stored(turn, out, stored));
    }

    /// The next of what was left so.
    pub fn decided_while_held(&self) -> Option<Batch> {
        match self.values {
            ValuePlaces::Held { .. } => self.held.lock().pop_front(),
            ValuePlaces::Logged | ValuePlaces::Alone => None,
        }
    }

    /// A number from the upper end: those of a driver's own requests lie below.
    pub fn ticket(&self) -> Ticket {
        Ticket(self.tickets.fetch_sub(1, Relaxed))
    }

    /// An invalidation as a request, and its number.
    pub fn request(&self, invalidation: Invalidation) -> (Ticket, Input) {
        let ticket = self.ticket();
        let asked = Invalidate { invalidation, wait: false, depth: 0 };
        (ticket, Input::Request(ticket, Request::Invalidate(asked)))
    }
}
