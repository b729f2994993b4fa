//! How fast a job loads: decided from the time that it is told.

use clearwell_engine::Millis;

/// A second in the units of a pace: with them, the most that can be asked for is exact enough.
const SECOND: u64 = 1_000_000_000;
/// How far behind its pace a job may be and still catch up at once: what timers are late by.
const SLACK: u64 = SECOND / 100;

/// A rate that is not exceeded (a leaky bucket; the generic cell rate algorithm): in any span of time so many as belong into it,
/// and no more than a hundredth of a second's beside.
#[derive(Debug, Clone)]
pub struct Pace {
    /// What one takes, in nanoseconds.
    each: u64,
    /// When the next one is due, in nanoseconds.
    due: u64,
}

impl Pace {
    /// So many a second; at least one.
    pub fn new(per_second: u32) -> Pace {
        Pace { each: SECOND / u64::from(per_second.max(1)), due: 0 }
    }

    /// Whether one more may go now.
    ///
    /// # Errors
    /// When it may.
    pub fn take(&mut self, now: Millis) -> Result<(), Millis> {
        let now = now.0.saturating_mul(SECOND / 1_000);
        if self.due > now {
            return Err(Millis(self.due.div_ceil(SECOND / 1_000)));
        }
        self.due = self.due.max(now.saturating_sub(SLACK)).saturating_add(self.each);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The moments at which so many go, for who asks again each `step` milliseconds or when it is told to.
    fn moments(rate: u32, count: usize, step: u64) -> Vec<u64> {
        let (mut pace, mut now, mut gone) = (Pace::new(rate), 1_000, Vec::new());
        while gone.len() < count {
            match pace.take(Millis(now)) {
                Ok(()) => gone.push(now),
                Err(Millis(at)) => {
                    assert!(at > now, "there is something to wait for");
                    now = at.max(now + step);
                }
            }
        }
        gone
    }

    #[test]
    fn a_rate_is_kept_and_not_exceeded_in_any_second() {
        for rate in [1, 7, 500, 1_000, 33_333] {
            for step in [1, 5] {
                let gone = moments(rate, 5 * rate as usize + 1, step);
                let took = gone.last().expect("some") - gone[0];
                assert!(
                    (4_900..=5_100).contains(&took),
                    "{rate} a second: {took} ms for five seconds' worth"
                );
                let most = rate as usize + rate as usize / 100 + 2;
                // From each on, the first that is not within a second of it any more.
                let mut behind = 0;
                for (at, begins) in gone.iter().enumerate() {
                    behind += gone[behind..].iter().take_while(|moment| **moment < begins + 1_000).count();
                    assert!(behind - at <= most, "{rate} a second: {} within one", behind - at);
                }
            }
        }
    }

    #[test]
    fn what_was_not_used_is_not_saved_up() {
        let mut pace = Pace::new(100);
        assert_eq!(pace.take(Millis(1)), Ok(()));
        let burst = (0..100).filter(|_| pace.take(Millis(60_000)).is_ok()).count();
        assert!(burst <= 2, "{burst} at once after a minute");
    }
}
