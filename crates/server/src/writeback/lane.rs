//! The unflushed writes of one keyspace: what readers see of them, which writers wait for room (backpressure), and when the next flush
//! is due.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, watch};

use super::dirty::{Dirty, DirtyWrite, Taken};
use super::over::Over;
use crate::config::FlushConfig;
use crate::keyspace::Keyspace;

/// The first wait after a flush that failed; each further one is twice as long.
const RETRY_FIRST: Duration = Duration::from_millis(50);
/// How soon the journal is told again of writes that are over, when it did not take it.
const RETRY_TELLING: Duration = Duration::from_millis(200);
/// The longest.
const RETRY_MOST: Duration = Duration::from_secs(5);

/// A keyspace whose source takes writes.
pub struct Lane {
    /// The keyspace.
    pub keyspace: Arc<Keyspace>,
    /// Writes that the source took.
    pub flushed: AtomicU64,
    /// Writes that the source refused.
    pub refused: AtomicU64,
    config: FlushConfig,
    dirty: RwLock<Dirty>,
    rows: AtomicUsize,
    /// Bytes of what is dirty, and of what is on its way into the journal.
    held: AtomicU64,
    wake: Notify,
    /// Counts the rounds of the flusher, for whoever waits for one.
    progress: watch::Sender<u64>,
    retry: Mutex<Retry>,
    /// Writes up to this one are to be flushed without waiting for more.
    forced: AtomicU64,
    /// Keys of the batch that is with the source now.
    at_source: Mutex<HashSet<Arc<[u8]>>>,
    over: Mutex<Over>,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Retry {
    at: Option<Instant>,
    wait: Duration,
    error: Option<String>,
}

impl Lane {
    /// A lane without writes.
    pub fn new(keyspace: Arc<Keyspace>) -> Lane {
        Lane {
            config: keyspace.flush.clone(),
            keyspace,
            flushed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            dirty: RwLock::default(),
            rows: AtomicUsize::new(0),
            held: AtomicU64::new(0),
            wake: Notify::new(),
            progress: watch::Sender::new(0),
            retry: Mutex::default(),
            forced: AtomicU64::new(0),
            at_source: Mutex::default(),
            over: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// Keys with an unflushed write.
    pub fn rows(&self) -> usize {
        self.rows.load(Relaxed)
    }

    /// Bytes that count towards the limit.
    pub fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }

    /// How many bytes of writes may wait.
    pub fn most(&self) -> u64 {
        self.config.most
    }

    /// When the oldest unflushed write was made.
    pub fn oldest(&self) -> Option<Instant> {
        self.dirty.read().oldest()
    }

    /// The first record of the journal that is needed.
    pub fn place(&self) -> Option<u64> {
        self.dirty.read().place()
    }

    /// Why the last flush failed, while it does.
    pub fn error(&self) -> Option<String> {
        self.retry.lock().error.clone()
    }

    /// Looks at a key's unflushed write, if there is one.
    pub fn look<R>(&self, key: &[u8], look: impl FnOnce(&DirtyWrite) -> R) -> Option<R> {
        if self.rows() == 0 {
            return None;
        }
        self.dirty.read().get(key).map(look)
    }

    /// Whether a write under another key may be of this key's row, and newer than what is known under this one.
    pub fn is_overtaken(&self, key: &[u8]) -> bool {
        if self.rows() == 0 || !self.keyspace.is_ambiguous() {
            return false;
        }
        let dirty = self.dirty.read();
        dirty.len() > 0 && dirty.get(key).is_none_or(|slot| slot.write < dirty.latest())
    }

    /// Waits until a write of this cost fits, and reserves it.
    ///
    /// # Errors
    /// No room came within `patience`: in words.
    pub async fn admit(&self, cost: u64, patience: Duration) -> Result<(), String> {
        let mut rounds = self.progress.subscribe();
        let fits = |held: u64| {
            let sum = held.saturating_add(cost);
            (sum <= self.config.most).then_some(sum)
        };
        let reserve = async {
            while self.held.fetch_update(Relaxed, Relaxed, fits).is_err() {
                // The lane outlives its writers, so there is always another round to wait for.
                let _ = rounds.changed().await;
            }
        };
        if cost > self.config.most {
            return Err(format!("the write needs {cost} bytes and flush_most is {}", self.config.most));
        }
        if self.held.fetch_update(Relaxed, Relaxed, fits).is_ok() {
            return Ok(());
        }
        tokio::time::timeout(patience, reserve).await.map_err(|_| {
            let why = self.error().map_or_else(String::new, |error| format!(" ({error})"));
            format!("{} bytes of writes wait for the source already{why}; try again", self.held())
        })
    }

    /// Gives back what was reserved for a write that the journal did not take.
    pub fn give_back(&self, cost: u64) {
        self.release(cost);
        self.progress.send_modify(|round| *round = round.wrapping_add(1));
    }

    /// Gives back what was reserved.
    fn release(&self, cost: u64) {
        self.held.fetch_sub(cost, Relaxed);
    }

    /// Counts a write that was there when the node started.
    pub fn reserve(&self, cost: u64) {
        self.held.fetch_add(cost, Relaxed);
    }

    /// Takes in a write whose cost is reserved and which is in the journal.
    pub fn write(&self, key: &[u8], write: u64, value: Option<Arc<[u8]>>, content_type: Option<Box<str>>) {
        let mut dirty = self.dirty.write();
        let freed = dirty.write(key, write, value, content_type, Instant::now());
        let rows = dirty.len();
        self.rows.store(rows, Relaxed);
        drop(dirty);
        self.release(freed);
        if rows == 1 || rows == self.config.batch {
            self.wake.notify_one();
        }
    }

    /// A write is over. Where the journal holds it, unless a newer one of its key waits; then [`Lane::tell`] is to follow.
    pub fn done(&self, key: &[u8], write: u64) -> Option<u64> {
        let mut dirty = self.dirty.write();
        let (place, freed) = dirty.done(key, write)?;
        self.over.lock().add(key);
        self.rows.store(dirty.len(), Relaxed);
        drop(dirty);
        self.release(freed);
        Some(place)
    }

    /// The journal is to know of a write that is over.
    pub fn tell(&self, key: &[u8], place: u64) {
        self.over.lock().tell(key, place);
        self.wake.notify_one();
    }

    /// A write was copied to a record further on.
    pub fn moved(&self, key: &[u8], write: u64, place: u64) {
        if !self.dirty.write().moved(key, write, place) {
            self.over.lock().add(key);
            self.tell(key, place);
        }
    }

    /// Takes what the journal is to be told.
    pub fn take_over(&self) -> Vec<(Box<[u8]>, u64)> {
        self.over.lock().take()
    }

    /// The journal was told of what was taken; `failed`: it did not keep it.
    pub fn told_over(&self, over: Vec<(Box<[u8]>, u64)>, failed: bool) {
        match failed {
            true => self.over.lock().put_back(over, Instant::now() + RETRY_TELLING),
            false => self.over.lock().told(&over),
        }
        self.progress.send_modify(|round| *round = round.wrapping_add(1));
    }

    /// The source was too slow for a write; how often by now.
    pub fn slow(&self, key: &[u8], write: u64) -> u32 {
        self.dirty.write().slow(key, write)
    }

    /// The writes whose turn it is. They are with the source until [`Lane::end_round`].
    pub fn batch(&self) -> Vec<Taken> {
        let dirty = self.dirty.read();
        let batch = match self.keyspace.is_ambiguous() {
            // Two keys may be one row: its last write is to come last.
            true => dirty.in_order().into_iter().take(self.config.batch).collect(),
            false => dirty.batch(self.config.batch),
        };
        // While no key can become clean: a write of another strategy is not to slip in between.
        self.at_source.lock().extend(batch.iter().map(|taken| taken.key.clone()));
        batch
    }

    /// All writes.
    pub fn all(&self) -> Vec<Taken> {
        self.dirty.read().all().collect()
    }

    /// A round of the flusher is over. `failed`: why some of its writes are still to be done; `moved_on`: whether others are
    /// not.
    pub fn end_round(&self, failed: Option<String>, moved_on: bool) {
        let mut retry = self.retry.lock();
        if failed.is_some() {
            let wait = if moved_on { RETRY_FIRST } else { (retry.wait * 2).clamp(RETRY_FIRST, RETRY_MOST) };
            *retry = Retry { at: Some(Instant::now() + wait), wait, error: failed };
        } else {
            *retry = Retry::default();
        }
        drop(retry);
        self.at_source.lock().clear();
        self.progress.send_modify(|round| *round = round.wrapping_add(1));
    }

    /// Flushes what is there now as soon as it can be; answers when all of it is over.
    ///
    /// # Errors
    /// It is not over within `patience`: in words.
    pub async fn flush(&self, patience: Duration) -> Result<(), String> {
        let latest = self.dirty.read().latest();
        self.until(latest, patience, || self.dirty.read().first().is_none_or(|first| first > latest)).await
    }

    /// As [`Lane::flush`], for one key; and waits until a restart would not write any of it again.
    ///
    /// # Errors
    /// As [`Lane::flush`].
    pub async fn settle(&self, key: &[u8], patience: Duration) -> Result<(), String> {
        if self.keyspace.is_ambiguous() {
            return self.settle_all(patience).await;
        }
        let write = self.look(key, |slot| slot.write).unwrap_or(0);
        if self.is_settled(key, write) {
            return Ok(());
        }
        self.until(write, patience, || self.is_settled(key, write)).await
    }

    /// The same for all keys that have something to settle now: any of them may be of the key's row.
    async fn settle_all(&self, patience: Duration) -> Result<(), String> {
        let latest = {
            let dirty = self.dirty.read();
            let mut keys: HashSet<Arc<[u8]>> = dirty.all().map(|taken| taken.key).collect();
            keys.extend(self.at_source.lock().iter().cloned());
            keys.extend(self.over.lock().keys().map(Arc::from));
            (dirty.latest(), keys)
        };
        let (latest, keys) = latest;
        let is_over = || keys.iter().all(|key| self.is_settled(key, latest));
        if is_over() { Ok(()) } else { self.until(latest, patience, is_over).await }
    }

    fn is_settled(&self, key: &[u8], write: u64) -> bool {
        let dirty = self.dirty.read();
        dirty.is_clean(key, write) && !self.at_source.lock().contains(key) && !self.over.lock().holds(key)
    }

    async fn until(&self, write: u64, patience: Duration, is_over: impl Fn() -> bool) -> Result<(), String> {
        let mut rounds = self.progress.subscribe();
        self.forced.fetch_max(write, Relaxed);
        self.retry.lock().at = None;
        self.wake.notify_one();
        let over = async {
            while !is_over() {
                let _ = rounds.changed().await;
            }
        };
        tokio::time::timeout(patience, over).await.map_err(|_| {
            let why = self.error().map_or_else(String::new, |error| format!(": {error}"));
            let (rows, name) = (self.rows(), &self.keyspace.name);
            match rows {
                0 => format!("the journal does not keep that the writes of {name} are over"),
                _ => format!("{rows} keys of {name} are not flushed yet{why}"),
            }
        })
    }

    /// Waits until there is something to flush and it is time. `false`: the lane is closed.
    pub async fn due(&self) -> bool {
        loop {
            if self.closed.load(Relaxed) {
                return false;
            }
            let wake = self.wake.notified();
            match self.wait() {
                Some(Duration::ZERO) => return true,
                Some(wait) => drop(tokio::time::timeout(wait, wake).await),
                None => wake.await,
            }
        }
    }

    /// How long until the next flush; `None` while there is nothing to do.
    fn wait(&self) -> Option<Duration> {
        let telling = self.over.lock().due(Instant::now());
        let flushing = self.wait_to_flush();
        telling.into_iter().chain(flushing).min()
    }

    fn wait_to_flush(&self) -> Option<Duration> {
        let dirty = self.dirty.read();
        let (first, oldest) = (dirty.first()?, dirty.oldest()?);
        let retry = self.retry.lock().at.map(|at| at.saturating_duration_since(Instant::now()));
        if retry.is_some_and(|wait| !wait.is_zero()) {
            return retry;
        }
        if dirty.len() >= self.config.batch || first <= self.forced.load(Relaxed) || retry.is_some() {
            return Some(Duration::ZERO);
        }
        Some(Duration::from_millis(self.config.every_ms).saturating_sub(oldest.elapsed()))
    }

    /// Ends the flusher.
    pub fn close(&self) {
        self.closed.store(true, Relaxed);
        self.wake.notify_one();
    }
}
