//! This node's member of the cluster, which it is alone: what the member decides is carried out here.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use clearwell_cluster::request::Invalidate;
use clearwell_cluster::{
    Answer, Apply, Config, Input, Member, NodeId, Outbox, Peer, Position, Request, Start, Ticket,
};
use clearwell_engine::{Invalidation, Millis, Order};
use parking_lot::Mutex;

use super::news::Happened;
use super::{Node, Reached};

/// The log remembers no names: the engine has marks of its own, and these would answer for loads that the member is asked
/// for and for holders of copies on other nodes. There are none.
const TAIL: usize = 0;

/// The member, and the numbers of what it is asked for.
pub(super) struct OwnMember {
    member: Mutex<Member>,
    tickets: AtomicU64,
}

impl OwnMember {
    /// Begins a cluster of one. It is a new one with each process: nothing that an earlier process held is left, and nobody
    /// else remembers it. So its name is the process's, and there is nothing to be found again on a disk.
    pub fn begin(run_id: u64, now: Millis) -> OwnMember {
        let me = Peer { node: NodeId(run_id), incarnation: 1 };
        let config = Config { tail_most: TAIL, ..Config::new(me) };
        let part = OwnMember {
            member: Mutex::new(Member::new(config, Start::default(), now)),
            tickets: AtomicU64::new(0),
        };
        part.tick(now);
        part
    }

    /// Time has passed.
    pub fn tick(&self, now: Millis) {
        said(self.step(now, Input::Tick));
    }

    /// One step. The lock covers the decision only: a walk over a million keys for one pattern must not hold up another
    /// client's key. So two invalidations may be applied in another order than the log's, which is all one: each only takes
    /// away what was read before it.
    fn step(&self, now: Millis, input: Input) -> Outbox {
        let mut out = Outbox::default();
        self.member.lock().step(now, input, &mut out);
        out
    }

    /// What the member wants done for an invalidation, and where it stands in the log.
    fn ask(&self, now: Millis, invalidation: Invalidation) -> (Vec<Apply>, Position) {
        let ticket = Ticket(self.tickets.fetch_add(1, Relaxed) + 1);
        let Invalidation { scope, effect, cascade, version, cause } = invalidation;
        let asked = Invalidate { scope, effect, cascade, cause, version, wait: false, depth: 0 };
        let mut out = self.step(now, Input::Request(ticket, Request::Invalidate(asked)));
        let apply = std::mem::take(&mut out.apply);
        let position = acknowledged(&out, ticket);
        said(out);
        (apply, position)
    }
}

/// A value that only memory holds is written: what depends on it is old from this record on. The engine asks under the
/// key's lock and carries the record out in one step with the value, so that nobody sees the one without the other.
impl Order for OwnMember {
    fn order(&self, invalidation: Invalidation, now: Millis) {
        let (apply, _) = self.ask(now, invalidation);
        debug_assert!(matches!(&apply[..], [Apply::Invalidate(_)]), "{apply:?}");
    }
}

impl Node {
    /// One invalidation's whole way: ordered in the log, applied, told, acknowledged.
    pub(super) fn order(&self, statement: Invalidation) -> Reached {
        let now = self.clock.tick();
        let (apply, ordered) = self.part.ask(now, statement);
        let mut reached = Reached { ordered, ..Reached::default() };
        for apply in apply {
            let Apply::Invalidate(invalidation) = apply else {
                unreachable!("the member is asked for invalidations only: it knows of no value");
            };
            let applied = self.engine.apply(&invalidation, now);
            reached.entries = reached.entries.saturating_add(applied.reached);
            reached.seq = reached.seq.max(applied.seq);
            let told = Happened::Invalidated {
                invalidation,
                reached: applied.reached,
                dependents: applied.dependents,
            };
            reached.position = self.news.tell(now, told);
            self.engine.placed(applied.seq, reached.position.0);
        }
        reached
    }
}

/// The member's word on what it was asked for: its place in the log.
fn acknowledged(out: &Outbox, ticket: Ticket) -> Position {
    let answer = out.answer.iter().find(|(answered, _)| *answered == ticket);
    match answer {
        Some((_, Answer::Invalidated(done))) => {
            done.ordered.last().map(|&(_, position)| position).unwrap_or_default()
        }
        // It owns every slot, its own vote renews its lease in the step that needs it, and no replica is waited for.
        other => unreachable!("a cluster of one answers in the same step, and refuses nothing: {other:?}"),
    }
}

/// What is left of an outbox when there is no other node: nothing is asked for or sent, and nothing must last, because the
/// cluster ends with its process.
fn said(out: Outbox) {
    debug_assert!(out.apply.is_empty() && out.ask.is_empty() && out.send.is_empty(), "{out:?}");
    for event in out.tell {
        tracing::debug!(?event, "cluster");
    }
}
