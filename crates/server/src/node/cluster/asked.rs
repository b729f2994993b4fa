//! Questions to the member, and those who wait for its answers.

use std::pin::Pin;
use std::sync::Weak;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use clearwell_cluster::request::Invalidate;
use clearwell_cluster::{Answer, Bytes, Epoch, Input, Refusal, Request, Ticket};
use clearwell_engine::{Invalidation, Scope};
use clearwell_source::Later;
use clearwell_words::Ack;
use tokio::sync::oneshot;

use super::counts::Stage;
use super::{Cluster, Place};
use crate::node::{Node, Reached};
use crate::planted::{self, PlantedHere};

/// For how long what no owner takes is asked for again: an owner that died is replaced sooner.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait between two attempts.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// Why a change is not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unordered {
    /// Nothing was done: no owner could be asked for it.
    Nothing,
    /// It may be done, or may still be.
    Unknown,
}

impl std::fmt::Display for Unordered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unordered::Nothing => "no owner of the slot could be reached: nothing was done; send it again",
            Unordered::Unknown => {
                "the slot's replicas did not confirm in time: it may be done or not; look, or send it again"
            }
        })
    }
}

impl std::error::Error for Unordered {}

/// Waits for the answer to a question. Dropped, nobody waits any more.
pub(super) struct Awaiting {
    ticket: Ticket,
    answered: oneshot::Receiver<Answer>,
    node: Weak<Node>,
}

impl Future for Awaiting {
    type Output = Result<Answer, oneshot::error::RecvError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answered).poll(context)
    }
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        if let Some(node) = self.node.upgrade() {
            node.cluster.iter().for_each(|cluster| drop(cluster.asked.lock().remove(&self.ticket)));
        }
    }
}

impl Cluster {
    /// Somebody waits for the answer to this question. Said before the question is put.
    fn expect(&self, ticket: Ticket) -> Awaiting {
        let (answer, answered) = oneshot::channel();
        self.asked.lock().insert(ticket, answer);
        Awaiting { ticket, answered, node: self.node.get().cloned().unwrap_or_default() }
    }

    /// Whether a view was first seen so lately that something may be under way that was decided in the one before it.
    fn is_new(&self, epoch: Epoch) -> bool {
        if self.old.load(Relaxed) == epoch.0 {
            return false;
        }
        let mut seen = self.seen.lock();
        match *seen {
            Some((last, since)) if last == epoch && since.elapsed() >= PATIENCE => {
                self.old.store(epoch.0, Relaxed);
                false
            }
            Some((last, _)) if last == epoch => true,
            _ => {
                *seen = Some((epoch, Instant::now()));
                true
            }
        }
    }

    /// The member answers. Nobody may wait for it any more.
    pub(super) fn answer(&self, ticket: Ticket, answer: Answer) {
        if let Some(waiting) = self.asked.lock().remove(&ticket) {
            let _gone = waiting.send(answer);
        }
    }
}

impl Node {
    /// Puts a question to the member.
    pub(super) fn put(&self, cluster: &Cluster, question: impl FnOnce(Ticket) -> Input) -> Awaiting {
        let ticket = self.host.ticket();
        let answered = cluster.expect(ticket);
        self.step(self.clock.tick(), question(ticket));
        answered
    }

