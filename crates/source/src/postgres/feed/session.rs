//! The feed's own loop: begin, stream, and what to do when either ends.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use clearwell_words::Version;
use tokio_postgres::error::SqlState;

use super::assemble::{Assembler, ToldTransaction};
use super::ended::{self, Readers};
use super::pgoutput::{self, LogMessage};
use super::relay;
use super::setup::{self, Setup};
use super::wire::{Frame, ReplicationLink, WireError, lsn};
use super::{LogFeed, START_WITHIN};
use crate::postgres::error;
use crate::postgres::link::Link;
use crate::postgres::pending::PREFIX;
use crate::{Altered, Follower, Heard, SourceError};

/// Why a stream ended or did not begin.
enum Stop {
    /// It goes on where it was: nothing is missed.
    Broken(String),
    /// Commits may have been missed.
    Gap(String),
    /// The database is not set up for it.
    Unfit(String),
}

impl From<WireError> for Stop {
    fn from(error: WireError) -> Stop {
        let why = format!("the stream of the log: {}", error.message);
        match error.code.as_deref() {
            // The slot is not there, or what it needs is gone.
            Some("42704" | "55000" | "58P01") => Stop::Gap(why),
            _ => Stop::Broken(why),
        }
    }
}

impl From<tokio_postgres::Error> for Stop {
    fn from(error: tokio_postgres::Error) -> Stop {
        Stop::Broken(match error.code() {
            // Only the making of a slot takes long: it waits for every transaction that was open when it began.
            Some(code) if *code == SqlState::QUERY_CANCELED => {
                "a slot cannot begin while transactions from before it are open".into()
            }
            _ => error::told(&error, 0).to_string(),
        })
    }
}

/// What is remembered from one stream to the next.
struct Loop {
    feed: Arc<LogFeed>,
    follower: Arc<dyn Follower>,
    /// Where the last stream was; `None`: the next one begins anew.
    place: Option<LogPlace>,
    /// How far a shared feed was read: what is not in effect on all nodes is read again by the next stream.
    read: u64,
    /// A gap was told, and no new stream has begun since.
    lost: bool,
    readers: Readers,
    /// What a stream that has begun must still pass.
    behind: Option<Behind>,
    /// Told when the first stream is complete, or why none will be.
    ready: Option<mpsc::Sender<Result<(), SourceError>>>,
}

struct Behind {
    /// The place.
    end: u64,
    asked: Instant,
    /// How often a later place may still be asked for.
    left: u8,
}

struct LogPlace {
    applied: u64,
    server: String,
}

/// How many frames are taken before a look at what else there is to do.
const FRAMES: usize = 1000;
/// A server that is always behind is not waited for for ever: `behind_ms` goes on watching it.
const CATCH_UPS: u8 = 10;
/// A stream that passes a new commit so soon is not behind.
const LIVE: Duration = Duration::from_millis(250);
/// How long a commit may take from the log to its readers when a stream begins.
const SETTLE: Duration = Duration::from_secs(2);
const BACK_OFF: Duration = Duration::from_millis(25);
const BACK_OFF_MAX: Duration = Duration::from_millis(500);

/// Follows for ever. `ready`, if somebody waits for that, is told when the first stream stands, or why it never will.
pub async fn run(
    feed: Arc<LogFeed>,
    follower: Arc<dyn Follower>,
    ready: Option<mpsc::Sender<Result<(), SourceError>>>,
) {
    let started = Instant::now();
    let (readers, read) = (Readers::default(), 0);
    let mut state = Loop { feed, follower, place: None, read, lost: false, readers, behind: None, ready };
    let mut wait = BACK_OFF;
    loop {
        let stop = match state.begin().await {
            Ok((wire, link, assembler)) => {
                wait = BACK_OFF;
                state.stream(wire, link, assembler).await
            }
            Err(stop) => stop,
        };
        if let Some(why) = started_in_vain(&stop, started)
            && let Some(ready) = state.ready.take()
        {
            // Whoever started it waits for this.
            let _ = ready.send(Err(why));
            return;
        }
        state.ended(stop);
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(BACK_OFF_MAX);
    }
}

/// Why a start is given up; `None` when it may still succeed.
fn started_in_vain(stop: &Stop, started: Instant) -> Option<SourceError> {
    match stop {
        Stop::Unfit(why) => Some(SourceError::Refused(why.clone())),
        Stop::Broken(why) | Stop::Gap(why) if started.elapsed() > START_WITHIN => {
            Some(SourceError::Unreachable(why.clone()))
        }
        Stop::Broken(_) | Stop::Gap(_) => None,
    }
}

