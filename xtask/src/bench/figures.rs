//! What was measured, and its medians.

use super::load::Case;
use super::server::Which;

/// One measurement.
struct Measurement {
    which: Which,
    case: Case,
    per_second: f64,
    cpu_us: f64,
}

/// All measurements of a run.
#[derive(Default)]
pub struct Measurements(Vec<Measurement>);

/// The middle of some measurements and how far they spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The median.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub most: f64,
}

impl Measurements {
    /// Adds one measurement.
    pub fn add(&mut self, which: Which, case: &Case, per_second: f64, cpu_us: f64) {
        self.0.push(Measurement { which, case: *case, per_second, cpu_us });
    }

    /// Server CPU microseconds per request.
    pub fn cpu_us(&self, which: Which, case: &Case) -> Summary {
        self.summary(which, case, |figure| figure.cpu_us)
    }

    /// Requests per second.
    pub fn per_second(&self, which: Which, case: &Case) -> Summary {
        self.summary(which, case, |figure| figure.per_second)
    }

    fn summary(&self, which: Which, case: &Case, of: impl Fn(&Measurement) -> f64) -> Summary {
        let mine = self.0.iter().filter(|figure| figure.which == which && figure.case == *case);
        summarize(mine.map(of).collect())
    }
}

/// The summary of some measurements.
pub fn summarize(mut values: Vec<f64>) -> Summary {
    values.sort_by(f64::total_cmp);
    let at = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
    let last = values.len().saturating_sub(1);
    Summary { median: (at(last / 2) + at(last.div_ceil(2))) / 2.0, least: at(0), most: at(last) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_even_and_odd_counts() {
        assert_eq!(summarize(vec![3.0, 1.0, 2.0]), Summary { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(summarize(vec![4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(summarize(vec![7.0]), Summary { median: 7.0, least: 7.0, most: 7.0 });
    }
}
