//! The one thread that writes, and that tells of commits in their order.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use clearwell_words::Version;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::batch::SqliteBatch;
use super::connect::SqliteShared;
use super::convert::SqliteFault;
use super::log::{self, LogNews, LogRead, TAIL};
use super::session::{LogSession, version};
use super::watch::Watch;
use crate::{Commit, Follower, Heard, Receipt, RowChange, RowWrite, SourceError};

/// What the thread is asked for.
pub enum WriterJob {
    Follow(Arc<dyn Follower>, SyncSender<Result<(), SourceError>>),
    Write(QueuedWrite),
    Barrier(Answer<Version>, u64),
    /// Somebody writes to the file.
    Look,
}

/// Where an answer goes.
pub type Answer<T> = oneshot::Sender<Result<T, SourceError>>;

/// A write that waits for its turn until a moment of [`SqliteShared::now_ms`].
pub struct QueuedWrite {
    pub write: RowWrite,
    pub answer: Answer<Receipt>,
    pub deadline_ms: u64,
    /// Whether it was too slow to share a transaction.
    pub alone: bool,
}

/// The thread's state.
pub struct WriterThread {
    pub shared: Arc<SqliteShared>,
    jobs: Receiver<WriterJob>,
    /// Where the file's watch sends its word.
    bell: Weak<Sender<WriterJob>>,
    /// `None` where the system tells nothing, and while nothing is open.
    watch: Option<Watch>,
    /// Until when what was written to the file may still have to become a commit that can be seen.
    stirred_until_ms: u64,
    follower: Option<Arc<dyn Follower>>,
    /// What was told may not be in effect wherever somebody reads.
    unsettled: bool,
    pub session: Option<LogSession>,
    pub pending: VecDeque<QueuedWrite>,
    barriers: Vec<(Answer<Version>, u64)>,
    pruned: i64,
    /// A database in memory lives as long as a connection to it.
    _anchor: Option<Connection>,
    /// While nothing is open: when to try again, and why it failed last.
    reopen: (u64, String),
}

/// How soon a lock that somebody else holds is tried again.
const RETRY: Duration = Duration::from_millis(1);
/// How soon a file that is gone or broken is tried again, in milliseconds.
const REOPEN_MS: u64 = 50;
/// How many jobs are taken in before they are worked on.
const JOBS_AT_ONCE: usize = 256;
/// For how long after the file was written to it is looked at every `feed_poll`. A commit can be seen when the disk has what it
/// wrote; one whose disk takes longer is seen at the next look all the same.
const STIRRED_MS: u64 = 1_000;

impl WriterThread {
    pub fn new(
        shared: Arc<SqliteShared>,
        jobs: Receiver<WriterJob>,
        bell: Weak<Sender<WriterJob>>,
        session: LogSession,
        anchor: Option<Connection>,
    ) -> WriterThread {
        let mut writer = WriterThread {
            shared,
            jobs,
            bell,
            watch: None,
            stirred_until_ms: 0,
            follower: None,
            unsettled: false,
            pruned: session.log.last - TAIL,
            session: Some(session),
            pending: VecDeque::new(),
            barriers: Vec::new(),
            _anchor: anchor,
            reopen: (0, String::new()),
        };
        writer.watch_file();
        writer
    }

    /// Asks to be told of who writes to the file that was opened just now.
    fn watch_file(&mut self) {
        let bell = self.bell.clone();
        let ring = move || {
            // A source that is gone needs no word, and a thread that has ended takes none.
            let _gone = bell.upgrade().map(|jobs| jobs.send(WriterJob::Look));
        };
        self.watch = Watch::begin(&self.shared.path, self.shared.poll, ring);
        // What was written before is not told.
        self.stirred_until_ms = self.shared.now_ms().saturating_add(STIRRED_MS);
    }

    /// How long to wait for a job before the file is looked at.
    fn patience(&self) -> Duration {
        let is_watched = self.watch.as_ref().is_some_and(Watch::is_alive);
        if !self.pending.is_empty() || !self.barriers.is_empty() {
            RETRY
        } else if is_watched && self.shared.now_ms() >= self.stirred_until_ms {
            self.shared.quiet_poll
        } else {
            self.shared.poll
        }
    }

