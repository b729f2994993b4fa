//! Shares of a source's connections (a bulkhead): what one keyspace's table does to its connections, another does not feel.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// How many connections there are, and who may use one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Connections for ordinary work.
    pub size: usize,
    /// Further ones, for a lane that has none while the others hold all.
    pub reserve: usize,
}

/// How long a lane that has no connection waits for an ordinary one before a reserve is opened for it.
pub const PATIENCE: Duration = Duration::from_millis(10);

/// A lane: what one keyspace asks of a source.
#[derive(Debug, Clone, Copy)]
pub struct Want {
    /// How many connections it uses now.
    pub own: usize,
    /// How long it has waited for one more.
    pub waited: Duration,
}

impl Shares {
    /// How many connections a lane may use whose loads nobody waits for: one in four.
    pub fn aside(self) -> usize {
        (self.size / 4).max(1)
    }

    /// Whether a lane may use one more connection, of which all lanes use `used`. What is idle is lent, but for the last one: that is
    /// for a lane that has none. Where the others hold all, such a lane has a reserve.
    pub fn admits(self, want: Want, used: usize, lanes: usize) -> bool {
        let kept = usize::from(want.own > 0 && lanes > 1);
        used + kept < self.size
            || (want.own == 0 && want.waited >= PATIENCE && used < self.size.saturating_add(self.reserve))
    }
}

/// How crowded a source's connections are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crowd {
    /// Connections for ordinary work.
    pub size: usize,
    /// Who uses them now.
    pub holders: Vec<ShareHolder>,
    /// What waits for one.
    pub waiting: usize,
    /// What waited in vain, since the start.
    pub gave_up: u64,
}

/// A lane that uses connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareHolder {
    /// The keyspace, or the statement where its keyspace is not known.
    pub name: Arc<str>,
    /// How many it uses.
    pub connections: usize,
    /// For how long it has used one of them at most.
    pub longest: Duration,
}

impl Crowd {
    /// Who holds the connections, in words.
    pub fn said(&self) -> String {
        let one = |holder: &ShareHolder| {
            let (name, connections, seconds) =
                (&holder.name, holder.connections, holder.longest.as_secs_f64());
            format!("keyspace {name} holds {connections} of {}, the longest for {seconds:.1} s", self.size)
        };
        match self.holders.is_empty() {
            true => "none could be had".to_owned(),
            false => self.holders.iter().map(one).collect::<Vec<_>>().join("; "),
        }
    }
}

/// What waits for a connection and what uses one, by lane.
pub struct Lanes<W> {
    shares: Shares,
    all: Vec<ShareLane<W>>,
    used: usize,
    gave_up: u64,
}

struct ShareLane<W> {
    key: Arc<str>,
    /// The keyspace, when it is known.
    name: Arc<str>,
    began: Vec<Instant>,
    waiting: VecDeque<(Instant, W)>,
    /// How many connections it may use; `None`: as many as its share lets it.
    most: Option<usize>,
}

/// One use of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    lane: usize,
    began: Instant,
}

impl<W> Lanes<W> {
    /// Nothing waits.
    pub fn new(shares: Shares) -> Lanes<W> {
        Lanes { shares, all: Vec::new(), used: 0, gave_up: 0 }
    }

    /// Says which keyspace a lane belongs to.
    pub fn label(&mut self, key: &Arc<str>, name: &str) {
        self.lane(key).name = name.into();
    }

    /// The same of a lane for what nobody waits for, such as warming.
    pub fn label_aside(&mut self, key: &Arc<str>, name: &str) {
        self.label(key, name);
        self.lane(key).most = Some(self.shares.aside());
    }

    /// One more that waits in a lane.
    pub fn push(&mut self, key: &Arc<str>, waiting: W, now: Instant) {
        self.lane(key).waiting.push_back((now, waiting));
    }

    /// How much waits.
    pub fn waiting(&self) -> usize {
        self.all.iter().map(|lane| lane.waiting.len()).sum()
    }

    /// Whether the ordinary connections are all used.
    pub fn is_full(&self) -> bool {
        self.used >= self.shares.size
    }

