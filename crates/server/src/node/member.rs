//! This node's host, and what its member decides carried out: the member is the cluster, alone.

use std::sync::Arc;

use clearwell_cluster::{Answer, Config, Input, Member, NodeId, Peer, Position, Start, Ticket};
use clearwell_engine::{Applied, Departures, Engine, Invalidation, Millis};
use clearwell_host::{Batch, Host, Next, Settings};

use super::news::Happened;
use super::{Node, Reached};

/// The log remembers no names: the engine has marks of its own, and these would answer for loads that the member is asked
/// for and for holders of copies on other nodes. There are none.
const TAIL: usize = 0;

/// Begins a cluster of one. It is a new one with each process: nothing that an earlier process held is left, and nobody
/// else remembers it. So its name is the process's, and there is nothing to be found again on a disk.
pub(super) fn begin(
    run_id: u64,
    engine: clearwell_engine::Config,
    departures: Arc<dyn Departures>,
    now: Millis,
) -> Host {
    let me = Peer { node: NodeId(run_id), incarnation: 1 };
    let config = Config { tail_most: TAIL, ..Config::new(me) };
    let settings = Settings { engine, ..Settings::new(&config, fastrand::u64(..)) };
    Host::alone(Member::new(config, Start::default(), now), settings, departures)
}

impl Node {
    /// The cache itself. A log's invalidations are applied by the host alone.
    pub(super) fn engine(&self) -> &Engine {
        self.host.engine()
    }

    /// Time has passed: the member hears of it.
    pub(super) fn tick_member(&self, now: Millis) {
        if let Some(batch) = self.host.step(now, Input::Tick) {
            self.carry_out(now, batch, None);
        }
        self.go_on();
    }

    /// One invalidation's whole way: ordered in the log, applied, told, acknowledged.
    pub(super) fn order(&self, now: Millis, statement: Invalidation) -> Reached {
        let (ticket, batch) = self.host.invalidate(now, statement);
        // It owns every slot, its own vote renews its lease in the step that needs it, and no replica is waited for.
        let batch = batch.expect("a cluster of one answers in the same step");
        let reached = self.carry_out(now, batch, Some(ticket));
        self.go_on();
        reached
    }

    /// What the step left to those that follow. It is not of whoever asked.
    fn go_on(&self) {
        self.host.go_on(
            || self.clock.tick(),
            |now, batch| {
                self.carry_out(now, batch, None);
            },
        );
    }

    /// Carries out what was decided, for whoever asked by this number. Where another thread's batch comes first, this one waits for it;
    /// invalidations never do: alone, nothing else is ordered.
    fn carry_out(&self, now: Millis, mut batch: Batch, asked: Option<Ticket>) -> Reached {
        let mut reached = Reached::default();
        while let Some(next) = self.host.next(now, &mut batch, &|_| false) {
            match next {
                Next::Waits => self.host.wait(&batch),
                Next::Invalidated(invalidation, applied) => {
                    let applied = self.tell_applied(now, invalidation, applied);
                    reached = reached.and(applied);
                }
                Next::Answer(ticket, answer) => {
                    debug_assert_eq!(Some(ticket), asked);
                    reached.ordered = acknowledged(&answer);
                }
                Next::Tell(event) => tracing::debug!(?event, "cluster"),
                Next::Persist(_)
                | Next::Unsynced
                | Next::Did { .. }
                | Next::Done(..)
                | Next::Ask(..)
                | Next::Send(..) => {
                    unreachable!(
                        "the member is asked for invalidations only, and there is no other: {next:?}"
                    )
                }
            }
        }
        reached
    }

    fn tell_applied(&self, now: Millis, invalidation: Invalidation, applied: Applied) -> Reached {
        let Applied { seq, reached, dependents } = applied;
        let position = self.reports.tell(now, Happened::Invalidated { invalidation, reached, dependents });
        self.engine().placed(seq, position.0);
        Reached { entries: reached, seq, position, ..Reached::default() }
    }
}

/// The member's word on what it was asked for: its place in the log.
fn acknowledged(answer: &Answer) -> Position {
    match answer {
        Answer::Invalidated(done) => done.ordered.last().map(|&(_, position)| position).unwrap_or_default(),
        other => unreachable!("a cluster of one refuses nothing: {other:?}"),
    }
}