    /// One invalidation's way in a cluster: what it reached here, and the word of those who ordered it.
    pub(in crate::node) fn order_in_cluster(
        &self,
        cluster: &Cluster,
        statement: Invalidation,
    ) -> (Reached, Later<Result<(), Unordered>>) {
        if planted::has(PlantedHere::InvalidationDropped) && fastrand::u8(..8) == 0 {
            return (Reached::default(), Box::pin(async { Ok(()) }));
        }
        if let Scope::Key(key) = &*statement.scope
            && let Place::Here = self.place_of(key)
        {
            let (now, began) = (self.clock.tick(), Instant::now());
            let applied = self.host.take_away(now, &statement);
            self.go_on();
            cluster.counts.reached(now, Stage::Applied, began);
            let settled = self.settled(cluster, (**key).into());
            let node = cluster.node.get().cloned().unwrap_or_default();
            let confirmed = async move {
                settled.await?;
                reached(&node, Stage::Replicas, began);
                Ok(())
            };
            return (self.tell_applied(now, statement, applied), Box::pin(confirmed));
        }
        let ask = |node: &Node, cluster: &Cluster, invalidation: &Invalidation| {
            let asked = Invalidate { invalidation: invalidation.clone(), wait: true, depth: 0 };
            node.put(cluster, |ticket| Input::Request(ticket, Request::Invalidate(asked)))
        };
        let (began, mut asked) = (Instant::now(), ask(self, cluster, &statement));
        let node = cluster.node.get().cloned().unwrap_or_default();
        let answered = async move {
            loop {
                match outcome(asked.await) {
                    Err(Unordered::Nothing) if began.elapsed() < PATIENCE => {}
                    Ok(()) => {
                        reached(&node, Stage::Copies, began);
                        return Ok(());
                    }
                    refused => return refused,
                }
                tokio::time::sleep(PAUSE).await;
                let Some(node) = node.upgrade() else { return Err(Unordered::Nothing) };
                let Some(cluster) = &node.cluster else { return Err(Unordered::Nothing) };
                asked = ask(&node, cluster, &statement);
            }
        };
        (Reached::default(), Box::pin(answered))
    }

    /// Whether a write of a key without a source waits for the slot's replicas before it is acknowledged. While slots move it always does: the
    /// next owner of one may be another although this one lives, and has to have what was acknowledged. A write was decided before this is asked,
    /// maybe while slots moved and by an owner that has lost its slot with the view of now. So a view counts as settled only some time after it
    /// was first seen here.
    pub fn waits_for_replicas(&self) -> bool {
        let Some(cluster) = &self.cluster else { return false };
        if cluster.ack == Ack::Replicas {
            return true;
        }
        let (epoch, moves) = self.host.view_moves();
        moves || cluster.is_new(epoch)
    }

    /// Waits until a key that was changed here, or whose value was taken away, may be acknowledged.
    ///
    /// # Errors
    /// Its replicas have not confirmed it.
    pub async fn settle_change(&self, key: &[u8]) -> Result<(), Unordered> {
        let waits = self.is_in_cluster() && (self.waits_for_replicas() || self.peek(key, |_| ()).is_none());
        for settled in if waits { self.settle_keys(&[key]) } else { Vec::new() } {
            settled.await?;
        }
        Ok(())
    }

    /// Waits, for each key, until what was changed of it here survives as it has to; a node alone has nobody to wait for.
    pub fn settle_keys(&self, keys: &[&[u8]]) -> Vec<Later<Result<(), Unordered>>> {
        let Some(cluster) = &self.cluster else { return Vec::new() };
        keys.iter().map(|key| self.settled(cluster, (*key).into())).collect()
    }

    /// Waits until what was changed of a key here survives as it has to.
    pub(in crate::node) fn settled(&self, cluster: &Cluster, key: Bytes) -> Later<Result<(), Unordered>> {
        if planted::has(PlantedHere::SettleSkipped) {
            return Box::pin(async { Ok(()) });
        }
        let answered = self.put(cluster, |ticket| Input::Settle(ticket, key));
        Box::pin(async move { outcome(answered.await) })
    }
}

/// An invalidation has come so far.
fn reached(node: &Weak<Node>, stage: Stage, ordered: Instant) {
    let Some(node) = node.upgrade() else { return };
    node.cluster.iter().for_each(|cluster| cluster.counts.reached(node.clock.tick(), stage, ordered));
}

fn outcome(answered: Result<Answer, oneshot::error::RecvError>) -> Result<(), Unordered> {
    match answered {
        Ok(Answer::Written(_) | Answer::Invalidated(_) | Answer::Value { .. }) => Ok(()),
        Ok(Answer::Refused(Refusal::NoOwner | Refusal::Busy)) => Err(Unordered::Nothing),
        Ok(Answer::Refused(_)) | Err(_) => Err(Unordered::Unknown),
    }
}
