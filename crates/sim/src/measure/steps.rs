//! How long single steps of a member take on the CPU alone, without sockets, store or source: the latency of the protocol itself.
//!
//! The clock is the CPU time of this thread (`CLOCK_THREAD_CPUTIME_ID`): what others on the machine do meanwhile does not count, but
//! what they leave in its caches does. Asking it is a system call, whose cost stands in each time and in a line of its own.

mod memory;
mod owner;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod pieces;
mod rig;
mod tick;
mod transfer;

pub use memory::{Memory, memory};
pub use owner::{copies, in_flight, replicated};
pub use tick::ticks;
pub use transfer::transfers;

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

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

/// How much CPU time this thread has had.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// What the clock itself takes.
pub fn clock() -> Steps {
    let mut watch = Watch::default();
    (0..10_000).for_each(|_| watch.time(|| ()));
    watch.steps("nothing: the clock itself")
}

/// Stop watch for steps of one kind.
#[derive(Debug, Default)]
struct Watch {
    took: Vec<Duration>,
}

impl Watch {
    /// Does something and notes how long it took.
    fn time<T>(&mut self, what: impl FnOnce() -> T) -> T {
        let began = cpu_time();
        let result = what();
        self.took.push(cpu_time().saturating_sub(began));
        result
    }

    /// Notes how long each of several things took that were timed together.
    fn share(&mut self, began: Duration, among: u32) {
        self.took.push(cpu_time().saturating_sub(began) / among);
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
