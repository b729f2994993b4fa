//! Times of what is rare beside reads: loads, and invalidations. Any thread may record them; there is a histogram of all since
//! the start, and one of the last minute.

use std::collections::VecDeque;

use clearwell_engine::Millis;
use parking_lot::Mutex;

use super::histogram::{Counts, RequestEnded, WrittenCounters, bucket};
use super::window::WINDOW_SECONDS;

/// A histogram that is made when something is first recorded.
#[derive(Default)]
pub struct Timings(Mutex<Option<Box<State>>>);

struct State {
    all: WrittenCounters,
    /// The seconds of the last minute in which something was recorded.
    seconds: VecDeque<Second>,
}

/// What was recorded in one second: only the buckets that it fell into, in order.
struct Second {
    began: Millis,
    nanos: u64,
    longest: u64,
    buckets: Vec<(u16, u32)>,
}

/// Times at a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timed {
    /// All since the start; `None`: none.
    pub all: Option<Counts>,
    /// Those of the last minute.
    pub recent: LastMinute,
}

/// The times of the last minute.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LastMinute {
    /// How many.
    pub count: u64,
    /// What half of them did not exceed, in milliseconds.
    pub p50_ms: f64,
    /// What 99 % of them did not exceed.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Timings {
    /// One that took `nanos` and ended at `now`.
    pub fn record(&self, now: Millis, nanos: u64, ended: RequestEnded) {
        let mut state = self.0.lock();
        let state = state
            .get_or_insert_with(|| Box::new(State { all: WrittenCounters::new(), seconds: VecDeque::new() }));
        state.all.record(nanos, ended);
        let now = state.seconds.back().map_or(now, |second| second.began.max(now));
        if state.seconds.back().is_none_or(|second| now.since(second.began) >= 1000) {
            state.forget(now);
            state.seconds.push_back(Second { began: now, nanos: 0, longest: 0, buckets: Vec::new() });
        }
        if let Some(second) = state.seconds.back_mut() {
            second.record(nanos);
        }
    }

    /// The figures of now.
    pub fn figures(&self, now: Millis) -> Timed {
        let mut state = self.0.lock();
        let Some(state) = &mut *state else { return Timed::default() };
        state.forget(now);
        let mut all = Counts::none();
        state.all.add_to(&mut all);
        Timed { all: Some(all), recent: state.recent() }
    }
}

impl State {
    fn forget(&mut self, now: Millis) {
        let is_older = |second: &Second| now.since(second.began) > WINDOW_SECONDS * 1000;
        while self.seconds.front().is_some_and(is_older) {
            self.seconds.pop_front();
        }
    }

    fn recent(&self) -> LastMinute {
        let mut counts = Counts::none();
        let mut longest = 0;
        for second in &self.seconds {
            longest = longest.max(second.longest);
            second.buckets.iter().for_each(|(bucket, count)| counts.add(usize::from(*bucket), *count));
            counts.nanos = counts.nanos.wrapping_add(second.nanos);
        }
        // A bucket tells of a little more than was in it.
        let at = |share| counts.quantile_nanos(share).min(longest) as f64 / 1e6;
        LastMinute { count: counts.count, p50_ms: at(0.5), p99_ms: at(0.99), max_ms: longest as f64 / 1e6 }
    }
}

impl Second {
    fn record(&mut self, nanos: u64) {
        self.nanos = self.nanos.wrapping_add(nanos);
        self.longest = self.longest.max(nanos);
        let bucket = u16::try_from(bucket(nanos)).unwrap_or(u16::MAX);
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(place) => self.buckets[place].1 = self.buckets[place].1.saturating_add(1),
            Err(place) => self.buckets.insert(place, (bucket, 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_minute_is_told_beside_all() {
        let timings = Timings::default();
        assert_eq!(timings.figures(Millis(5)), Timed::default());
        timings.record(Millis(1_000), 9_000_000, RequestEnded::Failed);
        for n in 0..99 {
            timings.record(Millis(30_000 + n), 1_000_000, RequestEnded::Well);
        }
        let early = timings.figures(Millis(31_000));
        assert_eq!((early.recent.count, early.recent.max_ms), (100, 9.0));
        assert!((1.0..1.04).contains(&early.recent.p50_ms) && early.recent.p99_ms < 1.04, "{early:?}");
        let late = timings.figures(Millis(61_500));
        assert_eq!((late.recent.count, late.recent.max_ms, late.recent.p99_ms), (99, 1.0, 1.0));
        let all = late.all.expect("something was recorded");
        assert_eq!((all.count, all.failed, all.nanos), (100, 1, 108_000_000));
        let gone = timings.figures(Millis(100_000));
        assert_eq!((gone.recent, gone.all.map(|all| all.count)), (LastMinute::default(), Some(100)));
    }
}
