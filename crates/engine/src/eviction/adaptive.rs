//! The adaptive policy: S3-FIFO by bytes.
//!
//! (Yang, Zhang, Qiu, Yue, Rashmi: «FIFO queues are all you need for cache eviction», SOSP 2023.) A new entry enters a small
//! queue; if it was read more than once when it comes to that queue's end it moves to the main queue, else it
//! leaves and its fingerprint is remembered for a while: if it comes back soon it enters the main queue. The main
//! queue is a clock over two bits of frequency. Priority grants extra rounds.

use super::ghost::Ghost;
use super::{Dead, Policy, weight};
use crate::slab::Slab;
use crate::slot::{EntryPlace, NONE, State};

/// The small queue's share of the bytes: one in this many.
const SMALL_SHARE: u64 = 10;

/// A doubly linked queue through the slots; new entries at the head.
#[derive(Debug)]
struct EntryQueue {
    head: u32,
    tail: u32,
    bytes: u64,
    len: usize,
}

/// The two queues and the ghosts of one shard.
#[derive(Debug)]
pub(super) struct Adaptive {
    small: EntryQueue,
    main: EntryQueue,
    ghost: Ghost,
}

/// Extra rounds that a priority grants: one for each sixteen.
fn laps(slot: &EntryPlace) -> u8 {
    slot.priority().div_ceil(16)
}

impl EntryQueue {
    const EMPTY: EntryQueue = EntryQueue { head: NONE, tail: NONE, bytes: 0, len: 0 };

    fn push(&mut self, slab: &mut Slab, place: u32) {
        slab[place].set_previous(NONE);
        slab[place].next = self.head;
        match self.head {
            NONE => self.tail = place,
            head => slab[head].set_previous(place),
        }
        self.head = place;
        self.bytes += weight(&slab[place]);
        self.len += 1;
    }

    fn unlink(&mut self, slab: &mut Slab, place: u32) {
        let (previous, next) = (slab[place].previous(), slab[place].next);
        match previous {
            NONE => self.head = next,
            previous => slab[previous].next = next,
        }
        match next {
            NONE => self.tail = previous,
            next => slab[next].set_previous(previous),
        }
        self.bytes -= weight(&slab[place]);
        self.len -= 1;
    }

    fn check(&self, slab: &Slab, state: State) -> Result<(), String> {
        let (mut place, mut previous, mut bytes, mut len) = (self.head, NONE, 0, 0);
        while place != NONE {
            let slot = slab.get(place).ok_or(format!("{state:?} queue: free place {place}"))?;
            if slot.state != state || slot.previous() != previous || len > slab.len() {
                return Err(format!("{state:?} queue: broken at {place}"));
            }
            bytes += weight(slot);
            len += 1;
            previous = place;
            place = slot.next;
        }
        let counted = (previous, bytes, len);
        let kept = (self.tail, self.bytes, self.len);
        if counted == kept {
            Ok(())
        } else {
            Err(format!("{state:?} queue: kept {kept:?}, counted {counted:?}"))
        }
    }
}

impl Default for Adaptive {
    fn default() -> Adaptive {
        Adaptive { small: EntryQueue::EMPTY, main: EntryQueue::EMPTY, ghost: Ghost::default() }
    }
}

impl Adaptive {
    fn enqueue(&mut self, slab: &mut Slab, place: u32, state: State) {
        slab[place].state = state;
        self.queue(state).push(slab, place);
    }

    fn queue(&mut self, state: State) -> &mut EntryQueue {
        if state == State::Small { &mut self.small } else { &mut self.main }
    }

    fn turns(&self) -> usize {
        (self.small.len + self.main.len).saturating_mul(24).saturating_add(24)
    }

    /// Moves an entry that was read, or that its priority keeps, to the head of the main queue; or says that it is to leave.
    fn another_round(&mut self, slab: &mut Slab, place: u32, state: State) -> bool {
        let frequency = slab[place].frequency();
        let warm = if state == State::Small { frequency > 1 } else { frequency > 0 };
        if !warm && slab[place].laps == 0 {
            self.ghost.remember(slab[place].hash, slab.len());
            return false;
        }
        self.queue(state).unlink(slab, place);
        let slot = &mut slab[place];
        if !warm {
            slot.laps -= 1;
        } else if state == State::Small {
            slot.cool(0);
        } else {
            slot.cool(frequency - 1);
        }
        self.enqueue(slab, place, State::Main);
        true
    }
}

impl Policy for Adaptive {
    fn admit(&mut self, slab: &mut Slab, place: u32, _: u64) {
        let known = self.ghost.take(slab[place].hash);
        slab[place].laps = laps(&slab[place]);
        self.enqueue(slab, place, if known { State::Main } else { State::Small });
    }

    /// Without a ghost.
    fn release(&mut self, slab: &mut Slab, place: u32) {
        let state = slab[place].state;
        self.queue(state).unlink(slab, place);
    }

    fn changed(&mut self, slab: &mut Slab, place: u32, before: u64, _: u64) {
        slab[place].laps = laps(&slab[place]);
        let queue = self.queue(slab[place].state);
        queue.bytes = queue.bytes - before + weight(&slab[place]);
    }

    /// What was written again is warmer already: the shard sees to it with the value.
    fn written(&mut self, _: &mut Slab, _: u32, _: u64) {}

    fn victim(&mut self, slab: &mut Slab, spared: Option<u32>, dead: Dead<'_>, _: u64) -> Option<u32> {
        // Each turn lowers a frequency, uses a lap, or moves an entry from the small queue to the main one; but
        // readers may raise frequencies meanwhile, so the turns are counted too.
        for turn in 0..self.turns() {
            let bytes = self.small.bytes + self.main.bytes;
            let small = self.main.len == 0 || self.small.len > 0 && self.small.bytes > bytes / SMALL_SHARE;
            let place = if small { self.small.tail } else { self.main.tail };
            if place == NONE {
                return None;
            }
            let state = slab[place].state;
            if Some(place) == spared {
                if slab.len() == 1 {
                    return None;
                }
                self.queue(state).unlink(slab, place);
                self.enqueue(slab, place, State::Main);
                continue;
            }
            if dead(&slab[place]) || !self.another_round(slab, place, state) || turn + 1 == self.turns() {
                return Some(place);
            }
        }
        None
    }

    fn weight(&self) -> u64 {
        self.small.bytes + self.main.bytes
    }

    fn bytes(&self) -> u64 {
        self.ghost.bytes()
    }

    /// Follows both queues and compares.
    fn check(&self, slab: &Slab) -> Result<(), String> {
        self.small.check(slab, State::Small)?;
        self.main.check(slab, State::Main)?;
        let queued = self.small.len + self.main.len;
        if queued == slab.len() { Ok(()) } else { Err(format!("{queued} entries queued of {}", slab.len())) }
    }
}