impl Loop {
    /// Before the first stream nothing was loaded, so that nothing can be lost.
    fn ended(&mut self, stop: Stop) {
        let (why, gap) = match stop {
            Stop::Broken(why) => (why, false),
            Stop::Gap(why) | Stop::Unfit(why) => (why, true),
        };
        tracing::warn!(source = self.feed.name, why, "the feed has stopped");
        self.feed.set_problem(Some(why.clone()));
        self.feed.announce();
        if self.ready.is_some() {
            self.place = None;
            return;
        }
        self.follower.unverified(&self.feed.name, &why);
        if gap {
            self.place = None;
            if !self.lost {
                self.lost = true;
                self.follower.lost(&self.feed.name, &why);
            }
        }
    }

    async fn begin(&mut self) -> Result<(ReplicationLink, Link, Assembler), Stop> {
        let feed = self.feed.clone();
        let link = Link::connect(&feed.database).await?;
        link.client.batch_execute("SET statement_timeout = '10s'").await?;
        let setup = setup::look(&link.client, &feed.config, &feed.watched).await?;
        if let Some(problem) = setup.problem() {
            return Err(Stop::Unfit(problem));
        }
        if setup.unbounded && self.place.is_none() {
            tracing::warn!(
                source = feed.name,
                "max_slot_wal_keep_size is not set: while this node is away, its slot may fill the server's disk"
            );
        }
        let from = self.from(&link, &setup).await?;
        if feed.is_shared() {
            setup::free_slot(&link.client, &feed.config.slot).await?;
        }
        let mut wire = ReplicationLink::connect(&feed.database).await?;
        wire.start(&feed.config.slot, &feed.config.publication, from).await?;
        if self.place.is_none() {
            ended::settle(&link, SETTLE).await?;
        }
        // The place is another server's after a gap: it may be lower.
        feed.told.store(from, Ordering::SeqCst);
        // The server may take a while until it sends: only what comes shows that the stream flows.
        self.behind = Some(Behind { end: here(&link).await?, asked: Instant::now(), left: CATCH_UPS });
        // What was loaded between the gap and this stream's beginning is covered by neither.
        if self.lost {
            self.follower.lost(&feed.name, "the feed has begun anew");
            relay::settled(&self.follower).await.map_err(Stop::Broken)?;
            self.lost = false;
            if !feed.is_shared() {
                feed.pending.tell_lost(Version(from));
            }
        }
        *feed.tables.lock() = setup.tables.clone();
        *feed.doubt.lock() = None;
        self.readers = Readers::default();
        feed.begins(from, &setup.server);
        self.place = Some(LogPlace { applied: from, server: setup.server });
        self.read = from;
        feed.set_problem(Some("the feed catches up with the log".into()));
        Ok((wire, link, Assembler::new(setup.tables).with_domains(setup.domains)))
    }

    /// Nothing that was committed before now is missing.
    fn complete(&mut self) {
        self.behind = None;
        self.feed.set_problem(None);
        self.feed.announce();
        match self.ready.take() {
            // Whoever started it waits for this.
            Some(ready) => drop(ready.send(Ok(()))),
            None => self.follower.verified(&self.feed.name),
        }
    }

    /// Where the stream is to begin: where the last one was, else now.
    async fn from(&mut self, link: &Link, setup: &Setup) -> Result<u64, Stop> {
        let feed = &self.feed;
        let slot = &feed.config.slot;
        if feed.is_shared() {
            return self.last_readers_place(link, setup).await;
        }
        let Some(place) = &self.place else {
            // A slot that was left from before is used again from here on, unless commits may be missing behind it.
            if let Some(left) = &setup.slot {
                if !left.lost && !self.lost && left.held <= feed.config.lag_budget {
                    return Ok(setup.here);
                }
                link.client.execute("SELECT pg_drop_replication_slot($1)", &[slot]).await?;
            }
            return Ok(setup::create_slot(&link.client, slot).await?);
        };
        let at = place.applied;
        match &setup.slot {
            _ if setup.server != place.server => Err(Stop::Gap("the server is another one".into())),
            _ if setup.here < at => {
                Err(Stop::Gap(format!("the log ends at {}, before {}", lsn(setup.here), lsn(at))))
            }
            None => Err(Stop::Gap(format!("the slot {slot} was dropped"))),
            Some(slot) if slot.lost => Err(Stop::Gap("the log that the slot needs was removed".into())),
            Some(slot) if slot.confirmed > at => Err(Stop::Gap("another reader has moved the slot".into())),
            Some(_) => Ok(at),
        }
    }

