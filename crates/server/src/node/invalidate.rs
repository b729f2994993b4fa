//! The one road: what is asked for is split into statements of one scope each, and each is ordered, applied and told.

use clearwell_cluster::request::Invalidate;
use clearwell_engine::{Event, Invalidation, Seq};

use super::{Node, Position};
use crate::road::{Mode, Request};

/// What an invalidation request did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// Entries reached now; those of a scope that is held count when it takes effect.
    pub entries: u64,
    /// Scopes that are held for a time or an event.
    pub held: usize,
    /// The stream's position after it.
    pub position: Position,
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

impl Node {
    /// Invalidates. When it returns, no read that begins later sees what was covered (unless its mode holds it).
    pub fn invalidate(&self, request: Request) -> Reached {
        match request.mode {
            Mode::Immediate | Mode::Lazy => self.travel(request.statements()),
            Mode::Delayed(_) | Mode::OnEvent(_) => {
                let (held, go_on) = self.held.lock().hold(self.clock.tick(), request);
                self.keeper.wake();
                Reached { held, ..self.travel(go_on) }
            }
        }
    }

    /// An event arrived: it releases what is held for its name, and covers what depends on it.
    pub fn event(&self, event: Event) -> Reached {
        let released = self.held.lock().arrived(&event.name);
        self.travel(released.into_iter().chain(Request::event(event).statements()))
    }

    /// Time has passed: what was delayed until now takes effect.
    pub(super) fn release_due(&self) {
        let due = self.held.lock().due(self.clock.tick());
        if !due.is_empty() {
            self.travel(due);
        }
    }

    /// Scopes held for a time or an event.
    pub fn held(&self) -> usize {
        self.held.lock().len()
    }

    /// How many entries the request would reach; nothing is changed. Reads every entry, in slices.
    pub fn would_reach(&self, request: &Request) -> u64 {
        let effect = request.effect();
        let reach = |scope: &clearwell_engine::Scope| {
            let (cascade, version, cause) = (request.cascade, request.version, request.cause);
            let invalidation = Invalidation { scope: scope.clone(), effect, cascade, version, cause };
            self.engine.would_reach(&invalidation, self.clock.tick())
        };
        request.scopes.iter().map(reach).fold(0, u64::saturating_add)
    }

    fn travel(&self, statements: impl IntoIterator<Item = Invalidate>) -> Reached {
        let mut reached = Reached::default();
        for statement in statements {
            reached = reached.and(self.order(statement));
        }
        if reached.position == Position(0) {
            reached.position = self.news.last();
        }
        reached
    }
}
