//! The shared feed: one node of a cluster reads the log for all, by the replication slot that it holds, and the others go by its word.
//!
//! What the reader was told of a commit is in effect on all nodes before it moves its mark (`Follower::settle`), so a mark is true whoever hears
//! it, however late. A node that hears none is behind, and knows it by its own questions to the database.

use std::sync::Arc;
use std::time::Duration;

use super::{Alteration, LogFeed, SharedFeed, session, setup};
use crate::postgres::error;
use crate::postgres::link::Link;
use crate::{FeedMark, Follower};

/// How soon a reader that is not heard of is asked.
const SILENCE: Duration = Duration::from_millis(100);
/// How soon a database that does not do for a feed is looked at again.
const AGAIN: Duration = Duration::from_millis(500);
/// How often a reader is asked at most.
const PAUSE: Duration = Duration::from_millis(1);

/// Reads the feed while this node is its reader, and goes by the reader's word otherwise; for ever.
pub async fn run(feed: &Arc<LogFeed>, follower: &Arc<dyn Follower>) {
    let Some(shared) = feed.shared.get() else { return };
    let mut reads = shared.reads.subscribe();
    let mut listening = Listening { feed, follower, shared, is_lost: false };
    loop {
        let is_reader = *reads.borrow_and_update();
        tokio::select! {
            () = session::run(feed.clone(), follower.clone(), None), if is_reader => {}
            () = listening.listen(), if !is_reader => {}
            // The sender lives as long as the feed.
            _ = reads.changed() => {}
        }
        tracing::info!(source = feed.name, reads = *reads.borrow(), "the feed has another reader");
    }
}

struct Listening<'f> {
    feed: &'f Arc<LogFeed>,
    follower: &'f Arc<dyn Follower>,
    shared: &'f SharedFeed,
    /// What was loaded until now may be old, and is not taken away everywhere yet.
    is_lost: bool,
}

impl Listening<'_> {
    async fn listen(&mut self) {
        loop {
            let why = match self.begin().await {
                Ok(()) => self.hear().await,
                Err(why) => why,
            };
            self.broken(&why);
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Looks at the database as its reader does: which tables are followed.
    async fn begin(&mut self) -> Result<(), String> {
        let feed = self.feed;
        let told = |wrong: tokio_postgres::Error| error::told(&wrong, feed.timeout_ms).to_string();
        let link = Link::connect(&feed.database).await.map_err(told)?;
        let setup = setup::look(&link.client, &feed.config, &feed.watched).await.map_err(told)?;
        if let Some(problem) = setup.problem() {
            return Err(problem);
        }
        if self.is_lost {
            self.follower.lost(&feed.name, "what is followed was made anew");
            settled(self.follower).await?;
            self.is_lost = false;
        }
        *feed.tables.lock() = setup.tables;
        feed.begins(0, &setup.server);
        Ok(())
    }

    /// Hears the reader until the feed no longer covers what it must; answers why.
    async fn hear(&mut self) -> String {
        let mut marks = self.shared.heard.subscribe();
        let mut timer = tokio::time::interval(SILENCE);
        loop {
            tokio::select! {
                _ = marks.changed() => {
                    let mark = marks.borrow_and_update().clone();
                    if let Some(why) = mark.and_then(|mark| self.take(&mark)) {
                        return why;
                    }
                }
                () = self.feed.asked.notified() => {
                    self.shared.exchange.ask(&self.feed.name);
                    // Whoever waits asks again and again.
                    tokio::time::sleep(PAUSE).await;
                }
                () = self.feed.altered.notified() => alter(self.feed, self.follower).await,
                () = self.feed.doubted.notified() => {
                    if let Some(why) = self.feed.doubt.lock().take() {
                        self.is_lost = true;
                        return why;
                    }
                }
                _ = timer.tick() => self.shared.exchange.ask(&self.feed.name),
            }
        }
    }

    /// Takes the reader's word; answers why it cannot be taken for one of the database that this node reads.
    fn take(&self, mark: &FeedMark) -> Option<String> {
        if let Some(why) = &mark.problem {
            self.broken(why);
            return None;
        }
        if *self.feed.server.lock() != *mark.server {
            return Some("the feed's reader reads another server".into());
        }
        self.feed.telling(mark.position);
        self.feed.passed(mark.position);
        if self.feed.unverified().is_some() {
            self.feed.set_problem(None);
            self.follower.verified(&self.feed.name);
        }
        None
    }

    fn broken(&self, why: &str) {
        if self.feed.unverified().as_deref() != Some(why) {
            tracing::warn!(source = self.feed.name, why, "the feed is not complete");
            self.feed.set_problem(Some(why.into()));
            self.follower.unverified(&self.feed.name, why);
        }
        if self.is_lost {
            self.follower.lost(&self.feed.name, why);
        }
    }
}

/// Waits until what the follower was told is in effect everywhere.
pub async fn settled(follower: &Arc<dyn Follower>) -> Result<(), String> {
    match follower.settle() {
        Some(settled) => settled.await,
        None => Ok(()),
    }
}

/// The catalog was changed: the follower is told, and no standby that knows nothing of it is asked any more.
pub async fn alter(feed: &LogFeed, follower: &Arc<dyn Follower>) {
    let alterations = std::mem::take(&mut *feed.alterations.lock());
    for (Alteration { altered, lsn, tables }, told) in alterations {
        *feed.tables.lock() = tables;
        feed.telling(lsn);
        follower.altered(&feed.name, &altered);
        if let Err(why) = settled(follower).await {
            // Whoever waits hears nothing, and looks again.
            tracing::warn!(source = feed.name, why, "a change of the catalog is not in effect everywhere");
            continue;
        }
        // Whoever found it may have stopped to wait.
        let _ = told.send(());
    }
}
