//! Rates over the last two seconds, from samples.

use parking_lot::Mutex;

/// Samples kept; one is taken each [`EVERY_MS`].
const SAMPLES: usize = 4;
/// Milliseconds between samples: seldom enough to let a node sleep that nobody asks.
pub const EVERY_MS: u64 = 500;

/// Totals at some moments; the latest differences give rates.
#[derive(Default)]
pub struct Meter(Mutex<MeterRing>);

#[derive(Default)]
struct MeterRing {
    samples: Vec<MeterSample>,
    next: usize,
}

/// Totals at a moment.
#[derive(Clone, Copy, Default)]
pub struct MeterSample {
    /// Milliseconds on the node's clock.
    pub at_ms: u64,
    /// Commands run.
    pub commands: u64,
    /// Bytes read.
    pub input_bytes: u64,
    /// Bytes written.
    pub output_bytes: u64,
}

/// Per second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// Commands.
    pub commands: f64,
    /// Bytes read.
    pub input_bytes: f64,
    /// Bytes written.
    pub output_bytes: f64,
}

impl Meter {
    /// Takes a sample.
    pub fn sample(&self, sample: MeterSample) {
        let mut ring = self.0.lock();
        if ring.samples.len() < SAMPLES {
            ring.samples.push(sample);
        } else {
            let next = ring.next;
            ring.samples[next] = sample;
            ring.next = (next + 1) % SAMPLES;
        }
    }

    /// The rates between the oldest sample and `newest`, that of now.
    pub fn rates(&self, newest: MeterSample) -> Rates {
        let ring = self.0.lock();
        let oldest = ring.samples.iter().min_by_key(|sample| sample.at_ms);
        let Some(oldest) = oldest else { return Rates::default() };
        let ms = newest.at_ms.saturating_sub(oldest.at_ms);
        if ms == 0 {
            return Rates::default();
        }
        let rate = |old: u64, new: u64| new.saturating_sub(old) as f64 * 1000.0 / ms as f64;
        Rates {
            commands: rate(oldest.commands, newest.commands),
            input_bytes: rate(oldest.input_bytes, newest.input_bytes),
            output_bytes: rate(oldest.output_bytes, newest.output_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_latest_samples() {
        let meter = Meter::default();
        let at = |ms, commands| MeterSample { at_ms: ms, commands, ..MeterSample::default() };
        assert_eq!(meter.rates(at(50, 5)), Rates::default());
        meter.sample(at(0, 0));
        assert_eq!(meter.rates(at(50, 5)).commands, 100.0, "the first second has rates too");
        for n in 1..40u64 {
            meter.sample(at(n * 100, if n < 20 { 0 } else { (n - 20) * 50 }));
        }
        assert_eq!(meter.rates(at(3_900, 950)).commands, 500.0);
    }
}
