//! How long single steps of a member take on the CPU alone, without sockets, store or source: the latency of the protocol itself.

mod memory;
mod owner;
#[cfg(test)]
mod pieces;
mod rig;
mod tick;
mod transfer;

pub use memory::{Memory, memory};
pub use owner::{copies, in_flight, replicated};
pub use tick::ticks;
pub use transfer::transfers;

use std::time::{Duration, Instant};

/// How long steps of one kind took.
#[derive(Debug, Clone)]
pub struct Steps {
    /// What was done.
    pub what: String,
    /// How many times.
    pub count: usize,
    /// The time that half of them stayed below.
    pub median: Duration,
    /// The time that 99 of a hundred stayed below.
    pub p99: Duration,
}

/// Stop watch for steps of one kind.
#[derive(Debug, Default)]
struct Watch {
    took: Vec<Duration>,
}

impl Watch {
    /// Does something and notes how long it took.
    fn time<T>(&mut self, what: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = what();
        self.took.push(began.elapsed());
        result
    }

    /// Notes how long each of several things took that were timed together.
    fn share(&mut self, began: Instant, among: u32) {
        self.took.push(began.elapsed() / among);
    }

    fn steps(mut self, what: impl Into<String>) -> Steps {
        self.took.sort_unstable();
        let at = |percent: usize| {
            let place = (self.took.len() * percent / 100).min(self.took.len().saturating_sub(1));
            self.took.get(place).copied().unwrap_or_default()
        };
        Steps { what: what.into(), count: self.took.len(), median: at(50), p99: at(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_99th_of_a_hundred() {
        let took = (1..=100).rev().map(Duration::from_micros).collect();
        let steps = Watch { took }.steps("x");
        assert_eq!((steps.median, steps.p99), (Duration::from_micros(51), Duration::from_micros(100)));
        assert_eq!(Watch::default().steps("nothing").median, Duration::ZERO);
    }
}
