//! Faults that can be planted between a node and its database, each one that a cache in front of a database has had.
//!
//! They stand in a [`Source`] around the real one, in the one client that fills too late, and in what the clients hear, so that the node under test is
//! the one that is shipped.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use clearwell_engine::Version;
use clearwell_source::{
    Cell, Commit, FeedExchange, FeedMark, Follower, Later, Param, Receipt, Row, RowWrite, Shape, Source,
    SourceError, Statement, Table,
};
use parking_lot::Mutex;

use super::clients::Clock;
use super::history::Claim;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing; loads still take their time.
    None,
    /// One commit in fifty is not told.
    CommitDropped,
    /// Commits are told 150 ms late, and nobody waits for them.
    CommitLate,
    /// Own writes are answered before their keys are invalidated.
    ToldAfterAnswer,
    /// One load in ten is answered by a replica that has not heard of the last changes.
    StaleReplica,
    /// All rows of a transaction but the first are told 100 ms later.
    TransactionSplit,
    /// A barrier answers at once.
    BarrierOpen,
    /// A gap in the feed is not told.
    GapSwallowed,
    /// An INSERT is not told: what was remembered as absent stays.
    InsertIgnored,
    /// Of a changed row only the new values are told.
    OldRowIgnored,
    /// One write in twenty is acknowledged and never done.
    WriteLost,
    /// A client takes the lease for its fill after it has read the database.
    FillTooLate,
    /// A node of a cluster takes the feed's reader for farther than it is.
    MarkAhead,
    /// What replies say of themselves is not true.
    Told(Lie),
}

/// What is said wrongly of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    None,
    /// It is never stale.
    Fresh,
    /// Its age begins anew when it is marked stale.
    Young,
    /// It meets the level that was asked for although it is stale.
    Level,
    /// What came from memory was read just now.
    Now,
}

impl Lie {
    /// What the reader is told.
    pub fn told(self, claim: Claim) -> Claim {
        match self {
            Lie::Fresh => Claim { stale: false, ..claim },
            Lie::Young if claim.stale => Claim { age: 0, ..claim },
            Lie::Level if claim.stale => Claim { level: "strong".into(), ..claim },
            Lie::Now if claim.hit => Claim { age: 0, ..claim },
            _ => claim,
        }
    }
}

impl Fault {
    pub const ALL: [Fault; 15] = [
        Fault::CommitDropped,
        Fault::CommitLate,
        Fault::ToldAfterAnswer,
        Fault::StaleReplica,
        Fault::TransactionSplit,
        Fault::BarrierOpen,
        Fault::GapSwallowed,
        Fault::InsertIgnored,
        Fault::OldRowIgnored,
        Fault::WriteLost,
        Fault::FillTooLate,
        Fault::Told(Lie::Fresh),
        Fault::Told(Lie::Young),
        Fault::Told(Lie::Level),
        Fault::Told(Lie::Now),
    ];

    /// Those that a cluster must be found to have; the ones that are for clusters first.
    pub const OF_CLUSTERS: [Fault; 9] = [
        Fault::MarkAhead,
        Fault::CommitLate,
        Fault::CommitDropped,
        Fault::StaleReplica,
        Fault::BarrierOpen,
        Fault::GapSwallowed,
        Fault::InsertIgnored,
        Fault::OldRowIgnored,
        Fault::WriteLost,
    ];
}

/// The latest commits that the feed has told of, and when.
#[derive(Default)]
pub struct Heard(Mutex<VecDeque<(Instant, Commit)>>);

impl Heard {
    /// Commits that are remembered.
    const MOST: usize = 20_000;

    fn note(&self, commit: &Commit) {
        let mut heard = self.0.lock();
        if heard.len() == Heard::MOST {
            heard.pop_front();
        }
        heard.push_back((Instant::now(), commit.clone()));
    }

    /// Those that concern an interleaving, in a line each.
    pub fn of(&self, run: u32, clock: Clock) -> String {
        let heard = self.0.lock();
        let run = Some(&Cell::Integer(run.into()));
        let concerns = |row: &Option<Row>| row.as_ref().is_some_and(|row| row.get("run") == run);
        let mine = heard
            .iter()
            .filter(|(_, commit)| commit.changes.iter().any(|c| concerns(&c.old) || concerns(&c.new)));
        let line = |(at, commit): &(Instant, Commit)| {
            let rows = commit
                .changes
                .iter()
                .map(|c| c.new.as_ref().or(c.old.as_ref()).and_then(|row| row.get("k").cloned()));
            let at = at.duration_since(clock.0).as_micros();
            format!(
                "told: {at:>10} version {:?} own {} rows {:?}\n",
                commit.version,
                commit.own,
                rows.collect::<Vec<_>>()
            )
        };
        mine.map(line).collect()
    }
}

/// A source with a fault, whose loads are slow now and then.
pub struct Planted {
    pub heard: Arc<Heard>,
    inner: Arc<dyn Source>,
    fault: Fault,
    calls: AtomicU64,
    replica: Arc<Mutex<HashMap<String, Option<Row>>>>,
}

impl Planted {
    pub fn over(inner: Arc<dyn Source>, fault: Fault) -> Planted {
        Planted { heard: Arc::default(), inner, fault, calls: AtomicU64::new(0), replica: Arc::default() }
    }

    /// Whether it is the turn of one call in `count`.
    fn one_in(&self, count: u64) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed) % count == count - 1
    }
}

