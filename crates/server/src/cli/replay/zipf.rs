//! Zipf-distributed ranks by rejection-inversion: W. Hörmann and G. Derflinger, «Rejection-inversion to generate
//! variates from monotone discrete distributions», ACM TOMACS 6(3), 1996. Constant memory, about one trial a sample.

/// Draws ranks from 1 to `ranks`, where rank k comes up in proportion to `k^-exponent`.
#[derive(Debug, Clone)]
pub struct Zipf {
    ranks: f64,
    exponent: f64,
    /// H(1.5) - h(1), the left end of what is drawn from.
    left: f64,
    /// H(ranks + 0.5), its right end.
    right: f64,
    /// A candidate closer than this to the point it was rounded from is accepted without computing anything.
    squeeze: f64,
}

impl Zipf {
    /// A distribution over at least one rank, with a finite exponent of at least 0 (0 is uniform).
    pub fn new(ranks: u64, exponent: f64) -> Zipf {
        let ranks = ranks.max(1) as f64;
        let exponent = if exponent.is_finite() { exponent.max(0.0) } else { 1.0 };
        Zipf {
            ranks,
            exponent,
            left: integral(exponent, 1.5) - 1.0,
            right: integral(exponent, ranks + 0.5),
            squeeze: 2.0 - inverse(exponent, integral(exponent, 2.5) - weight(exponent, 2.0)),
        }
    }

    /// The next rank.
    pub fn sample(&self, random: &mut fastrand::Rng) -> u64 {
        loop {
            let area = self.right + random.f64() * (self.left - self.right);
            let point = inverse(self.exponent, area);
            let rank = (point + 0.5).floor().clamp(1.0, self.ranks);
            let accepted = rank - point <= self.squeeze
                || area >= integral(self.exponent, rank + 0.5) - weight(self.exponent, rank);
            if accepted {
                return rank as u64;
            }
        }
    }
}

/// h(x) = x^-s.
fn weight(s: f64, x: f64) -> f64 {
    (-s * x.ln()).exp()
}

/// H(x), the integral of h from 1 to x: (x^(1-s) - 1) / (1 - s), and ln x where s is 1.
fn integral(s: f64, x: f64) -> f64 {
    let log = x.ln();
    let y = (1.0 - s) * log;
    log * if y.abs() > 1e-8 { y.exp_m1() / y } else { 1.0 + y / 2.0 }
}

/// The inverse of H.
fn inverse(s: f64, area: f64) -> f64 {
    let y = (area * (1.0 - s)).max(-1.0);
    (area * if y.abs() > 1e-8 { y.ln_1p() / y } else { 1.0 - y / 2.0 }).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(ranks: u64, exponent: f64, draws: usize) -> Vec<f64> {
        let zipf = Zipf::new(ranks, exponent);
        let mut random = fastrand::Rng::with_seed(7);
        let mut counts = vec![0_usize; ranks as usize];
        for _ in 0..draws {
            counts[zipf.sample(&mut random) as usize - 1] += 1;
        }
        counts.into_iter().map(|count| count as f64 / draws as f64).collect()
    }

    #[test]
    fn every_rank_comes_up_as_often_as_its_weight_says() {
        for exponent in [0.0, 0.6, 0.99, 1.0, 1.3] {
            let total: f64 = (1..=50).map(|rank| weight(exponent, f64::from(rank))).sum();
            for (at, share) in shares(50, exponent, 400_000).into_iter().enumerate() {
                let expected = weight(exponent, at as f64 + 1.0) / total;
                let spread = (expected * (1.0 - expected) / 400_000.0).sqrt();
                let away = (share - expected).abs();
                assert!(away < 5.0 * spread, "s={exponent} rank={} {share} {expected}", at + 1);
            }
        }
    }

    #[test]
    fn one_rank_and_very_many_ranks_stay_in_range() {
        let mut random = fastrand::Rng::with_seed(1);
        assert!((0..100).all(|_| Zipf::new(1, 0.99).sample(&mut random) == 1));
        let wide = Zipf::new(u64::MAX >> 12, 0.99);
        assert!((0..10_000).all(|_| (1..=u64::MAX >> 12).contains(&wide.sample(&mut random))));
    }

    #[test]
    fn the_same_seed_draws_the_same_ranks() {
        let zipf = Zipf::new(1_000, 0.99);
        let draw = |seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            (0..100).map(|_| zipf.sample(&mut random)).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
