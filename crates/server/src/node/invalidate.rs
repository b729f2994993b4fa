//! The one road, carried out.

use clearwell_engine::{Effect, Event, Invalidation, Seq};

use super::Node;
use super::news::Happened;
use crate::road::{Input, Mode, Output, Position, Request};

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
}

impl Node {
    /// Invalidates. When it returns, no read that begins later sees what was covered (unless its mode holds it).
    pub fn invalidate(&self, request: Request) -> Reached {
        self.travel(Input::Invalidate(request))
    }

    /// An event arrived: it covers what depends on it, and releases what is held for its name.
    pub fn event(&self, event: Event) -> Reached {
        self.travel(Input::Event(event))
    }

    /// Time has passed: what was delayed until now takes effect.
    pub(super) fn release_due(&self) {
        if self.road.lock().held() > 0 {
            self.travel(Input::Tick);
        }
    }

    /// Scopes held for a time or an event.
    pub fn held(&self) -> usize {
        self.road.lock().held()
    }

    /// How many entries the request would reach; nothing is changed. Reads every entry, in slices.
    pub fn would_reach(&self, request: &Request) -> u64 {
        let effect = if request.mode == Mode::Lazy { Effect::Stale } else { Effect::Gone };
        let reach = |scope: &clearwell_engine::Scope| {
            let (cascade, version, cause) = (request.cascade, request.version, request.cause);
            let invalidation = Invalidation { scope: scope.clone(), effect, cascade, version, cause };
            self.engine.would_reach(&invalidation, self.clock.now())
        };
        request.scopes.iter().map(reach).fold(0, u64::saturating_add)
    }

    /// One input's whole way: decided, applied, told. The road's lock covers the decision only; a walk over a million
    /// keys for one pattern must not hold up another client's key.
    fn travel(&self, input: Input) -> Reached {
        let now = self.clock.now();
        let mut outputs = Vec::new();
        self.road.lock().step(now, input, &mut outputs);
        let mut reached = Reached::default();
        for output in outputs {
            match output {
                Output::Hold => reached.held = reached.held.saturating_add(1),
                Output::Apply(invalidation) => {
                    let applied = self.engine.apply(&invalidation, now);
                    reached.entries = reached.entries.saturating_add(applied.reached);
                    reached.seq = reached.seq.max(applied.seq);
                    reached.position = {
                        let reached = applied.reached;
                        self.news.tell(now, Happened::Invalidated { invalidation, reached })
                    };
                }
            }
        }
        if reached.position == Position(0) {
            reached.position = self.news.last();
        }
        reached
    }
}
