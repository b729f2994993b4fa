//! The clock of another process, as far as it can be told from here: times of expiry travel by the clock of whoever sends
//! them, and clocks have no common beginning.

use clearwell_words::Millis;

use crate::Config;

/// A word of another process on its clock: it showed `said` when it answered what was sent at `asked` by the clock here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteClock {
    asked: Millis,
    said: Millis,
}

impl RemoteClock {
    /// The word in an answer.
    pub fn new(asked: Millis, said: Millis) -> RemoteClock {
        RemoteClock { asked, said }
    }

    /// The latest that it can show at `now`: the answer was not given before it was asked for, and the other clock runs faster
    /// than this one by what clocks may differ.
    fn latest(self, now: Millis, config: &Config) -> Millis {
        self.said.plus(config.fastest(now.since(self.asked)))
    }

    /// Of two words on one clock the one that says more of it now.
    pub fn closer(self, other: RemoteClock, now: Millis, config: &Config) -> RemoteClock {
        if other.latest(now, config) < self.latest(now, config) { other } else { self }
    }

    /// A moment of that clock on the clock here: as early as it may be, and not before `now`.
    pub fn here(self, theirs: Millis, now: Millis, config: &Config) -> Millis {
        now.plus(theirs.since(self.latest(now, config)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Peer;

    #[test]
    fn what_is_left_counts_from_the_question_and_never_from_the_answer() {
        let config = Config { drift_percent: 0, ..Config::new(Peer::default()) };
        // Asked at 100 here, and it was 5,000 there; the answer took until 400.
        let clock = RemoteClock::new(Millis(100), Millis(5_000));
        let left = |theirs, now| clock.here(Millis(theirs), Millis(now), &config).0 - now;
        assert_eq!(left(6_000, 400), 1_000 - 300 - 2);
        assert_eq!(left(6_000, 1_100), 0, "it may be over");
        assert_eq!(left(4_000, 100), 0, "it is long over");
    }

    #[test]
    fn what_a_word_says_fades_with_the_drift_and_a_better_one_takes_its_place() {
        let config = Config { drift_percent: 10, ..Config::new(Peer::default()) };
        let old = RemoteClock::new(Millis(0), Millis(1_000));
        let left = |clock: RemoteClock| clock.here(Millis(100_000), Millis(10_000), &config).0 - 10_000;
        assert!((100_000 - 11_000 - 1_060..100_000 - 11_000 - 1_000).contains(&left(old)), "{}", left(old));
        let new = RemoteClock::new(Millis(9_990), Millis(10_990));
        assert_eq!(old.closer(new, Millis(10_000), &config), new);
        assert_eq!(new.closer(old, Millis(10_000), &config), new);
        // An answer that was three seconds on its way says less than the one before it.
        let slow = RemoteClock::new(Millis(7_000), Millis(10_900));
        assert_eq!(old.closer(slow, Millis(10_000), &config), old);
    }
}