impl Source for Planted {
    fn follow(&self, follower: Arc<dyn Follower>) -> Result<(), SourceError> {
        self.inner.follow(Arc::new(Tapped {
            late: late_teller(follower.clone()),
            follower,
            heard: self.heard.clone(),
            fault: self.fault,
            told: AtomicU64::new(0),
        }))
    }

    fn load(&self, statement: &Statement, params: Vec<Param>) -> Later<Result<Option<Row>, SourceError>> {
        let what = format!("{statement:?} {params:?}");
        let loading = self.inner.load(statement, params);
        let stale = self.fault == Fault::StaleReplica && self.one_in(10);
        // What was read arrives late: commits and invalidations overtake it.
        let pause = match fastrand::u8(..16) {
            0 => fastrand::u64(..25),
            1 | 2 => fastrand::u64(..5),
            _ => 0,
        };
        let replica = (self.fault == Fault::StaleReplica).then(|| self.replica.clone());
        Box::pin(async move {
            let mut read = loading.await;
            if let (Some(replica), Ok(row)) = (replica, &read) {
                let before = replica.lock().insert(what, row.clone());
                if let Some(before) = before.filter(|_| stale) {
                    read = Ok(before);
                }
            }
            if pause > 0 {
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            read
        })
    }

    fn write(&self, mut write: RowWrite) -> Later<Result<Receipt, SourceError>> {
        if self.fault == Fault::WriteLost && self.one_in(20) {
            (write.committed)(&Receipt::default());
            return Box::pin(std::future::ready(Ok(Receipt { rows: 1, ..Receipt::default() })));
        }
        if self.fault == Fault::ToldAfterAnswer {
            let committed = write.committed;
            write.committed = Box::new(move |receipt| {
                let receipt = receipt.clone();
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(5));
                    committed(&receipt);
                });
            });
        }
        self.inner.write(write)
    }

    fn barrier(&self) -> Later<Result<Version, SourceError>> {
        match self.fault {
            Fault::BarrierOpen => Box::pin(std::future::ready(Ok(Version(0)))),
            _ => self.inner.barrier(),
        }
    }

    fn describe(&self, statement: &Statement) -> Result<Option<Shape>, SourceError> {
        self.inner.describe(statement)
    }

    fn table(&self, name: &str) -> Result<Option<Table>, SourceError> {
        self.inner.table(name)
    }

    fn share(&self, exchange: Arc<dyn FeedExchange>) -> bool {
        self.inner.share(exchange)
    }

    fn read_for_all(&self, reads: bool) {
        self.inner.read_for_all(reads);
    }

    fn heard(&self, mark: FeedMark) {
        let ahead = if self.fault == Fault::MarkAhead { 1 << 20 } else { 0 };
        self.inner.heard(FeedMark { position: mark.position + ahead, ..mark });
    }

    fn asked(&self) -> Option<FeedMark> {
        self.inner.asked()
    }

    fn unverified(&self) -> Option<String> {
        if self.fault == Fault::GapSwallowed { None } else { self.inner.unverified() }
    }

    fn behind_ms(&self) -> u64 {
        self.inner.behind_ms()
    }
}

/// Between the feed and the node.
struct Tapped {
    follower: Arc<dyn Follower>,
    heard: Arc<Heard>,
    late: Sender<(Instant, Commit)>,
    fault: Fault,
    told: AtomicU64,
}

impl Tapped {
    fn tell_late(&self, after_ms: u64, commit: Commit) {
        // The teller lives as long as this.
        let _ = self.late.send((Instant::now() + Duration::from_millis(after_ms), commit));
    }
}

impl Follower for Tapped {
    fn committed(&self, source: &str, commit: &Commit) {
        let mut commit = commit.clone();
        match self.fault {
            Fault::CommitDropped if self.told.fetch_add(1, Ordering::Relaxed) % 50 == 49 => return,
            Fault::CommitLate => return self.tell_late(150, commit),
            Fault::ToldAfterAnswer if commit.own => return,
            Fault::TransactionSplit if commit.changes.len() > 1 => {
                let changes = commit.changes.split_off(1);
                self.tell_late(100, Commit { changes, ..commit.clone() });
            }
            Fault::InsertIgnored if commit.changes.iter().any(|change| change.old.is_none()) => return,
            Fault::OldRowIgnored => {
                commit.changes.iter_mut().filter(|change| change.new.is_some()).for_each(|c| c.old = None);
            }
            _ => {}
        }
        self.follower.committed(source, &commit);
        self.heard.note(&commit);
    }

    fn lost(&self, source: &str, why: &str) {
        if self.fault != Fault::GapSwallowed {
            self.follower.lost(source, why);
        }
    }

    fn altered(&self, source: &str, altered: &clearwell_source::Altered) {
        self.follower.altered(source, altered);
    }

    fn settle(&self) -> Option<Later<Result<(), String>>> {
        self.follower.settle()
    }

    fn unverified(&self, source: &str, why: &str) {
        self.follower.unverified(source, why);
    }

    fn verified(&self, source: &str) {
        self.follower.verified(source);
    }
}

/// A thread that tells commits when their time has come.
fn late_teller(follower: Arc<dyn Follower>) -> Sender<(Instant, Commit)> {
    let (sender, commits) = channel::<(Instant, Commit)>();
    std::thread::spawn(move || {
        for (due, commit) in commits {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            follower.committed("main", &commit);
        }
    });
    sender
}
