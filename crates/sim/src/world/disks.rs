//! Disks that take their time, or take nothing for a while: what is handed to one lasts later, and only then does its host say anything
//! that rests on it.

use clearwell_cluster::Persist;

use super::{Happening, World};
use crate::counts::Count;
use crate::host::State;
use crate::options::SECOND;
use crate::queue::Micros;

/// The least time until a write lasts, where disks are slow.
const SYNC_LEAST_US: Micros = 100;
/// What happens to one write in a hundred there.
const STALL_US: Micros = SECOND;
/// How many batches of a host wait for its disk before the host takes no more in.
const WAITING_MOST: usize = 100;

impl World {
    pub(super) fn persist(&mut self, host: usize, what: Persist) {
        if let Persist::Journal(entry) = &what {
            self.note_rank(entry.value.as_deref(), entry.version.0);
        }
        self.history.journals.note_handed(host, &what);
        self.check_handed(host, &what);
        self.light_by_choice(host, &what);
        let sync_us = self.sync_us();
        let there = &mut self.hosts[host];
        let taken = self.now.max(there.full_until);
        self.counts.add(Count::FullDisk, u64::from(taken > self.now));
        let is_idle = there.disk.lasts_next().is_none();
        there.disk.hand(what, taken, sync_us);
        self.crash_in_sync(host);
        let there = &mut self.hosts[host];
        match there.disk.lasts_next() {
            Some(at) if is_idle && at > self.now => {
                let incarnation = there.peer.incarnation;
                self.queue.push(at, Happening::DiskLasts { host: host as u32, incarnation });
            }
            _ => self.last(host),
        }
    }

    /// A process whose time has come dies while what it handed to its disk last is on its way.
    fn crash_in_sync(&mut self, host: usize) {
        let Some(lasts) = self.hosts[host].disk.lasts_last().filter(|at| *at > self.now) else { return };
        if self.hosts[host].sync_fuse.is_none() || !self.is_node(host) {
            return;
        }
        let Some(us) = self.hosts[host].sync_fuse.take() else { return };
        let at = self.now + self.disk_rng.below(lasts - self.now);
        let (host, incarnation) = (host as u32, self.hosts[host].peer.incarnation);
        self.queue.push(at, Happening::Crash { host, incarnation });
        self.queue.push(at + us, Happening::Start { host });
    }

    /// How long a write takes to last.
    fn sync_us(&mut self) -> Micros {
        match self.options.sync_us {
            0 => 0,
            _ if self.disk_rng.percent(1) => STALL_US,
            most => SYNC_LEAST_US + self.disk_rng.below(most),
        }
    }

    /// What lasts by now: the host hears of it.
    fn last(&mut self, host: usize) {
        while let Some(what) = self.hosts[host].disk.last_next(self.now) {
            self.note_lasting(host, &what);
        }
        let there = &mut self.hosts[host];
        if let Some(running) = &mut there.host {
            running.lasts(there.disk.lasting());
        }
    }

    /// A disk is done with something, and batches that waited for it go on.
    pub(super) fn disk_lasts(&mut self, host: u32, incarnation: u32) {
        let again = |at| (at, Happening::DiskLasts { host, incarnation });
        let index = host as usize;
        match self.when(host, incarnation) {
            None => return,
            Some(Some(later)) => {
                let (at, what) = again(later);
                return self.queue.push(at, what);
            }
            Some(None) => {}
        }
        self.last(index);
        if let Some(at) = self.hosts[index].disk.lasts_next() {
            let (at, what) = again(at);
            self.queue.push(at, what);
        }
        self.go_on_synced(index);
    }

    /// When a host that has much waiting for its disk takes something in again.
    pub(super) fn is_full_until(&self, host: u32) -> Option<Micros> {
        let host = &self.hosts[host as usize];
        host.disk.lasts_next().filter(|at| *at > self.now && host.unsynced() > WAITING_MOST)
    }

    /// A disk takes nothing until then.
    pub(super) fn fill_disk(&mut self, host: usize, until: Micros) {
        if let Some(host) = self.hosts.get_mut(host).filter(|host| !host.is_near) {
            host.full_until = until.max(host.full_until);
            host.disk.take_at(self.now, host.full_until);
        }
    }

    /// The disk of a process that dies. What was on its way is there afterwards, or not.
    pub(super) fn crash_disk(&mut self, host: usize) {
        self.last(host);
        let (kept, lost) = self.hosts[host].disk.crash(self.now, &mut self.disk_rng);
        self.counts.add(Count::LostByCrash, lost as u64);
        self.counts.add(Count::KeptByCrash, kept.len() as u64);
        for what in kept {
            self.note_lasting(host, &what);
        }
    }

    fn note_lasting(&mut self, host: usize, what: &Persist) {
        if let Persist::Released(_, hold) = what {
            self.history.releases.push((*hold as u32, self.now));
        }
        self.history.journals.note(host, &self.history.names, self.options.slots, what);
        self.check_lasting(host, what);
    }

    /// All disks are fast from now on, and have room.
    pub(super) fn mend_disks(&mut self) {
        self.options.sync_us = 0;
        for host in 0..self.hosts.len() {
            let there = &mut self.hosts[host];
            there.full_until = 0;
            there.disk.take_at(self.now, self.now);
            there.disk.hurry(self.now);
            let (incarnation, is_up) = (there.peer.incarnation, there.state == State::Up);
            if is_up && there.disk.lasts_next().is_some() {
                self.queue.push(self.now, Happening::DiskLasts { host: host as u32, incarnation });
            }
        }
    }
}
