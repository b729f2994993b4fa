//! The stream of commits: a replication slot, read on a thread of its own.
//!
//! A gap is anything after which commits may have been missed: the slot is gone or was read by another, the server is
//! another one, a table is no longer covered. Then everything is told to be lost at once, and again when a new slot has
//! begun: what was loaded between the two is not covered by either stream.

mod assemble;
mod ended;
mod pgoutput;
mod published;
mod relay;
mod session;
pub mod setup;
pub mod watch;
pub mod wire;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch as value};

use super::database::Database;
use super::pending::UntoldWrites;
use crate::config::PostgresConfig;
use crate::{Altered, FeedExchange, FeedMark, Follower, SourceError, Watched};

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
    /// Which server it follows, and the timeline of its log.
    server: Mutex<String>,
    /// Whom it is shared with; nobody, where the node is alone.
    shared: OnceLock<SharedFeed>,
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
            server: Mutex::default(),
            shared: OnceLock::new(),
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
    ///
    /// Of a shared feed that is not known: its reader has others told before this node hears how far it is.
    pub fn told(&self) -> Option<u64> {
        let is_known = !self.is_shared() && self.problem.borrow().is_none();
        is_known.then(|| self.told.load(Ordering::SeqCst))
    }

    /// Names the followed server.
    pub fn system(&self) -> String {
        self.server.lock().split(' ').next().unwrap_or_default().into()
    }

    /// Whether one node reads it for others as well.
    pub fn is_shared(&self) -> bool {
        self.shared.get().is_some()
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

    /// It is shared from its beginning.
    pub fn share(&self, exchange: Arc<dyn FeedExchange>) {
        let (reads, heard) = (value::Sender::new(false), value::Sender::new(None));
        // Said once.
        let _before = self.shared.set(SharedFeed { exchange, reads, heard });
    }

    /// Whether this node reads it for all.
    pub fn read_for_all(&self, reads: bool) {
        if let Some(shared) = self.shared.get() {
            shared.reads.send_if_modified(|before| std::mem::replace(before, reads) != reads);
        }
    }

    /// Its reader's word.
    pub fn heard(&self, mark: FeedMark) {
        if let Some(shared) = self.shared.get() {
            shared.heard.send_replace(Some(mark));
        }
    }

    /// How far it is, if this node reads it; the server is asked as well.
    pub fn asked_by_others(&self) -> Option<FeedMark> {
        self.shared.get().filter(|shared| *shared.reads.borrow())?;
        self.asked.notify_one();
        Some(self.mark())
    }

    fn mark(&self) -> FeedMark {
        FeedMark {
            server: self.server.lock().as_str().into(),
            position: *self.position.borrow(),
            problem: self.problem.borrow().as_deref().map(Into::into),
        }
    }

    /// Tells all others how far it is.
    fn announce(&self) {
        if let Some(shared) = self.shared.get() {
            shared.exchange.tell(&self.name, &self.mark());
        }
    }

    /// All commits before this place of the followed server's log were told.
    fn passed(&self, lsn: u64) {
        self.position.send_if_modified(|position| {
            let is_ahead = *position < lsn;
            *position = lsn.max(*position);
            is_ahead
        });
    }

    /// It is read from a place on: of another server's log, or of the one that was read before.
    fn begins(&self, lsn: u64, server: &str) {
        let mut before = self.server.lock();
        if *before != server || !self.is_shared() {
            self.position.send_replace(lsn);
            server.clone_into(&mut before);
        }
        drop(before);
        self.passed(lsn);
    }

    fn set_problem(&self, problem: Option<String>) {
        self.problem.send_replace(problem);
    }
}

/// What a feed that one node reads for all has beside.
struct SharedFeed {
    exchange: Arc<dyn FeedExchange>,
    /// Whether this node is the reader.
    reads: value::Sender<bool>,
    /// What the reader said last.
    heard: value::Sender<Option<FeedMark>>,
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
    if feed.is_shared() {
        // Whoever reads it may still be on its way: until it says how far it is, the feed counts as not complete.
        follower.unverified(&feed.name, "its reader has not been heard of yet");
        let _sent = ready.send(Ok(()));
    }
    super::thread(&name, async move {
        let closing = feed.clone();
        tokio::select! {
            () = relay::run(&feed, &follower), if feed.is_shared() => {}
            () = session::run(feed.clone(), follower.clone(), Some(ready)), if !feed.is_shared() => {}
            () = closing.closing.notified() => {}
        }
    })?;
    begun.recv().unwrap_or_else(|_| Err(super::gone()))
}
