//! How many loads a job has on their way at once: decided from how long they take.

/// The most.
const MOST: usize = 16;
/// A load slower than this is slow for whoever joins it: then there is one at a time.
const SLOW_MS: u64 = 50;

/// Wide while loads are quick, so that they go together; one at a time while they are slow: a reader of a key that is just being
/// warmed waits for that load, and never for others in front of it.
#[derive(Debug)]
pub struct Width(usize);

impl Width {
    /// One at first.
    pub fn new() -> Width {
        Width(1)
    }

    /// How many may be on their way.
    pub fn now(&self) -> usize {
        self.0
    }

    /// One has ended.
    pub fn took(&mut self, ms: u64) {
        self.0 = if ms >= SLOW_MS { 1 } else { (self.0 + 1).min(MOST) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_loads_go_together_and_slow_ones_alone() {
        let mut width = Width::new();
        (0..40).for_each(|_| width.took(2));
        assert_eq!(width.now(), MOST);
        width.took(SLOW_MS);
        assert_eq!(width.now(), 1);
        width.took(SLOW_MS - 1);
        assert_eq!(width.now(), 2);
    }
}
