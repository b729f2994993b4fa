//! Which loads go together, and when: decided from what waits, without a clock or a connection of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::shares::{Crowd, PATIENCE, ShareHolder, Shares, Want, holder};

/// So many loads go together at most.
pub const TOGETHER_MAX: usize = 256;

/// While a statement is on its way, others of the same statement wait for it this long before they take a connection of
/// their own.
const HOLD: Duration = Duration::from_millis(1);

/// What takes less was quick, however quick others were.
const QUICK: Duration = Duration::from_millis(25);

/// Loads that no connection has taken yet, by statement. Each statement, and so each keyspace, has its share of the connections.
pub struct LoadQueue<W> {
    shares: Shares,
    lanes: Vec<LoadLane<W>>,
    gave_up: u64,
}

struct LoadLane<W> {
    statement: Arc<str>,
    /// The keyspace, when it is known.
    name: Arc<str>,
    waiting: VecDeque<(Instant, W)>,
    /// When each of those on their way began.
    running: Vec<Instant>,
    /// How many go together: halved when it took long, doubled when it did not, so that a statement that is slow for each
    /// key is spread over the connections.
    limit: usize,
    quickest: Duration,
    /// How many connections it may use; `None`: as many as its share lets it.
    most: Option<usize>,
}

/// What a free connection does next.
#[derive(Debug, PartialEq, Eq)]
pub enum NextWork<W> {
    /// These loads of one statement; the moment names them when they have ended.
    Run(Arc<str>, Vec<W>, Instant),
    /// Nothing before this time, unless something happens.
    Hold(Instant),
    /// Nothing waits.
    Idle,
}

impl<W> LoadQueue<W> {
    /// An empty one, for so many connections.
    pub fn new(shares: Shares) -> LoadQueue<W> {
        LoadQueue { shares, lanes: Vec::new(), gave_up: 0 }
    }

    /// One more load.
    pub fn push(&mut self, statement: &Arc<str>, load: W, now: Instant) {
        self.lane(statement).waiting.push_back((now, load));
    }

    /// What to do with a free connection. Loads of a statement that nobody runs go at once; else they wait for those on
    /// their way, unless they are many or wait for long, and for their share. The longest wait goes first.
    pub fn next(&mut self, now: Instant) -> NextWork<W> {
        // For what is loaded for nobody nothing is kept free.
        let lanes = self.lanes.iter().filter(|lane| lane.most.is_none()).count();
        let used = self.lanes.iter().map(|lane| lane.running.len()).sum();
        let mut soonest: Option<Instant> = None;
        let mut oldest: Option<(Instant, usize)> = None;
        for (at, lane) in self.lanes.iter().enumerate() {
            let Some((since, _)) = lane.waiting.front() else { continue };
            let (own, held_until) = (lane.running.len(), *since + HOLD);
            let want = Want { own, waited: now.saturating_duration_since(*since) };
            if lane.most.is_some_and(|most| own >= most) {
                // Until one of its own ends.
                continue;
            }
            let until = match self.shares.admits(want, used, lanes) {
                true if own > 0 && lane.waiting.len() < lane.limit && now < held_until => held_until,
                true => {
                    oldest = oldest.into_iter().chain([(*since, at)]).min();
                    continue;
                }
                // It has a reserve then, if there is one.
                false if own == 0 && want.waited < PATIENCE => *since + PATIENCE,
                // Until one of its own, or of the others, ends.
                false => continue,
            };
            soonest = soonest.into_iter().chain([until]).min();
        }
        match oldest.and_then(|(_, at)| self.lanes.get_mut(at)) {
            Some(lane) => {
                lane.running.push(now);
                let count = lane.waiting.len().min(lane.limit);
                let loads = lane.waiting.drain(..count).map(|(_, load)| load).collect();
                NextWork::Run(lane.statement.clone(), loads, now)
            }
            None => soonest.map_or(NextWork::Idle, NextWork::Hold),
        }
    }

    /// Takes a load back that has waited in vain, and says who holds the connections. `None`: it does not wait any more.
    pub fn take_back(&mut self, statement: &Arc<str>, is_it: impl Fn(&W) -> bool) -> Option<Crowd> {
        let waiting = &mut self.lane(statement).waiting;
        let at = waiting.iter().position(|(_, load)| is_it(load))?;
        waiting.remove(at);
        self.gave_up += 1;
        Some(self.crowd())
    }

    /// Who uses the connections.
    pub fn crowd(&self) -> Crowd {
        let holders: Vec<ShareHolder> =
            self.lanes.iter().filter_map(|lane| holder(&lane.name, &lane.running)).collect();
        let waiting = self.lanes.iter().map(|lane| lane.waiting.len()).sum();
        Crowd { size: self.shares.size, holders, waiting, gave_up: self.gave_up }
    }

    /// Says which keyspace a statement belongs to.
    pub fn label(&mut self, statement: &Arc<str>, name: &str) {
        self.lane(statement).name = name.into();
    }

    /// The same of loads that nobody waits for, such as warming.
    pub fn label_aside(&mut self, statement: &Arc<str>, name: &str) {
        let most = self.shares.aside();
        let lane = self.lane(statement);
        (lane.name, lane.most) = (name.into(), Some(most));
    }

