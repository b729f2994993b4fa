//! How long to wait before a peer is dialed anew.

/// Twice as long after each failure, between two bounds, and never twice the same: many nodes that lost one peer at once do
/// not come back at once.
#[derive(Debug, Clone)]
pub struct Backoff {
    least_ms: u64,
    most_ms: u64,
    next_ms: u64,
}

impl Backoff {
    /// One that begins with the least.
    pub fn new(least_ms: u64, most_ms: u64) -> Backoff {
        let least_ms = least_ms.max(1);
        Backoff { least_ms, most_ms: most_ms.max(least_ms), next_ms: least_ms }
    }

    /// How long to wait now: between half of the time that it is at and all of it. `chance` is any number.
    pub fn next(&mut self, chance: u64) -> u64 {
        let whole = self.next_ms;
        self.next_ms = whole.saturating_mul(2).min(self.most_ms);
        let half = whole / 2;
        half + chance % (whole - half + 1)
    }

    /// A connection stood for so long. One that is cut again and again counts as a failure.
    pub fn stood(&mut self, ms: u64) {
        if ms >= self.most_ms {
            self.next_ms = self.least_ms;
        }
    }

    /// The peer refuses, and will refuse until somebody changes something.
    pub fn refused(&mut self) {
        self.next_ms = self.most_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_double_up_to_the_most_and_begin_anew_behind_a_connection_that_stood() {
        let mut backoff = Backoff::new(50, 2000);
        let longest: Vec<u64> = (0..8).map(|_| backoff.clone_next_most()).collect();
        assert_eq!(longest, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        backoff.stood(1999);
        assert_eq!(backoff.clone_next_most(), 2000);
        backoff.stood(2000);
        assert_eq!(backoff.clone_next_most(), 50);
        backoff.refused();
        assert_eq!(backoff.clone_next_most(), 2000);
    }

    impl Backoff {
        /// The longest that it might wait now, and then that wait.
        fn clone_next_most(&mut self) -> u64 {
            let whole = self.next_ms;
            let most = (0..=whole).map(|chance| self.clone().next(chance)).max().unwrap_or(0);
            self.next(0);
            most
        }
    }

    proptest! {
        #[test]
        fn a_wait_is_between_half_of_the_least_and_the_most(
            least in 0u64..10_000, most in 0u64..10_000, chances in prop::collection::vec(any::<u64>(), 1..40)
        ) {
            let mut backoff = Backoff::new(least, most);
            let (least, most) = (least.max(1), most.max(least).max(1));
            for chance in chances {
                let wait = backoff.next(chance);
                prop_assert!(wait >= least / 2 && wait <= most);
            }
        }
    }
}
