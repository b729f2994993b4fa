//! A hierarchical timing wheel: what expires when, without ever scanning.
//!
//! (Varghese, Lauck: «Hashed and Hierarchical Timing Wheels», SOSP 1987.) It may hold timers of entries that are gone or
//! whose time was moved: whoever takes a due timer looks at the entry. So it only frees memory; whether an entry is
//! expired is decided at each read.

use crate::Millis;
use crate::memory::allocated;

/// Milliseconds in a tick, as a power of two.
const TICK_BITS: u32 = 5;
const BUCKET_BITS: u32 = 6;
const BUCKETS: usize = 1 << BUCKET_BITS;
const LEVELS: usize = 6;
/// Bits of a tick in which it may differ from the tick now: about seventy years.
const REACH: u32 = BUCKET_BITS * LEVELS as u32;

/// A place, and the generation of the entry that stood in it when the timer was set.
pub(crate) type Timer = (u32, u32);

type Level = Box<[Vec<(Timer, u64)>; BUCKETS]>;

/// The wheel of one shard.
#[derive(Debug, Default)]
pub(crate) struct Wheel {
    levels: [Option<Level>; LEVELS],
    /// Beyond this turn of the highest level; placed anew when the next one begins.
    far: Vec<(Timer, u64)>,
    /// Due, and not yet taken.
    due: Vec<Timer>,
    /// All ticks up to and with this one have been turned.
    tick: u64,
    timers: usize,
    bytes: u64,
}

impl Wheel {
    /// Sets a timer; one for the past is due at once.
    pub(crate) fn set(&mut self, timer: Timer, deadline: u64) {
        self.timers += 1;
        self.place(timer, deadline);
    }

    fn place(&mut self, timer: Timer, deadline: u64) {
        let at = (deadline >> TICK_BITS).saturating_add(1);
        if at <= self.tick {
            grow(&mut self.due, timer, &mut self.bytes);
            return;
        }
        // The level is that of the highest group of bits in which the tick now and the tick then differ.
        let differ = 63 - (at ^ self.tick).leading_zeros();
        if differ >= REACH {
            grow(&mut self.far, (timer, deadline), &mut self.bytes);
            return;
        }
        let level = (differ / BUCKET_BITS) as usize;
        let bucket = (at >> (BUCKET_BITS * level as u32)) as usize & (BUCKETS - 1);
        let bytes = &mut self.bytes;
        let level = self.levels[level].get_or_insert_with(|| {
            *bytes += allocated(size_of::<[Vec<(Timer, u64)>; BUCKETS]>());
            Box::new(std::array::from_fn(|_| Vec::new()))
        });
        grow(&mut level[bucket], (timer, deadline), bytes);
    }

    /// Turns the wheel to `now`.
    pub(crate) fn turn(&mut self, now: Millis) {
        let to = now.0 >> TICK_BITS;
        if self.timers == self.due.len() {
            self.tick = self.tick.max(to);
            return;
        }
        while self.tick < to {
            self.tick = self.next_stop(to);
            self.take_buckets();
        }
    }

    /// The next tick at which a bucket is to be taken, or `to` if that is earlier. Whole empty levels are skipped.
    fn next_stop(&self, to: u64) -> u64 {
        for (depth, level) in self.levels.iter().enumerate() {
            let shift = BUCKET_BITS * depth as u32;
            let now = (self.tick >> shift) as usize & (BUCKETS - 1);
            let Some(level) = level else { continue };
            if let Some(bucket) = (now + 1..BUCKETS).find(|&bucket| !level[bucket].is_empty()) {
                let above = self.tick >> (shift + BUCKET_BITS) << (shift + BUCKET_BITS);
                return to.min(above | (bucket as u64) << shift);
            }
        }
        // Nothing ahead in this turn of the highest level: go to its end, where what lies beyond is placed anew.
        to.min((self.tick | ((1u64 << REACH) - 1)) + 1)
    }

    /// Takes the buckets that begin at this tick and places their timers anew: nearer, or due.
    fn take_buckets(&mut self) {
        for depth in (0..LEVELS).rev() {
            let shift = BUCKET_BITS * depth as u32;
            if self.tick & ((1u64 << shift) - 1) != 0 && depth != 0 {
                continue;
            }
            let bucket = (self.tick >> shift) as usize & (BUCKETS - 1);
            let Some(level) = &mut self.levels[depth] else { continue };
            let taken = std::mem::take(&mut level[bucket]);
            self.bytes -= allocated(taken.capacity() * size_of::<(Timer, u64)>());
            self.place_anew(taken);
        }
        if self.tick & ((1u64 << REACH) - 1) == 0 {
            let far = std::mem::take(&mut self.far);
            self.bytes -= allocated(far.capacity() * size_of::<(Timer, u64)>());
            self.place_anew(far);
        }
    }