    /// The one that may go now and has waited longest, with since when it waited. It uses a connection from now on.
    pub fn next(&mut self, now: Instant) -> Option<(W, Instant, Use)> {
        // For what is loaded for nobody nothing is kept free.
        let lanes = self.all.iter().filter(|lane| lane.most.is_none()).count();
        let may = |lane: &ShareLane<W>| {
            let (since, _) = lane.waiting.front()?;
            if lane.most.is_some_and(|most| lane.began.len() >= most) {
                return None;
            }
            let want = Want { own: lane.began.len(), waited: now.saturating_duration_since(*since) };
            self.shares.admits(want, self.used, lanes).then_some(*since)
        };
        let ready = self.all.iter().enumerate().filter_map(|(at, lane)| Some((may(lane)?, at)));
        let (since, at) = ready.min()?;
        let lane = &mut self.all[at];
        let (_, waiting) = lane.waiting.pop_front()?;
        lane.began.push(now);
        self.used += 1;
        Some((waiting, since, Use { lane: at, began: now }))
    }

    /// When a lane that has no connection may have a reserve, if one waits for that.
    pub fn soonest(&self) -> Option<Instant> {
        let without = self.all.iter().filter(|lane| lane.began.is_empty());
        without.filter_map(|lane| lane.waiting.front()).map(|(since, _)| *since + PATIENCE).min()
    }

    /// A use has ended.
    pub fn end(&mut self, it: Use) {
        let began = &mut self.all[it.lane].began;
        if let Some(at) = began.iter().position(|began| *began == it.began) {
            began.swap_remove(at);
            self.used -= 1;
        }
    }

    /// Counts one that waited in vain, and says who uses what.
    pub fn in_vain(&mut self) -> Crowd {
        self.gave_up += 1;
        self.crowd()
    }

    /// Who uses what.
    pub fn crowd(&self) -> Crowd {
        let holders = self.all.iter().filter_map(|lane| holder(&lane.name, &lane.began)).collect();
        Crowd { size: self.shares.size, holders, waiting: self.waiting(), gave_up: self.gave_up }
    }

    fn lane(&mut self, key: &Arc<str>) -> &mut ShareLane<W> {
        let known = self.all.iter().position(|lane| lane.key == *key);
        let at = known.unwrap_or_else(|| {
            let (key, name) = (key.clone(), key.clone());
            self.all.push(ShareLane { key, name, began: Vec::new(), waiting: VecDeque::new(), most: None });
            self.all.len() - 1
        });
        &mut self.all[at]
    }
}

/// A lane's part in a crowd; `None` when it uses nothing.
pub fn holder(name: &Arc<str>, began: &[Instant]) -> Option<ShareHolder> {
    let longest = began.iter().min()?.elapsed();
    Some(ShareHolder { name: name.clone(), connections: began.len(), longest })
}

/// Connections that lanes take turns at.
pub struct Bulkhead(Mutex<Lanes<oneshot::Sender<Entered>>>);

/// The right to use one connection, until it is dropped.
pub struct Entered {
    /// `None`: it was given to nobody.
    at: Option<Arc<Bulkhead>>,
    its: Use,
}

impl Bulkhead {
    /// Nobody uses anything yet.
    pub fn new(shares: Shares) -> Arc<Bulkhead> {
        Arc::new(Bulkhead(Mutex::new(Lanes::new(shares))))
    }

    /// Waits until a lane may use one more connection; whoever of a lane came first goes first.
    pub async fn enter(self: &Arc<Self>, lane: &Arc<str>) -> Entered {
        let (sender, mut entered) = oneshot::channel();
        {
            let (mut lanes, now) = (self.0.lock(), Instant::now());
            lanes.push(lane, sender, now);
            self.grant(&mut lanes, now);
        }
        // After that time a reserve may be had.
        if let Ok(entered) = tokio::time::timeout(PATIENCE, &mut entered).await {
            return entered.expect("its sender is kept until it is used");
        }
        self.grant(&mut self.0.lock(), Instant::now());
        entered.await.expect("its sender is kept until it is used")
    }

