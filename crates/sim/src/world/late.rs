//! Threads that are late: a batch is carried on with after others that were decided later. What may not be overtaken, the host
//! keeps in order.

use clearwell_cluster::{Epoch, Peer};
use clearwell_host::Batch;

use super::{Happening, World};
use crate::counts::Count;

/// How many of a hundred outputs a thread stops before, in worlds where threads are late.
const STOPS_PERCENT: u32 = 10;

/// What checkers know of a step, for as long as its outputs are carried out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Decided {
    /// The view of whoever asked for a lease in it.
    pub(super) asked_in: Option<Epoch>,
    /// Who decided it with a lease for slots of its own, and in which view.
    pub(super) leased: Option<(Peer, Epoch)>,
}

/// A batch that waits for its thread.
#[derive(Debug)]
pub struct Late {
    number: u64,
    batch: Batch,
    decided: Decided,
    /// It waits for its host's disk, and for no thread.
    unsynced: bool,
}

impl Late {
    /// Whether it waits for its host's disk.
    pub fn is_unsynced(&self) -> bool {
        self.unsynced
    }
}

/// How far a batch was carried out.
pub(super) enum Carried {
    /// To its end.
    Whole,
    /// Its thread goes on later.
    Partly,
    /// It goes on when the disk is done with something.
    Unsynced,
    /// The process died on the way.
    Died,
}

impl World {
    /// Carries a batch out, or its first part.
    pub(super) fn carry_on(&mut self, host: usize, mut batch: Batch) {
        let unsynced = match self.carry_out(host, &mut batch) {
            Carried::Whole => return,
            Carried::Died => return self.crash(host),
            Carried::Partly => false,
            Carried::Unsynced => true,
        };
        self.counts.add(Count::Unsynced, u64::from(unsynced));
        self.lates += 1;
        let late = Late { number: self.lates, batch, decided: self.decided, unsynced };
        if !unsynced {
            let after = 10 + self.lag_rng.below(self.options.lag_us.max(1));
            self.queue.push(self.now + after, Happening::CarryOn { host: host as u32, late: late.number });
        }
        self.hosts[host].late.push(late);
    }

    /// What waited for a host's disk goes on, as far as it may.
    pub(super) fn go_on_synced(&mut self, host: usize) {
        if !self.hosts[host].late.iter().any(Late::is_unsynced) {
            return;
        }
        let late = std::mem::take(&mut self.hosts[host].late);
        let (unsynced, others): (Vec<Late>, Vec<Late>) = late.into_iter().partition(|late| late.unsynced);
        self.hosts[host].late = others;
        for Late { batch, decided, .. } in unsynced {
            self.decided = decided;
            self.carry_on(host, batch);
        }
    }

    /// Whether another thread is faster now. A third of the hosts has too few cores: where all are late, nobody sees what one has not
    /// done yet.
    pub(super) fn falls_behind(&mut self, host: usize) -> bool {
        let is_slow = (host as u64 + self.options.seed).is_multiple_of(3);
        self.options.lag_us > 0 && is_slow && self.lag_rng.percent(STOPS_PERCENT)
    }

    /// A late thread goes on, if its process is still there.
    pub(super) fn late_goes_on(&mut self, host: u32, number: u64) {
        let machine = &mut self.hosts[host as usize];
        let Some(at) = machine.late.iter().position(|late| late.number == number) else { return };
        let incarnation = machine.peer.incarnation;
        match self.when(host, incarnation) {
            None => {}
            Some(Some(later)) => self.queue.push(later, Happening::CarryOn { host, late: number }),
            Some(None) => {
                let Late { batch, decided, .. } = self.hosts[host as usize].late.remove(at);
                self.decided = decided;
                self.carry_on(host as usize, batch);
            }
        }
    }
}