    /// Whether another connection may have something to do.
    pub fn has_waiting(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.waiting.is_empty())
    }

    /// So many loads were answered together in this time.
    pub fn ended(&mut self, statement: &Arc<str>, began: Instant, count: usize, took: Duration) {
        let lane = self.lane(statement);
        lane.end(began);
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
    pub fn apart(&mut self, statement: &Arc<str>, began: Instant, loads: Vec<W>, now: Instant) {
        let lane = self.lane(statement);
        lane.end(began);
        lane.limit = 1;
        for load in loads.into_iter().rev() {
            lane.waiting.push_front((now, load));
        }
    }

    fn lane(&mut self, statement: &Arc<str>) -> &mut LoadLane<W> {
        let known = self.lanes.iter().position(|lane| lane.statement == *statement);
        let at = known.unwrap_or_else(|| {
            self.lanes.push(LoadLane {
                statement: statement.clone(),
                name: statement.clone(),
                waiting: VecDeque::new(),
                running: Vec::new(),
                limit: TOGETHER_MAX,
                quickest: Duration::MAX / 8,
                most: None,
            });
            self.lanes.len() - 1
        });
        &mut self.lanes[at]
    }
}

impl<W> LoadLane<W> {
    fn end(&mut self, began: Instant) {
        if let Some(at) = self.running.iter().position(|other| *other == began) {
            self.running.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARES: Shares = Shares { size: 8, reserve: 2 };

    fn run(next: NextWork<u32>) -> Vec<u32> {
        match next {
            NextWork::Run(_, loads, _) => loads,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_waits_while_one_is_on_its_way_goes_together() {
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let start = Instant::now();
        let mut queue = LoadQueue::new(SHARES);
        assert_eq!(queue.next(start), NextWork::Idle);
        queue.push(&a, 1, start);
        assert_eq!(run(queue.next(start)), [1]);
        queue.push(&a, 2, start);
        queue.push(&a, 3, start);
        assert_eq!(queue.next(start), NextWork::Hold(start + HOLD));
        // Another statement does not wait for this one.
        queue.push(&b, 4, start);
        assert_eq!(run(queue.next(start)), [4]);
        queue.ended(&a, start, 1, Duration::from_micros(100));
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
    fn what_nobody_waits_for_uses_one_connection_in_four() {
        let (readers, warming): (Arc<str>, Arc<str>) = ("load".into(), "warming".into());
        let start = Instant::now();
        let mut queue = LoadQueue::new(Shares { size: 4, reserve: 2 });
        queue.label(&readers, "post:{id}");
        queue.label_aside(&warming, "post:{id} (warming)");
        queue.push(&warming, 1, start);
        assert_eq!(run(queue.next(start)), [1]);
        queue.push(&warming, 2, start);
        let late = start + Duration::from_secs(1);
        assert_eq!(queue.next(late), NextWork::Idle, "it waits for its own connection");
        for n in 10..13 {
            queue.push(&readers, n, late);
            assert_eq!(run(queue.next(late + HOLD)), [n]);
        }
        queue.ended(&warming, start, 1, Duration::from_millis(1));
        assert_eq!(run(queue.next(late)), [2]);
    }

    #[test]
    fn slow_statements_are_spread() {
        let a: Arc<str> = "a".into();
        let start = Instant::now();
        let mut queue = LoadQueue::new(SHARES);
        let push = |queue: &mut LoadQueue<u32>, count| (0..count).for_each(|n| queue.push(&a, n, start));
        push(&mut queue, 100);
        let loads = run(queue.next(start));
        queue.apart(&a, start, loads, start);
        for n in 0..4 {
            assert_eq!(run(queue.next(start)), [n]);
        }
        // It is quick again: first two go together, then four.
        queue.ended(&a, start, 1, Duration::from_millis(1));
        assert_eq!(run(queue.next(start)), [4, 5]);
        queue.ended(&a, start, 2, Duration::from_millis(1));
        assert_eq!(run(queue.next(start)).len(), 4);
        queue.ended(&a, start, 4, Duration::from_secs(1));
        assert_eq!(run(queue.next(start)).len(), 2);
        // Nothing was run: nothing is learned.
        queue.ended(&a, start, 0, Duration::from_secs(9));
        assert_eq!(run(queue.next(start)).len(), 2);
    }

    #[test]
    fn a_statement_never_has_all_connections() {
        let (a, b, c): (Arc<str>, Arc<str>, Arc<str>) = ("a".into(), "b".into(), "c".into());
        let start = Instant::now();
        let mut queue = LoadQueue::new(Shares { size: 2, reserve: 1 });
        for statement in [&a, &b, &c] {
            queue.label(statement, &format!("{statement}:{{id}}"));
        }
        queue.push(&a, 1, start);
        assert_eq!(run(queue.next(start)), [1]);
        queue.push(&a, 2, start);
        let late = start + Duration::from_secs(1);
        assert_eq!(queue.next(late), NextWork::Idle, "the other is for who has none");
        queue.push(&b, 3, late);
        assert_eq!(run(queue.next(late)), [3]);
        queue.push(&c, 4, late);
        assert_eq!(queue.next(late), NextWork::Hold(late + PATIENCE));
        assert_eq!(run(queue.next(late + PATIENCE)), [4], "the reserve");
        let crowd = queue.take_back(&a, |load| *load == 2).expect("it waited");
        assert_eq!((crowd.size, crowd.holders.len(), crowd.waiting, crowd.gave_up), (2, 3, 0, 1));
        assert!(crowd.said().starts_with("keyspace a:{id} holds 1 of 2, "), "{}", crowd.said());
        assert_eq!(queue.take_back(&a, |load| *load == 1), None, "it is on its way");
    }
}