    /// Where the slot's last reader was, whichever node that was: all before it is in effect on all nodes.
    async fn last_readers_place(&mut self, link: &Link, setup: &Setup) -> Result<u64, Stop> {
        let is_another = self.place.as_ref().is_some_and(|place| place.server != setup.server);
        let slot = &self.feed.config.slot;
        match &setup.slot {
            Some(left)
                if !is_another && !self.lost && !left.lost && left.held <= self.feed.config.lag_budget =>
            {
                return Ok(left.confirmed);
            }
            Some(_) => {
                setup::free_slot(&link.client, slot).await?;
                link.client.execute("SELECT pg_drop_replication_slot($1)", &[slot]).await?;
            }
            None => {}
        }
        // What nodes have in memory may be older than what the new slot tells of.
        self.lost = true;
        Ok(setup::create_slot(&link.client, slot).await?)
    }

    /// Reads until something ends it.
    async fn stream(&mut self, mut wire: ReplicationLink, link: Link, mut assembler: Assembler) -> Stop {
        let feed = self.feed.clone();
        let mut timer = tokio::time::interval(Duration::from_millis(200));
        let mut heard = Instant::now();
        loop {
            let done = tokio::select! {
                frame = wire.next() => {
                    heard = Instant::now();
                    match frame {
                        Ok(frame) => self.frames(frame, &mut wire, &link, &mut assembler).await,
                        Err(error) => Err(error.into()),
                    }
                }
                () = feed.asked.notified() => wire.status(self.applied(), true).await.map_err(Stop::from),
                () = feed.altered.notified() => {
                    relay::alter(&feed, &self.follower).await;
                    Ok(())
                }
                () = feed.doubted.notified() => match feed.doubt.lock().take() {
                    Some(why) => Err(Stop::Gap(why)),
                    None => Ok(()),
                },
                _ = timer.tick() => {
                    let silence = heard.elapsed();
                    match silence > Duration::from_millis(feed.timeout_ms.saturating_mul(2).max(5000)) {
                        true => Err(Stop::Broken(format!("the server is silent for {silence:?}"))),
                        false => {
                            let ask = silence > Duration::from_secs(1);
                            wire.status(self.applied(), ask).await.map_err(Stop::from)
                        }
                    }
                }
            };
            let caught_up = match done {
                Ok(()) => self.catch_up(&link).await,
                Err(stop) => Err(stop),
            };
            if let Err(stop) = caught_up {
                return stop;
            }
        }
    }

    /// A stream that needed long to come to where the log ended is asked again: much may have been committed meanwhile.
    async fn catch_up(&mut self, link: &Link) -> Result<(), Stop> {
        let Some(behind) = self.behind.as_ref().filter(|behind| behind.end <= self.applied()) else {
            return Ok(());
        };
        let left = behind.left.saturating_sub(1);
        if behind.asked.elapsed() <= LIVE || left == 0 {
            self.complete();
        } else {
            self.behind = Some(Behind { end: here(link).await?, asked: Instant::now(), left });
        }
        Ok(())
    }

    fn applied(&self) -> u64 {
        self.place.as_ref().map_or(0, |place| place.applied)
    }

    fn move_to(&mut self, applied: u64) {
        if let Some(place) = self.place.as_mut().filter(|place| place.applied < applied) {
            place.applied = applied;
            self.feed.telling(applied);
            self.feed.passed(applied);
        }
    }

    /// All commits before this place were told. Of a shared feed that is not enough: they are to be in effect on all nodes.
    fn has_told(&mut self, end: u64) {
        if self.feed.is_shared() {
            self.read = self.read.max(end);
        } else {
            self.move_to(end);
        }
    }

    /// Waits until what was read of a shared feed is in effect, and tells all nodes.
    async fn settle(&mut self) -> Result<(), Stop> {
        if self.feed.is_shared() && self.read > self.applied() {
            relay::settled(&self.follower).await.map_err(Stop::Broken)?;
            self.move_to(self.read);
            self.feed.announce();
        }
        Ok(())
    }

    /// A frame and those that came with it. Now and then others have their turn, in the midst of a large transaction too.
    async fn frames(
        &mut self,
        first: Frame,
        wire: &mut ReplicationLink,
        link: &Link,
        assembler: &mut Assembler,
    ) -> Result<(), Stop> {
        self.frame(first, wire, link, assembler).await?;
        for _ in 0..FRAMES {
            let Some(frame) = wire.arrived()? else { break };
            self.frame(frame, wire, link, assembler).await?;
        }
        self.settle().await
    }

