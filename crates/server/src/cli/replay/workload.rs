//! What is asked for, one request after the other: a trace's or a Zipf distribution's keys, with writes and group
//! changes mixed in. The same seed mixes the same.

use std::io::Write;

use super::trace::{TraceError, TraceReader};
use super::zipf::Zipf;

/// Where keys come from.
pub enum Keyed {
    /// From a file.
    Trace(TraceReader),
    /// Made up: ranks of a Zipf distribution.
    Zipf(Zipf),
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Reads the key, and fills it on a miss.
    Read,
    /// Commits a write of the key to the database, and invalidates it.
    Write,
    /// Commits a change of the key's whole group, and invalidates that.
    Change,
}

/// One request.
#[derive(Debug, PartialEq, Eq)]
pub struct ReplayRequest<'a> {
    /// The key, as the trace writes it.
    pub key: &'a [u8],
    /// The size of its value in bytes.
    pub size: usize,
    /// What is done.
    pub kind: RequestKind,
}

/// Shares of the requests, from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// That are writes.
    pub writes: f64,
    /// That are group changes.
    pub changes: f64,
}

/// A stream of requests.
pub struct Workload {
    keyed: Keyed,
    mix: Mix,
    /// The size where the trace has none.
    size: usize,
    random: fastrand::Rng,
    rank: Vec<u8>,
}

impl Workload {
    /// A stream over `keyed`; `size` is that of values whose line gives none.
    pub fn new(keyed: Keyed, mix: Mix, size: usize, seed: u64) -> Workload {
        Workload { keyed, mix, size, random: fastrand::Rng::with_seed(seed), rank: Vec::new() }
    }

    /// The next request; `None` at the end of the trace. A Zipf workload has no end.
    ///
    /// # Errors
    /// The trace cannot be read on.
    pub fn next(&mut self) -> Result<Option<ReplayRequest<'_>>, TraceError> {
        let roll = self.random.f64();
        let kind = match () {
            () if roll < self.mix.writes => RequestKind::Write,
            () if roll < self.mix.writes + self.mix.changes => RequestKind::Change,
            () => RequestKind::Read,
        };
        let (key, size) = match &mut self.keyed {
            Keyed::Trace(trace) => match trace.next()? {
                Some((key, size)) => (key, size.unwrap_or(self.size)),
                None => return Ok(None),
            },
            Keyed::Zipf(zipf) => {
                self.rank.clear();
                write!(self.rank, "{}", zipf.sample(&mut self.random)).expect("a Vec takes all bytes");
                (&self.rank[..], self.size)
            }
        };
        Ok(Some(ReplayRequest { key, size, kind }))
    }

    /// Bytes of the trace read so far, and its length; `None` without a trace.
    pub fn progress(&self) -> Option<(u64, u64)> {
        match &self.keyed {
            Keyed::Trace(trace) => Some(trace.progress()),
            Keyed::Zipf(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zipf(mix: Mix, seed: u64) -> Workload {
        Workload::new(Keyed::Zipf(Zipf::new(1_000, 0.99)), mix, 64, seed)
    }

    #[test]
    fn the_shares_are_as_asked_for() {
        let mut workload = zipf(Mix { writes: 0.2, changes: 0.05 }, 1);
        let mut counts = [0_i64; 3];
        for _ in 0..100_000 {
            let request = workload.next().expect("no file").expect("no end");
            counts[request.kind as usize] += 1;
            assert_eq!(request.size, 64);
        }
        for (count, expected) in counts.into_iter().zip([75_000, 20_000, 5_000]) {
            assert!((count - expected).abs() < 1_000, "{counts:?}");
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_requests() {
        let mix = Mix { writes: 0.1, changes: 0.1 };
        let take = |seed| {
            let mut workload = zipf(mix, seed);
            let mut taken = Vec::new();
            for _ in 0..1_000 {
                let request = workload.next().expect("no file").expect("no end");
                taken.push((request.key.to_vec(), request.kind));
            }
            taken
        };
        assert_eq!(take(5), take(5));
        assert_ne!(take(5), take(6));
    }
}
