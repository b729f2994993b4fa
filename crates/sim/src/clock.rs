//! Each host's own clock: it never goes back, and its speed is wrong by a bounded amount.

use clearwell_engine::Millis;

use crate::queue::Micros;

/// A clock that runs at its own speed.
#[derive(Debug, Clone)]
pub struct Clock {
    since: Micros,
    shown: u64,
    ppm: i64,
}

impl Clock {
    /// A clock that shows `shown` milliseconds at `now` and is this many millionths too fast.
    pub fn new(now: Micros, shown: u64, ppm: i64) -> Clock {
        Clock { since: now, shown: shown * 1000, ppm }
    }

    fn micros(&self, now: Micros) -> u64 {
        let gone = now - self.since;
        (self.shown + gone).saturating_add_signed(gone as i64 * self.ppm / 1_000_000)
    }

    /// What it shows.
    pub fn read(&self, now: Micros) -> Millis {
        Millis(self.micros(now) / 1000)
    }

    /// How long, in truth, this many microseconds of its own take.
    pub fn truly(&self, own: u64) -> u64 {
        (own as i128 * 1_000_000 / i128::from(1_000_000 + self.ppm)) as u64
    }

    /// From now on it runs at another speed.
    pub fn turn(&mut self, now: Micros, ppm: i64) {
        self.shown = self.micros(now);
        self.since = now;
        self.ppm = ppm;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_drifts_by_its_rate_and_never_goes_back() {
        let mut clock = Clock::new(0, 100, 50_000);
        assert_eq!(clock.read(1_000_000), Millis(1150));
        clock.turn(1_000_000, -50_000);
        assert_eq!(clock.read(1_000_000), Millis(1150));
        assert_eq!(clock.read(2_000_000), Millis(2100));
        let mut last = Millis(0);
        for at in (0..10_000).map(|n| 2_000_000 + n * 333) {
            assert!(clock.read(at) >= last);
            last = clock.read(at);
        }
    }

    #[test]
    fn a_wait_by_its_own_time_takes_longer_on_a_slow_clock() {
        assert_eq!(Clock::new(0, 0, -50_000).truly(950_000), 1_000_000);
    }
}