    fn grant(self: &Arc<Self>, lanes: &mut Lanes<oneshot::Sender<Entered>>, now: Instant) {
        while let Some((sender, _, its)) = lanes.next(now) {
            if let Err(mut entered) = sender.send(Entered { at: Some(self.clone()), its }) {
                // Nobody waits any more. Its own end would want the lock that is held here.
                entered.at = None;
                lanes.end(its);
            }
        }
    }

    /// Who uses what; for who has waited in vain, which is counted.
    pub fn in_vain(&self) -> Crowd {
        self.0.lock().in_vain()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let Some(bulkhead) = self.at.take() else { return };
        let mut lanes = bulkhead.0.lock();
        lanes.end(self.its);
        bulkhead.grant(&mut lanes, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARES: Shares = Shares { size: 4, reserve: 2 };

    fn want(own: usize, waited_ms: u64) -> Want {
        Want { own, waited: Duration::from_millis(waited_ms) }
    }

    #[test]
    fn what_is_idle_is_lent_but_for_the_last() {
        assert!(SHARES.admits(want(2, 0), 2, 2));
        assert!(!SHARES.admits(want(3, 9999), 3, 2), "the last is for a lane that has none");
        assert!(SHARES.admits(want(0, 0), 3, 2));
        assert!(SHARES.admits(want(3, 0), 3, 1), "there is nobody else");
        assert!(!SHARES.admits(want(4, 9999), 4, 1));
    }

    #[test]
    fn a_lane_without_any_has_a_reserve_after_a_moment() {
        assert!(!SHARES.admits(want(0, 9), 4, 3));
        assert!(SHARES.admits(want(0, 10), 4, 3));
        assert!(!SHARES.admits(want(1, 9999), 4, 3));
        assert!(!SHARES.admits(want(0, 9999), 6, 9), "the reserves are bounded");
        let one = Shares { size: 1, reserve: 2 };
        assert!(
            one.admits(want(0, 0), 0, 2) && !one.admits(want(1, 0), 1, 2) && one.admits(want(0, 10), 1, 2)
        );
    }

    #[test]
    fn what_nobody_waits_for_uses_one_connection_in_four() {
        let (readers, warming): (Arc<str>, Arc<str>) = ("load".into(), "warming".into());
        let mut lanes = Lanes::new(SHARES);
        lanes.label(&readers, "post:{id}");
        lanes.label_aside(&warming, "post:{id} (warming)");
        let now = Instant::now();
        for number in 0..4 {
            lanes.push(&readers, number, now);
        }
        let taken: Vec<_> = (0..4).filter_map(|_| lanes.next(now)).collect();
        assert_eq!(taken.len(), 4, "nothing is kept for a lane that has nothing to do");
        taken.iter().for_each(|(.., its)| lanes.end(*its));
        for number in 10..20 {
            lanes.push(&warming, number, now);
        }
        assert_eq!(lanes.next(now).map(|(number, ..)| number), Some(10));
        assert!(lanes.next(now + Duration::from_secs(9)).is_none(), "one is all it may use");
        for number in 0..3 {
            lanes.push(&readers, number, now);
        }
        let readers: Vec<_> = std::iter::from_fn(|| lanes.next(now)).map(|(number, ..)| number).collect();
        assert_eq!(readers, [0, 1, 2], "the others are the readers'");
    }

    #[tokio::test]
    async fn a_turn_that_nobody_waits_for_any_more_is_the_next_ones() {
        let bulkhead = Bulkhead::new(Shares { size: 1, reserve: 0 });
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let first = bulkhead.enter(&a).await;
        let gone = tokio::time::timeout(Duration::from_millis(1), bulkhead.enter(&b)).await;
        assert!(gone.is_err());
        let (last, ()) = tokio::join!(bulkhead.enter(&b), async { drop(first) });
        assert_eq!(bulkhead.in_vain().said().split(',').next(), Some("keyspace b holds 1 of 1"));
        drop(last);
        assert_eq!(bulkhead.in_vain(), Crowd { size: 1, gave_up: 2, ..Crowd::default() });
    }
}