    async fn frame(
        &mut self,
        frame: Frame,
        wire: &mut ReplicationLink,
        link: &Link,
        assembler: &mut Assembler,
    ) -> Result<(), Stop> {
        match frame {
            Frame::Alive { end, answer } => {
                // In the midst of a transaction the server is as far as the transaction's beginning.
                if !assembler.is_open() {
                    self.has_told(end);
                }
                if answer {
                    wire.status(self.applied(), false).await?;
                }
                Ok(())
            }
            Frame::Data(bytes) => {
                let received = wire.read_at();
                let unreadable = |wrong: pgoutput::Malformed| Stop::Gap(wrong.to_string());
                let message = pgoutput::read(&bytes).map_err(unreadable)?;
                if let LogMessage::Relation(relation) = &message
                    && !assembler.knows(relation.id)
                {
                    // It may have come to be in this very commit, which the catalog does not show before it has ended.
                    if let Some(xid) = assembler.open_xid() {
                        self.wait_for_end(xid, wire).await?;
                    }
                    self.meet(relation.id, link, assembler).await?;
                }
                if let Some(told) = assembler.take(message).map_err(unreadable)? {
                    self.wait_for_end(told.xid, wire).await?;
                    self.tell(told, received);
                }
                Ok(())
            }
        }
    }

    /// A table that was not there when the stream began: a new partition, or one that nobody watches.
    async fn meet(&self, relation: u32, link: &Link, assembler: &mut Assembler) -> Result<(), Stop> {
        let setup = setup::look(&link.client, &self.feed.config, &self.feed.watched).await?;
        let exists = link.client.query_opt("SELECT 1 FROM pg_class WHERE oid = $1", &[&relation]).await?;
        match setup.tables.get(&relation) {
            Some(_) if setup.problem().is_some() => Err(Stop::Gap(setup.problem().unwrap_or_default())),
            Some(watched) => {
                assembler.learn(relation, Some(watched.clone()));
                self.feed.tables.lock().insert(relation, watched.clone());
                Ok(())
            }
            None if exists.is_some() => {
                assembler.learn(relation, None);
                Ok(())
            }
            None => Err(Stop::Gap("a published table was dropped".into())),
        }
    }

    /// Waits until readers see a transaction as ended.
    async fn wait_for_end(&mut self, xid: u32, wire: &mut ReplicationLink) -> Result<(), Stop> {
        while !self.readers.see(xid, &self.feed.database).await? {
            tokio::time::sleep(Duration::from_millis(1)).await;
            // The server ends a connection on which it hears nothing.
            wire.status(self.applied(), false).await?;
        }
        Ok(())
    }

    /// All effects of a transaction at once, then the writes of ours that it is; only then the position moves.
    fn tell(&mut self, told: ToldTransaction, received: Instant) {
        let feed = &self.feed;
        let ToldTransaction { mut commit, marks, truncated, doubt, end_lsn, at_us, xid: _ } = told;
        let heard = Some(Heard::of(Some(at_us), received));
        let ours: Vec<u64> = marks.iter().filter_map(|mark| feed.pending.number_in(mark)).collect();
        commit.own = !ours.is_empty();
        feed.telling(end_lsn);
        if let Some(why) = doubt {
            self.follower.lost(&feed.name, &why);
        }
        let is_told = commit.own || !commit.changes.is_empty();
        commit.heard = heard;
        if !truncated.is_empty() {
            let altered = Altered {
                why: format!("TRUNCATE of {}", truncated.join(", ")),
                tables: truncated,
                loads: Vec::new(),
                // Below, where it is told of there.
                heard: heard.filter(|_| commit.changes.is_empty()),
            };
            self.follower.altered(&feed.name, &altered);
        }
        if is_told {
            self.follower.committed(&feed.name, &commit);
        }
        // A write of a node that shares its feed waits for a mark behind it.
        for number in ours.into_iter().filter(|_| !feed.is_shared()) {
            feed.pending.tell(number, commit.version);
        }
        self.has_told(end_lsn);
    }
}

/// A place behind everything that is committed so far; the stream comes by it without being asked.
async fn here(link: &Link) -> Result<u64, Stop> {
    let sql = "SELECT (pg_logical_emit_message(true, $1, 'here') - '0/0'::pg_lsn)::int8";
    let row = link.client.query_one(sql, &[&PREFIX]).await?;
    Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
}
