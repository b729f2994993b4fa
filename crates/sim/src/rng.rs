//! Chance, from a seed: SplitMix64 (Steele, Lea, Flood 2014).

/// A stream of numbers that its seed decides.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// The stream of `seed` for one purpose: streams of different purposes do not move one another.
    pub fn new(seed: u64, purpose: u64) -> Rng {
        Rng(mix(seed ^ mix(purpose.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }

    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `most`; 0 when `most` is 0.
    pub fn below(&mut self, most: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(most)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True this often in a million.
    pub fn ppm(&mut self, often: u32) -> bool {
        often > 0 && self.below(1_000_000) < u64::from(often)
    }

    /// True this often in a hundred.
    pub fn percent(&mut self, often: u32) -> bool {
        self.below(100) < u64::from(often)
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }
}

/// SplitMix64's finisher; also the step of running hashes.
pub fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_purposes_differ() {
        let mut one = Rng::new(7, 1);
        let mut same = Rng::new(7, 1);
        let mut other = Rng::new(7, 2);
        let first: Vec<u64> = (0..8).map(|_| one.next()).collect();
        assert_eq!(first, (0..8).map(|_| same.next()).collect::<Vec<_>>());
        assert_ne!(first, (0..8).map(|_| other.next()).collect::<Vec<_>>());
    }

    #[test]
    fn numbers_stay_in_their_range_and_reach_its_ends() {
        let mut rng = Rng::new(1, 0);
        let drawn: Vec<u64> = (0..1000).map(|_| rng.range(3, 6)).collect();
        assert!(drawn.iter().all(|n| (3..=6).contains(n)) && drawn.contains(&3) && drawn.contains(&6));
    }
}