    fn place_anew(&mut self, timers: Vec<(Timer, u64)>) {
        timers.into_iter().for_each(|(timer, deadline)| self.place(timer, deadline));
    }

    /// A due timer.
    pub(crate) fn pop(&mut self) -> Option<Timer> {
        let timer = self.due.pop();
        if timer.is_some() {
            self.timers -= 1;
        } else if self.due.capacity() > 0 {
            self.bytes -= allocated(self.due.capacity() * size_of::<Timer>());
            self.due = Vec::new();
        }
        timer
    }

    pub(crate) fn len(&self) -> usize {
        self.timers
    }

    /// When it is to be turned next: a timer comes up then, or may.
    pub(crate) fn due(&self) -> Option<Millis> {
        match (self.timers, self.has_due()) {
            (0, _) => None,
            (_, true) => Some(Millis(self.tick << TICK_BITS)),
            _ => Some(Millis(self.next_stop(u64::MAX >> TICK_BITS) << TICK_BITS)),
        }
    }

    pub(crate) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Drops every timer and keeps the time.
    pub(crate) fn clear(&mut self) {
        *self = Wheel { tick: self.tick, ..Wheel::default() };
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Every timer, for recounting.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Timer> {
        let placed =
            self.levels.iter().flatten().flat_map(|level| level.iter().flatten().map(|&(timer, _)| timer));
        placed.chain(self.far.iter().map(|&(timer, _)| timer)).chain(self.due.iter().copied())
    }
}

/// Pushes, and keeps the count of bytes.
fn grow<T>(list: &mut Vec<T>, new: T, bytes: &mut u64) {
    let before = list.capacity();
    list.push(new);
    if list.capacity() != before {
        *bytes = *bytes - allocated(before * size_of::<T>()) + allocated(list.capacity() * size_of::<T>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Timers beyond the highest level's turn, set while its last bucket is the one now.
    #[test]
    fn timers_beyond_the_reach_come_up_in_time() {
        let turn = 1u64 << (REACH + TICK_BITS);
        for now in [0, turn - 64, 3 * turn - 1, 3 * turn] {
            let mut wheel = Wheel::default();
            wheel.turn(Millis(now));
            let deadlines = [turn, 5 * turn - 1000, 5 * turn, 9 * turn + 40];
            let later = deadlines.map(|ahead| now + ahead);
            (0..4).for_each(|n| wheel.set((n as u32, 0), later[n]));
            for (n, deadline) in later.into_iter().enumerate() {
                wheel.turn(Millis(deadline - 1));
                assert_eq!(wheel.pop(), None, "early");
                wheel.turn(Millis(deadline + 64));
                assert_eq!(wheel.pop(), Some((n as u32, 0)));
            }
            assert_eq!(wheel.pop(), None);
            assert_eq!(wheel.len(), 0);
        }
    }

    /// Every timer comes up at its time: never before, and at most two ticks after.
    #[test]
    fn timers_come_up_in_time() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..500 {
            let mut wheel = Wheel::default();
            let mut now = random.u64(..) >> random.u32(1..60);
            wheel.turn(Millis(now));
            let mut waiting: Vec<u64> = Vec::new();
            for round in 0..200 {
                if round < 100 {
                    let deadline = now.saturating_add(random.u64(..) >> random.u32(10..63));
                    wheel.set((waiting.len() as u32, 0), deadline);
                    waiting.push(deadline);
                }
                let next = waiting.iter().copied().filter(|&deadline| deadline != u64::MAX).min();
                let due = wheel.due().map(|due| due.0);
                assert_eq!(due.is_none(), next.is_none());
                assert!(due <= next.map(|next| next.saturating_add(64)), "turned too late");
                now = now.saturating_add(random.u64(..) >> random.u32(20..63));
                wheel.turn(Millis(now));
                while let Some((place, _)) = wheel.pop() {
                    assert!(waiting[place as usize] <= now, "early");
                    waiting[place as usize] = u64::MAX;
                }
                assert!(
                    waiting.iter().all(|&deadline| deadline == u64::MAX || deadline.saturating_add(64) > now)
                );
                assert_eq!(wheel.len(), waiting.iter().filter(|&&deadline| deadline != u64::MAX).count());
            }
        }
    }
}
