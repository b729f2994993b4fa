//! The stream of commits: a replication slot, read on a thread of its own.
//!
//! A gap is anything after which commits may have been missed: the slot is gone or was read by another, the server is
//! another one, a table is no longer covered. Then everything is told to be lost at once, and again when a new slot has
//! begun: what was loaded between the two is not covered by either stream.

mod assemble;
mod ended;
mod pgoutput;
mod published;
mod session;
pub mod setup;
pub mod watch;
pub mod wire;

use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch as value};

use super::database::Database;
use super::pending::UntoldWrites;
use crate::config::PostgresConfig;
use crate::{Altered, Follower, SourceError, Watched};

/// What the feed's thread shares with those who wait for it.
pub struct LogFeed {
    name: String,
    /// How it was configured.
    pub config: PostgresConfig,
    /// How to connect to it.
    pub database: Database,
    watched: Vec<Watched>,
    timeout_ms: u64,
    /// Writes that it will tell of.
    pub pending: UntoldWrites,
    /// All commits before it were told.
    position: value::Sender<u64>,
    /// No commit behind it was told, or is being told: at least `position`, ahead of the follower.
    told: AtomicU64,
    /// Which server it follows.
    system: Mutex<String>,
    /// Why commits may be missing; `None` while it is complete.
    problem: value::Sender<Option<String>>,
    tables: Mutex<HashMap<u32, Arc<Watched>>>,
    /// Somebody waits for the position: the server is to say it.
    asked: Notify,
    /// Changes of the catalog that the follower is to be told of.
    alterations: Mutex<Vec<(Alteration, oneshot::Sender<()>)>>,
    altered: Notify,
    doubt: Mutex<Option<String>>,
    doubted: Notify,
    closing: Notify,
    began: Instant,
    complete_ms: AtomicU64,
}

impl LogFeed {
    /// A feed that has not begun.
    pub fn new(
        name: &str,
        config: PostgresConfig,
        database: Database,
        watched: Vec<Watched>,
        timeout_ms: u64,
    ) -> LogFeed {
        LogFeed {
            name: name.into(),
            config,
            database,
            watched,
            timeout_ms,
            pending: UntoldWrites::new(fastrand::u64(..)),
            position: value::Sender::new(0),
            told: AtomicU64::new(0),
            system: Mutex::default(),
            problem: value::Sender::new(Some("the feed has not begun".into())),
            tables: Mutex::default(),
            asked: Notify::new(),
            alterations: Mutex::default(),
            altered: Notify::new(),
            doubt: Mutex::default(),
            doubted: Notify::new(),
            closing: Notify::new(),
            began: Instant::now(),
            complete_ms: AtomicU64::new(0),
        }
    }

    /// Waits until the feed is complete.
    pub async fn verified(&self) {
        let mut problem = self.problem.subscribe();
        // The sender lives as long as the feed, so that this cannot fail.
        let _ = problem.wait_for(Option::is_none).await;
    }

    /// Why commits may be missing just now.
    pub fn unverified(&self) -> Option<String> {
        self.problem.borrow().clone()
    }

    /// The same in a sentence.
    pub fn why_not(&self) -> String {
        let why = self.unverified();
        why.map_or_else(|| "the feed was away".into(), |why| format!("the feed is not complete: {why}"))
    }

    /// Waits until the feed has told all commits before `lsn`. With `ask` it asks the server for its place again and again, because a server
    /// that has nothing to tell is silent.
    pub async fn reach(&self, lsn: u64, ask: bool) {
        let mut position = self.position.subscribe();
        while *position.borrow_and_update() < lsn {
            if ask {
                self.asked.notify_one();
                // A server that was behind says nothing when it has caught up without a change to tell.
                let _ = tokio::time::timeout(Duration::from_millis(2), position.changed()).await;
            } else {
                let _ = position.changed().await;
            }
        }
    }

    /// Nothing behind this place was told so far; `None` while commits may be missing. Whoever notes what is invalidated,
    /// then asks this, then reads where all before it is visible, misses nothing that was told before.
    pub fn told(&self) -> Option<u64> {
        self.problem.borrow().is_none().then(|| self.told.load(Ordering::SeqCst))
    }

    /// Names the followed server.
    pub fn system(&self) -> String {
        self.system.lock().clone()
    }

    /// Before the follower is told of what is before `lsn`.
    fn telling(&self, lsn: u64) {
        self.told.fetch_max(lsn, Ordering::SeqCst);
    }

    /// Milliseconds since the source was opened.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The follower knows of all that was committed before `at_ms`.
    pub fn complete(&self, at_ms: u64) {
        self.complete_ms.fetch_max(at_ms, Ordering::Relaxed);
    }

    /// How long ago it was last known to be complete.
    pub fn behind_ms(&self) -> u64 {
        self.now_ms().saturating_sub(self.complete_ms.load(Ordering::Relaxed))
    }

    /// The catalog was changed; answered when the follower was told, from the feed's thread.
    pub fn alter(&self, alteration: Alteration) -> oneshot::Receiver<()> {
        let (told, answer) = oneshot::channel();
        self.alterations.lock().push((alteration, told));
        self.altered.notify_one();
        answer
    }

    /// The feed no longer covers what it must: it begins anew.
    pub fn doubt(&self, why: String) {
        // What is read meanwhile is read each time, and from what is there now.
        self.database.changed();
        *self.doubt.lock() = Some(why);
        self.doubted.notify_one();
    }

    /// The tables that it covers, by number.
    pub fn tables(&self) -> HashMap<u32, Arc<Watched>> {
        self.tables.lock().clone()
    }

    /// Ends its thread.
    pub fn close(&self) {
        self.closing.notify_one();
    }

    fn set_problem(&self, problem: Option<String>) {
        self.problem.send_replace(problem);
    }
}

/// A change of the catalog, and what is known behind it.
pub struct Alteration {
    /// What the follower is to know.
    pub altered: Altered,
    /// It was committed before this place in the log.
    pub lsn: u64,
    /// The tables that are followed now, by number.
    pub tables: HashMap<u32, Arc<Watched>>,
}

/// How long a start waits for a slot that another reader holds: one that was killed is noticed by then.
const START_WITHIN: Duration = Duration::from_secs(15);

/// Begins to follow; answers when the stream stands. What is committed from then on is told.
pub fn start(feed: Arc<LogFeed>, follower: Arc<dyn Follower>) -> Result<(), SourceError> {
    let (ready, begun) = mpsc::channel();
    let name = format!("feed {}", feed.name);
    super::thread(&name, async move {
        let closing = feed.clone();
        tokio::select! {
            () = session::run(feed, follower, ready) => {}
            () = closing.closing.notified() => {}
        }
    })?;
    begun.recv().unwrap_or_else(|_| Err(super::gone()))
}
