//! Which loads go together, and when: decided from what waits, without a clock or a connection of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So many loads go together at most.
pub const TOGETHER_MAX: usize = 256;

/// While a statement is on its way, others of the same statement wait for it this long before they take a connection of
/// their own.
const HOLD: Duration = Duration::from_millis(1);

/// What takes less was quick, however quick others were.
const QUICK: Duration = Duration::from_millis(25);

/// Loads that no connection has taken yet, by statement.
pub struct Queue<W> {
    lanes: Vec<Lane<W>>,
}

struct Lane<W> {
    statement: Arc<str>,
    waiting: VecDeque<(Instant, W)>,
    running: usize,
    /// How many go together: halved when it took long, doubled when it did not, so that a statement that is slow for each
    /// key is spread over the connections.
    limit: usize,
    quickest: Duration,
}

/// What a free connection does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<W> {
    /// These loads of one statement.
    Run(Arc<str>, Vec<W>),
    /// Nothing before this time, unless something happens.
    Hold(Instant),
    /// Nothing waits.
    Idle,
}

impl<W> Default for Queue<W> {
    fn default() -> Queue<W> {
        Queue { lanes: Vec::new() }
    }
}

impl<W> Queue<W> {
    /// One more load.
    pub fn push(&mut self, statement: &Arc<str>, load: W, now: Instant) {
        self.lane(statement).waiting.push_back((now, load));
    }

    /// What to do with a free connection. Loads of a statement that nobody runs go at once; else they wait for those on
    /// their way, unless they are many or wait for long. The longest wait goes first.
    pub fn next(&mut self, now: Instant) -> Next<W> {
        let mut soonest: Option<Instant> = None;
        let mut oldest: Option<(Instant, usize)> = None;
        for (at, lane) in self.lanes.iter().enumerate() {
            let Some((since, _)) = lane.waiting.front() else { continue };
            let held_until = *since + HOLD;
            if lane.running > 0 && lane.waiting.len() < lane.limit && now < held_until {
                soonest = Some(soonest.map_or(held_until, |other| other.min(held_until)));
            } else if oldest.is_none_or(|(other, _)| *since < other) {
                oldest = Some((*since, at));
            }
        }
        match oldest.and_then(|(_, at)| self.lanes.get_mut(at)) {
            Some(lane) => {
                lane.running += 1;
                let count = lane.waiting.len().min(lane.limit);
                Next::Run(lane.statement.clone(), lane.waiting.drain(..count).map(|(_, load)| load).collect())
            }
            None => soonest.map_or(Next::Idle, Next::Hold),
        }
    }

    /// Whether another connection may have something to do.
    pub fn has_waiting(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.waiting.is_empty())
    }

    /// So many loads were answered together in this time.
    pub fn ended(&mut self, statement: &Arc<str>, count: usize, took: Duration) {
        let lane = self.lane(statement);
        lane.running -= 1;
        if count == 0 {
            return;
        }
        lane.quickest = lane.quickest.min(took);
        if took > (lane.quickest * 4).max(QUICK) {
            lane.limit = (count / 2).max(1);
        } else if count >= lane.limit {
            lane.limit = (lane.limit * 2).min(TOGETHER_MAX);
        }
    }

    /// Together they took too long: they wait again, each for itself.
    pub fn apart(&mut self, statement: &Arc<str>, loads: Vec<W>, now: Instant) {
        let lane = self.lane(statement);
        lane.running -= 1;
        lane.limit = 1;
        for load in loads.into_iter().rev() {
            lane.waiting.push_front((now, load));
        }
    }

    fn lane(&mut self, statement: &Arc<str>) -> &mut Lane<W> {
        let known = self.lanes.iter().position(|lane| lane.statement == *statement);
        let at = known.unwrap_or_else(|| {
            self.lanes.push(Lane {
                statement: statement.clone(),
                waiting: VecDeque::new(),
                running: 0,
                limit: TOGETHER_MAX,
                quickest: Duration::MAX / 8,
            });
            self.lanes.len() - 1
        });
        &mut self.lanes[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(next: Next<u32>) -> Vec<u32> {
        match next {
            Next::Run(_, loads) => loads,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_waits_while_one_is_on_its_way_goes_together() {
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let start = Instant::now();
        let mut queue = Queue::default();
        assert_eq!(queue.next(start), Next::Idle);
        queue.push(&a, 1, start);
        assert_eq!(run(queue.next(start)), [1]);
        queue.push(&a, 2, start);
        queue.push(&a, 3, start);
        assert_eq!(queue.next(start), Next::Hold(start + HOLD));
        // Another statement does not wait for this one.
        queue.push(&b, 4, start);
        assert_eq!(run(queue.next(start)), [4]);
        queue.ended(&a, 1, Duration::from_micros(100));
        assert_eq!(run(queue.next(start)), [2, 3]);
        // One that is on its way for long is not waited for, nor when many wait.
        queue.push(&a, 5, start);
        assert_eq!(run(queue.next(start + HOLD)), [5]);
        for n in 0..300 {
            queue.push(&a, n, start + HOLD);
        }
        assert_eq!(run(queue.next(start + HOLD)).len(), TOGETHER_MAX);
        assert!(queue.has_waiting());
    }

    #[test]
    fn slow_statements_are_spread() {
        let a: Arc<str> = "a".into();
        let start = Instant::now();
        let mut queue = Queue::default();
        let push = |queue: &mut Queue<u32>, count| (0..count).for_each(|n| queue.push(&a, n, start));
        push(&mut queue, 100);
        let loads = run(queue.next(start));
        queue.apart(&a, loads, start);
        for n in 0..4 {
            assert_eq!(run(queue.next(start)), [n]);
        }
        // It is quick again: first two go together, then four.
        queue.ended(&a, 1, Duration::from_millis(1));
        assert_eq!(run(queue.next(start)), [4, 5]);
        queue.ended(&a, 2, Duration::from_millis(1));
        assert_eq!(run(queue.next(start)).len(), 4);
        queue.ended(&a, 4, Duration::from_secs(1));
        assert_eq!(run(queue.next(start)).len(), 2);
        // Nothing was run: nothing is learned.
        queue.ended(&a, 0, Duration::from_secs(9));
        assert_eq!(run(queue.next(start)).len(), 2);
    }
}
