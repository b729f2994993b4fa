//! This node's host, and what its member decides carried out.

use std::collections::VecDeque;
use std::sync::Arc;

use clearwell_cluster::{Answer, Ask, Config, Input, Member, NodeId, Peer, Position, Start, Ticket};
use clearwell_engine::{Applied, Departures, Engine, Invalidation, Millis};
use clearwell_host::{Batch, Host, Next, Settings};
use clearwell_source::Later;

use super::cluster::Unordered;
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
        self.step(now, Input::Tick);
    }

    /// Lets the member take an input, and carries out what it decides.
    pub(super) fn step(&self, now: Millis, input: Input) {
        if let Some(batch) = self.host.step(now, input) {
            self.carry_out(now, batch, None);
        }
        self.go_on();
    }

    /// One invalidation's whole way: ordered in the log, applied, told, acknowledged.
    fn order_alone(&self, now: Millis, statement: Invalidation) -> Reached {
        let (ticket, batch) = self.host.invalidate(now, statement);
        // It owns every slot, its own vote renews its lease in the step that needs it, and no replica is waited for.
        let batch = batch.expect("a cluster of one answers in the same step");
        let reached = self.carry_out(now, batch, Some(ticket));
        self.go_on();
        reached
    }

    /// What a step, or a change of a key, left to be done. It is not of whoever asked.
    pub(super) fn go_on(&self) {
        self.host.go_on(
            || self.clock.tick(),
            |now, batch| {
                self.carry_out(now, batch, None);
            },
        );
    }

    /// Orders an invalidation: what it did here, and in a cluster the word of those who ordered it, which comes later.
    pub(super) fn order(
        &self,
        now: Millis,
        statement: Invalidation,
    ) -> (Reached, Option<Later<Result<(), Unordered>>>) {
        match &self.cluster {
            None => (self.order_alone(now, statement), None),
            Some(cluster) => {
                let (reached, answered) = self.order_in_cluster(cluster, statement);
                (reached, Some(answered))
            }
        }
    }

    /// Carries out what was decided, for whoever asked by this number, and what that leads to at once. Where another thread's batch comes first,
    /// this one waits for it; invalidations of a node alone never do: nothing else is ordered.
    pub(super) fn carry_out(&self, now: Millis, batch: Batch, asked: Option<Ticket>) -> Reached {
        let (mut reached, mut all) = (Reached::default(), VecDeque::from([batch]));
        while let Some(batch) = all.pop_front() {
            let (more, done) = self.carry_out_one(now, batch, asked);
            reached = reached.and(more);
            let led =
                done.into_iter().filter_map(|(job, outcome)| self.host.step(now, Input::Done(job, outcome)));
            all.extend(led);
        }
        reached
    }

    fn carry_out_one(
        &self,
        now: Millis,
        mut batch: Batch,
        asked: Option<Ticket>,
    ) -> (Reached, Vec<(clearwell_cluster::Job, clearwell_cluster::Outcome)>) {
        let (mut reached, mut done) = (Reached::default(), Vec::new());
        loop {
            let synced = self.cluster.as_ref().map(|cluster| cluster.synced());
            let Some(next) = self.host.next(now, &mut batch, &|key| self.has_source(key)) else {
                return (reached, done);
            };
            match next {
                Next::Waits => self.host.wait(&batch),
                Next::Invalidated(invalidation, applied) => {
                    let applied = self.tell_applied(now, invalidation, applied);
                    reached = reached.and(applied);
                }
                Next::Answer(ticket, answer) if Some(ticket) == asked => {
                    reached.ordered = acknowledged(&answer);
                }
                Next::Tell(event) => self.tell_event(event),
                next => {
                    let cluster =
                        self.cluster.as_ref().expect("alone, a member is asked for invalidations only");
                    match next {
                        Next::Unsynced => match cluster.park(batch, synced.unwrap_or_default()) {
                            Some(again) => batch = again,
                            None => return (reached, done),
                        },
                        Next::Done(job, outcome) => done.push((job, outcome)),
                        Next::Ask(job, Ask::Load { key, .. }) => self.load_for_member(cluster, job, key),
                        // Writes go to their source beside the member.
                        Next::Ask(job, _) => done.push((job, clearwell_cluster::Outcome::Failed)),
                        next => cluster.carry_out(next),
                    }
                }
            }
        }
    }

    pub(super) fn tell_applied(&self, now: Millis, invalidation: Invalidation, applied: Applied) -> Reached {
        let Applied { seq, reached, dependents } = applied;
        let position = self.reports.tell(now, Happened::Invalidated { invalidation, reached, dependents });
        self.engine().placed(seq, position.0);
        Reached { entries: reached, seq, position, ..Reached::default() }
    }

    fn tell_event(&self, event: clearwell_cluster::Event) {
        use clearwell_cluster::Event;
        match event {
            _ if self.cluster.is_none() => tracing::debug!(?event, "cluster"),
            Event::Judged(key, _) => self.judged(&key),
            Event::View(epoch) => tracing::info!(epoch = epoch.0, "follows a view of the cluster"),
            Event::Owns(epoch, slots) => {
                tracing::info!(epoch = epoch.0, slots = slots.len(), "begins to own slots");
            }
            Event::Dead(peer) => tracing::warn!(?peer, "a node is taken for dead"),
            Event::Lost(slots) => {
                tracing::warn!(slots = slots.len(), "slots begin empty: all who had them are gone");
            }
            event => tracing::debug!(?event, "cluster"),
        }
    }
}

/// The member's word on what it was asked for: its place in the log.
fn acknowledged(answer: &Answer) -> Position {
    match answer {
        Answer::Invalidated(done) => done.ordered.last().map(|&(_, position)| position).unwrap_or_default(),
        other => unreachable!("a cluster of one refuses nothing: {other:?}"),
    }
}
