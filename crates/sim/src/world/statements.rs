//! Statements at the source: slow, refused, unanswered, or taking effect long after they were given up.

use clearwell_cluster::{Epoch, Expiry, Outcome, Slot, slot};

use super::{Happening, Statement, Wanted, World};
use crate::counts::Count;
use crate::host::State;
use crate::options::SECOND;
use crate::seen::Seen;
use crate::value::{WriteId, write_of};

impl World {
    pub(super) fn send_statement(&mut self, statement: Box<Statement>) {
        let slow = self.now < self.slow_until;
        let most = if slow { 4 * SECOND } else { self.options.statement_us };
        let after = 100 + self.source_rng.below(most) + self.statements_after;
        self.queue.push(self.now + after, Happening::Statement(statement));
    }

    /// A statement is carried out, or not.
    pub(super) fn arrive(&mut self, statement: Statement) {
        let fails = self.now < self.failing_until || self.source_rng.ppm(self.options.source_ppm);
        let Statement { host, incarnation, job, what } = statement;
        let outcome = match (what, fails) {
            (Wanted::Load { .. }, true) => Outcome::Failed,
            (Wanted::Load { key, sent_at }, false) => {
                let mut entry = self.history.source.read(key, sent_at, self.now);
                let write = entry.value.as_deref().map_or(0, write_of);
                let read_at = self.hosts[host as usize].clock.read(self.now);
                let ttl_ms = self.history.source.ttl_of(write);
                entry.expiry = ttl_ms.map(|ttl_ms| Expiry::after(read_at, ttl_ms));
                Outcome::Loaded { entry: Some(entry), stored: false }
            }
            (Wanted::Fence { .. }, true) => Outcome::Failed,
            (Wanted::Fence { slots, epoch }, false) => {
                self.history.source.fence(&slots, epoch);
                Outcome::Fenced
            }
            (Wanted::Commit { write, once, fence }, fails) => {
                let is_late = fence.is_none() && !self.is_owners((host, incarnation), write);
                self.commit((write, once, is_late), fence, fails)
            }
            (Wanted::Ghost { write, once, fence }, _) => {
                self.commit((write, once, fence.is_none()), fence, false);
                return;
            }
        };
        let most = (self.options.statement_us / 2).max(1_000);
        let after = 100 + self.source_rng.below(most) + self.answers_after;
        let outcome = Box::new(outcome);
        self.queue.push(self.now + after, Happening::Done { host, incarnation, job, outcome });
    }

    /// Whether the process that sent a statement is the owner of its key still.
    fn is_owners(&self, (host, incarnation): (u32, u32), write: WriteId) -> bool {
        let key = self.history.source.writes[write as usize].key;
        let slot = slot::slot_of(self.history.names.key(key), self.options.slots);
        let host = &self.hosts[host as usize];
        host.state == State::Up
            && host.peer.incarnation == incarnation
            && host.owns(host.clock.read(self.now), slot)
    }

    /// Commits a write, if the source still takes it. One that `is_late` and needs no fence is nobody's any more: the feed tells of it.
    fn commit(
        &mut self,
        (write, once, is_late): (WriteId, bool, bool),
        fence: Option<(Slot, Epoch)>,
        fails: bool,
    ) -> Outcome {
        if write == 0 || fence.is_some_and(|fence| !self.history.source.admits(fence)) {
            self.see(|world| Some(Seen::Fenced(world.history.source.writes[write as usize].key)));
            return Outcome::Failed;
        }
        if fails && self.watch.is_some() {
            // In a story a failing source says no, and nothing else.
            return Outcome::Failed;
        }
        if fails {
            let ghosts = if self.options.late_statements { 4 } else { 3 };
            match self.source_rng.below(ghosts) {
                0 => return Outcome::Failed,
                1 => return Outcome::Unclear,
                2 => {}
                _ => {
                    let what = Wanted::Ghost { write, once, fence };
                    let job = clearwell_cluster::Job(0);
                    let ghost = Statement { host: 0, incarnation: 0, job, what };
                    let after = self.source_rng.below(8 * SECOND);
                    self.queue.push(self.now + after, Happening::Statement(Box::new(ghost)));
                    return Outcome::Unclear;
                }
            }
        }
        let before = self.history.source.log.len();
        let version = self.history.source.commit(write, !is_late, once, self.now);
        if self.history.source.log.len() > before {
            let key = self.history.source.writes[write as usize].key;
            self.counts.add(Count::LateTold, u64::from(is_late));
            self.see(|_| Some(Seen::Committed { key, write, through: true }));
            self.tell(Some(key), |world| {
                format!("the source commits {} as version {}", world.history.names.text(key), version.0)
            });
        }
        if fails { Outcome::Unclear } else { Outcome::Committed(version) }
    }
}