    /// Works until nobody is left who could ask for anything.
    pub fn run(mut self) {
        loop {
            match self.jobs.recv_timeout(self.patience()) {
                Ok(job) => self.take(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            for _ in 0..JOBS_AT_ONCE {
                let Ok(job) = self.jobs.try_recv() else { break };
                self.take(job);
            }
            self.turn();
        }
    }

    fn take(&mut self, job: WriterJob) {
        match job {
            WriterJob::Write(pending) => self.pending.push_back(pending),
            WriterJob::Barrier(answer, deadline_ms) => self.barriers.push((answer, deadline_ms)),
            WriterJob::Look => self.stirred_until_ms = self.shared.now_ms().saturating_add(STIRRED_MS),
            WriterJob::Follow(follower, told) => {
                let polled = self.poll().map_err(|fault| fault.told(self.shared.timeout_ms));
                if polled.is_ok() {
                    self.follower = Some(follower);
                }
                // Whoever asked may have given up waiting.
                let _ = told.send(polled);
            }
        }
    }

    fn turn(&mut self) {
        let polled = self.poll();
        self.answer_barriers(&polled);
        match polled {
            Ok(()) => {
                SqliteBatch::run(self);
                self.prune();
            }
            Err(SqliteFault::Busy(_)) => {}
            Err(fault) => {
                let error = fault.told(self.shared.timeout_ms);
                for pending in self.pending.drain(..) {
                    let _gone = pending.answer.send(Err(error.clone()));
                }
            }
        }
        self.give_up_late();
    }

    fn answer_barriers(&mut self, polled: &Result<(), SqliteFault>) {
        let now = self.shared.now_ms();
        let answer = match (polled, &self.session) {
            (Ok(()), Some(session)) => Ok(version(session.log.last)),
            (
                Err(
                    SqliteFault::Busy(message) | SqliteFault::Refused(message) | SqliteFault::Broken(message),
                ),
                _,
            ) => Err(SourceError::Unreachable(message.clone())),
            _ => Err(SourceError::Unreachable("the database is not open".into())),
        };
        let retry = matches!(polled, Err(SqliteFault::Busy(_)));
        for (barrier, deadline_ms) in std::mem::take(&mut self.barriers) {
            if retry && now < deadline_ms {
                self.barriers.push((barrier, deadline_ms));
            } else {
                let _gone = barrier.send(answer.clone());
            }
        }
    }

    /// Writes that could not begin in time, because somebody else held the lock. They were certainly not done.
    fn give_up_late(&mut self) {
        let now = self.shared.now_ms();
        while self.pending.front().is_some_and(|pending| pending.deadline_ms <= now) {
            let Some(pending) = self.pending.pop_front() else { return };
            let message = "database is locked: another process holds its lock".to_owned();
            let _gone = pending.answer.send(Err(SqliteFault::Busy(message).told(self.shared.timeout_ms)));
        }
    }

    /// Tells what others committed. Afterwards everything that was committed before the call has been told.
    fn poll(&mut self) -> Result<(), SqliteFault> {
        let began = self.shared.now_ms();
        if self.unsettled {
            self.tell_lost("what was told did not come to all nodes");
        }
        let polled = self.poll_session().and_then(|()| self.settle());
        match &polled {
            Ok(()) => self.shared.complete_ms.store(began, Ordering::Relaxed),
            Err(SqliteFault::Broken(why) | SqliteFault::Refused(why)) => self.close(&why.clone()),
            Err(SqliteFault::Busy(_) | SqliteFault::Interrupted) => {}
        }
        polled
    }

    fn poll_session(&mut self) -> Result<(), SqliteFault> {
        let Some(session) = &mut self.session else { return self.reopen() };
        session.check_file()?;
        let news = session.news()?;
        self.tell_altered();
        let Some(session) = &mut self.session else { return Ok(()) };
        match news {
            None => {}
            Some(LogRead::Changes(news, last)) => {
                let heard = self.heard(&news);
                self.tell_foreign(news.changes, last, heard);
            }
            Some(LogRead::Gap(why, last)) => {
                session.log.last = last;
                self.tell_lost(&why);
            }
        }
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), SqliteFault> {
        let now = self.shared.now_ms();
        if now < self.reopen.0 {
            return Err(SqliteFault::Broken(self.reopen.1.clone()));
        }
        let session = self.open_anew().inspect_err(|fault| {
            if let SqliteFault::Broken(why) | SqliteFault::Refused(why) = fault {
                self.reopen = (now + REOPEN_MS, why.clone());
            }
        })?;
        tracing::info!(source = &*self.shared.name, path = %self.shared.path.display(), "the database is open again");
        self.pruned = session.log.last - TAIL;
        self.session = Some(session);
        self.watch_file();
        // Loads that begin after this are of this file; those before it are distrusted by the next line.
        self.shared.generation.fetch_add(1, Ordering::SeqCst);
        // What was read between the failure and now was read from a file that nobody watched.
        self.tell_altered();
        self.tell_lost("the database was opened again");
        *self.shared.problem.lock() = None;
        if let Some(follower) = &self.follower {
            follower.verified(&self.shared.name);
        }
        Ok(())
    }

    fn open_anew(&self) -> Result<LogSession, SqliteFault> {
        let session = LogSession::open(&self.shared)?;
        self.shared.catalog.look(&session.connection, &self.shared)?;
        Ok(session)
    }

    /// Tells of definitions that were changed.
    fn tell_altered(&self) {
        if let Some(follower) = &self.follower
            && let Some(altered) = self.shared.catalog.take()
        {
            follower.altered(&self.shared.name, &altered);
        }
    }

    /// Closes a file that can no longer be trusted; the next turn tries to open it again.
    pub fn close(&mut self, why: &str) {
        let Some(session) = self.session.take() else { return };
        self.watch = None;
        tracing::warn!(source = &*self.shared.name, why, "the database is closed");
        *self.shared.problem.lock() = Some(why.into());
        if let Some(follower) = &self.follower {
            follower.unverified(&self.shared.name, why);
        }
        self.shared.generation.fetch_add(1, Ordering::SeqCst);
        // The loss is told when it is open again: until then readers go by the policy, and what was right when it was closed may
        // stand in for it.
        drop(session);
    }

    /// When what was read just now was committed. A row tells when it was written; what the last look did not find was
    /// committed after that. So a long transaction does not count as late, and of several the first one's time is told.
    pub fn heard(&self, news: &LogNews) -> Heard {
        let since_look_ms =
            self.shared.now_ms().saturating_sub(self.shared.complete_ms.load(Ordering::Relaxed));
        let most_us = i64::try_from(since_look_ms.saturating_mul(1000)).unwrap_or(i64::MAX);
        Heard::of(news.first_us, Instant::now()).within(most_us)
    }

    pub fn tell_foreign(&mut self, changes: Vec<RowChange>, last: i64, heard: Heard) {
        if !changes.is_empty() {
            self.tell(&Commit { version: version(last), own: false, changes, heard: Some(heard) });
        }
        if let Some(session) = &mut self.session {
            session.log.last = last;
        }
    }

    pub fn tell(&self, commit: &Commit) {
        if let Some(follower) = &self.follower {
            follower.committed(&self.shared.name, commit);
        }
    }

    /// Waits until what was told is in effect wherever somebody reads. What is not is told anew by the next look.
    pub fn settle(&mut self) -> Result<(), SqliteFault> {
        let Some(settled) = self.follower.as_ref().and_then(|follower| follower.settle()) else {
            return Ok(());
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let settled = match runtime {
            Ok(runtime) => runtime.block_on(settled),
            Err(error) => Err(error.to_string()),
        };
        self.unsettled = settled.is_err();
        settled.map_err(SqliteFault::Busy)
    }

    pub fn tell_lost(&self, why: &str) {
        if let Some(follower) = &self.follower {
            follower.lost(&self.shared.name, why);
        }
    }

    fn prune(&mut self) {
        let Some(session) = &self.session else { return };
        if self.shared.is_read_only() || session.log.last - TAIL < self.pruned + TAIL / 10 {
            return;
        }
        match log::prune(&session.connection, session.log.last) {
            Ok(true) => {}
            Ok(false) => self.pruned = session.log.last - TAIL,
            // Somebody else writes; there will be a better moment.
            Err(SqliteFault::Busy(_)) => {}
            Err(fault) => {
                tracing::warn!(source = &*self.shared.name, ?fault, "the change log cannot be pruned");
                self.pruned = session.log.last;
            }
        }
    }
}
