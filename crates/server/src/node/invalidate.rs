//! The one road: what is asked for is split into statements of one scope each, and each is ordered, applied and told.

use std::time::Instant;

use clearwell_engine::{Cause, Event, Invalidation, Millis, Scope, Seq};

use clearwell_source::Later;

use super::cluster::Unordered;
use super::news::Happened;
use super::{NewsPosition, Node};
use crate::clock::nanos;
use crate::held::{HeldInvalidation, Until};
use crate::road::{InvalidationRequest, Mode};

/// What an invalidation request did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// Entries reached now; those of a scope that is held count when it takes effect.
    pub entries: u64,
    /// Scopes that are held for a time or an event.
    pub held: usize,
    /// The stream's position after it.
    pub position: NewsPosition,
    /// The engine's count after it.
    pub seq: Seq,
    /// The place of its last record in its owner's log; 0 when nothing was ordered.
    pub ordered: clearwell_cluster::Position,
}

impl Reached {
    /// What this and a later one did together.
    #[must_use]
    pub fn and(self, later: Reached) -> Reached {
        Reached {
            entries: self.entries.saturating_add(later.entries),
            held: self.held.saturating_add(later.held),
            position: self.position.max(later.position),
            seq: self.seq.max(later.seq),
            ordered: self.ordered.max(later.ordered),
        }
    }
}

/// An invalidation that was carried out here, and is acknowledged when those who ordered it say so. A node alone has said so.
pub struct Invalidated {
    /// What it did here.
    pub reached: Reached,
    waits: Vec<Later<Result<(), Unordered>>>,
}

impl Invalidated {
    /// Whether there is nothing to wait for.
    pub fn is_acknowledged(&self) -> bool {
        self.waits.is_empty()
    }

    /// Waits until all who had to have ordered it.
    ///
    /// # Errors
    /// Somebody has not: the first who has not says why.
    pub async fn acknowledged(self) -> Result<Reached, Unordered> {
        for wait in self.waits {
            wait.await?;
        }
        Ok(self.reached)
    }

    fn and(mut self, later: Invalidated) -> Invalidated {
        self.waits.extend(later.waits);
        Invalidated { reached: self.reached.and(later.reached), waits: self.waits }
    }

    pub(super) fn none() -> Invalidated {
        Invalidated { reached: Reached::default(), waits: Vec::new() }
    }
}

impl Node {
    /// Why an invalidation cannot be held for later; `None`: it can.
    pub fn holds_nothing(&self, request: &InvalidationRequest) -> Option<&'static str> {
        const ONE_NODE: &str = "a cluster does not hold invalidations for later yet: what one node holds would be lost with it; ask when it is due";
        let is_held = matches!(request.mode, Mode::Delayed(_) | Mode::OnEvent(_));
        (is_held && self.is_in_cluster()).then_some(ONE_NODE)
    }

    /// Invalidates. When it is acknowledged, no read that begins later sees what was covered (unless its mode holds it).
    pub fn invalidate(&self, request: InvalidationRequest) -> Invalidated {
        match request.mode {
            Mode::Immediate | Mode::Lazy => {
                let asked = matches!(request.cause, Cause::Command | Cause::Removal | Cause::Event);
                let is_timed = asked && !request.scopes.is_empty();
                self.timed(is_timed, request.statements())
            }
            Mode::Delayed(_) | Mode::OnEvent(_) => {
                let now = self.clock.tick();
                let held = self.keeper.hold(now, request);
                for item in held.new {
                    self.reports.tell(now, Happened::Held(Box::new(item)));
                }
                let mut travelled = self.travel(now, held.go_on);
                travelled.reached.held = held.count;
                travelled
            }
        }
    }

    /// An event arrived: it releases what is held for it, and covers what depends on it.
    pub fn event(&self, event: Event) -> Invalidated {
        self.timed(true, InvalidationRequest::event(event).statements())
    }

    /// Carries out what is asked for now; how long that takes counts if a client asked.
    fn timed(&self, is_asked: bool, statements: impl IntoIterator<Item = Invalidation>) -> Invalidated {
        let began = Instant::now();
        let reached = self.travel(self.clock.advance(began), statements);
        if is_asked {
            self.reports.tallies().asked(self.clock.now(), nanos(began.elapsed()));
        }
        reached
    }

    /// Time has passed: what was delayed until now takes effect.
    pub(super) fn release_due(&self) {
        let due = self.keeper.due(self.clock.tick());
        if due.is_empty() {
            return;
        }
        let released = self.release(due);
        if !released.is_acknowledged() {
            self.background.spawn(async move {
                if let Err(why) = released.acknowledged().await {
                    tracing::error!(%why, "an invalidation that was held");
                }
            });
        }
    }

    /// What is held takes effect.
    fn release(&self, items: Vec<HeldInvalidation>) -> Invalidated {
        let mut reached = Invalidated::none();
        for item in items {
            let (now, statement) = (self.clock.tick(), item.statement.clone());
            self.reports.tell(now, Happened::Released(Box::new(item)));
            reached = reached.and(self.travel(now, [statement]));
        }
        reached
    }

    /// Scopes held for a time or an event.
    pub fn held(&self) -> usize {
        self.keeper.len()
    }

    /// What is held, by number, from the first after `after`, at most so many; and how long each waits yet, in milliseconds.
    pub fn list_held(&self, after: u64, most: usize) -> Vec<(HeldInvalidation, Option<u64>)> {
        let now = self.clock.tick();
        let left = |item: &HeldInvalidation| match item.until {
            Until::Time { due, .. } => Some(due.since(now)),
            Until::Event(_) => None,
        };
        self.keeper.list(after, most).into_iter().map(|item| (item.clone(), left(&item))).collect()
    }

    /// Takes what is held back before it takes effect; the numbers of those that were. `None` is all.
    pub fn cancel_held(&self, ids: Option<&[u64]>) -> Vec<u64> {
        let cancelled = self.keeper.cancel(ids);
        let now = self.clock.tick();
        let ids = cancelled.iter().map(|item| item.id).collect();
        for item in cancelled {
            self.reports.tell(now, Happened::Cancelled(Box::new(item)));
        }
        ids
    }

    /// How many entries the request would reach; nothing is changed. Reads every entry, in slices.
    pub fn would_reach(&self, request: &InvalidationRequest) -> u64 {
        let effect = request.effect();
        let reach = |scope: &clearwell_engine::Scope| {
            let (cascade, version, cause) = (request.cascade, request.version, request.cause);
            let invalidation = Invalidation { scope: scope.clone().into(), effect, cascade, version, cause };
            self.engine().would_reach(&invalidation, self.clock.tick())
        };
        request.scopes.iter().map(reach).fold(0, u64::saturating_add)
    }

    fn travel(&self, now: Millis, statements: impl IntoIterator<Item = Invalidation>) -> Invalidated {
        let mut travelled = Invalidated::none();
        for statement in statements {
            // Whoever says that something happened, by whatever surface or feed: what waits for it is released.
            if let Scope::Event(event) = &*statement.scope {
                let arrived = self.keeper.arrived(event);
                travelled = travelled.and(self.release(arrived));
            }
            let (reached, waits) = self.order(now, statement);
            travelled.reached = travelled.reached.and(reached);
            travelled.waits.extend(waits);
        }
        if travelled.reached.position == NewsPosition(0) {
            travelled.reached.position = self.reports.position();
        }
        travelled
    }
}
