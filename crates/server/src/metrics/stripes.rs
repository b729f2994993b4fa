//! Counters that many threads count in: each thread mostly in a stripe of its own, so that none waits for another's.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// A power of two.
const STRIPES: usize = 16;

/// A counter for each class.
pub struct Stripes(Box<[Box<[CounterLine]>]>);

/// As many counters as two threads do not fight for.
#[derive(Default)]
#[repr(align(128))]
struct CounterLine([AtomicU64; PER_LINE]);

const PER_LINE: usize = 16;

thread_local! {
    /// The thread's number; 0: it has none yet.
    static THREAD: Cell<usize> = const { Cell::new(0) };
}

impl Stripes {
    /// For so many classes, all zero.
    pub fn new(classes: usize) -> Stripes {
        let stripe = |_| (0..classes.div_ceil(PER_LINE)).map(|_| CounterLine::default()).collect();
        Stripes((0..STRIPES).map(stripe).collect())
    }

    /// Adds one; nothing, for a class that it was not made for.
    #[inline]
    pub fn count(&self, class: usize) {
        let line = self.0[thread() & (STRIPES - 1)].get(class / PER_LINE);
        if let Some(line) = line {
            line.0[class % PER_LINE].fetch_add(1, Relaxed);
        }
    }

    /// What was counted.
    pub fn sum(&self, class: usize) -> u64 {
        let lines = self.0.iter().filter_map(|stripe| stripe.get(class / PER_LINE));
        lines.map(|line| line.0[class % PER_LINE].load(Relaxed)).fold(0, u64::wrapping_add)
    }
}

#[inline]
fn thread() -> usize {
    THREAD.with(|number| match number.get() {
        0 => numbered(number),
        known => known,
    })
}

#[cold]
fn numbered(number: &Cell<usize>) -> usize {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    let mine = LAST.fetch_add(1, Relaxed).wrapping_add(1).max(1);
    number.set(mine);
    mine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_of_every_thread_is_in_the_sum() {
        let stripes = Stripes::new(20);
        std::thread::scope(|scope| {
            for _ in 0..2 * STRIPES {
                scope.spawn(|| (0..1_000).for_each(|n| stripes.count(n % 20)));
            }
        });
        assert!((0..20).all(|class| stripes.sum(class) == 50 * 2 * STRIPES as u64));
        stripes.count(1_000);
        assert_eq!(stripes.sum(1_000), 0);
    }
}
