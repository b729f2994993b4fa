//! One source that many nodes of a process share: its threads are there once, and each commit is told to all of them.

use std::path::Path;
use std::sync::{Arc, RwLock};

use clearwell::config::Config;
use clearwell::keyspace::FeedRules;
use clearwell_source::{
    Altered, Commit, Follower, Later, Param, Receipt, Row, RowWrite, Shape, Source, SourceError, Statement,
};

use clearwell_engine::Version;

use crate::Done;

/// All who follow it.
#[derive(Default)]
struct Followers(RwLock<Vec<Arc<dyn Follower>>>);

impl Followers {
    fn each(&self, tell: impl Fn(&dyn Follower)) {
        self.0.read().expect("nobody panics with it").iter().for_each(|follower| tell(&**follower));
    }
}

impl Follower for Followers {
    fn committed(&self, source: &str, commit: &Commit) {
        self.each(|follower| follower.committed(source, commit));
    }

    fn lost(&self, source: &str, why: &str) {
        self.each(|follower| follower.lost(source, why));
    }

    fn altered(&self, source: &str, altered: &Altered) {
        self.each(|follower| follower.altered(source, altered));
    }

    fn unverified(&self, source: &str, why: &str) {
        self.each(|follower| follower.unverified(source, why));
    }

    fn verified(&self, source: &str) {
        self.each(|follower| follower.verified(source));
    }
}

/// The source `main` of a configuration, for any number of nodes.
pub struct Shared {
    source: Arc<dyn Source>,
    followers: Arc<Followers>,
}

impl Shared {
    /// Opens it, and follows it.
    pub fn open(config: &Config, data: &Path) -> Done<Shared> {
        let watched = FeedRules::build(config)?.watched("main");
        let main = config.sources.get("main").ok_or("the sample has a source main")?;
        let source = clearwell_source::open("main", main, data, watched, config.feed_poll_ms)?;
        let followers = Arc::new(Followers::default());
        source.follow(followers.clone())?;
        Ok(Shared { source, followers })
    }
}

impl Source for Shared {
    fn follow(&self, follower: Arc<dyn Follower>) -> Result<(), SourceError> {
        self.followers.0.write().expect("nobody panics with it").push(follower);
        Ok(())
    }

    fn load(&self, statement: &Statement, params: Vec<Param>) -> Later<Result<Option<Row>, SourceError>> {
        self.source.load(statement, params)
    }

    fn write(&self, write: RowWrite) -> Later<Result<Receipt, SourceError>> {
        self.source.write(write)
    }

    fn write_all(&self, lane: &str, writes: Vec<RowWrite>) -> Later<Vec<Result<Receipt, SourceError>>> {
        self.source.write_all(lane, writes)
    }

    fn barrier(&self) -> Later<Result<Version, SourceError>> {
        self.source.barrier()
    }

    fn describe(&self, statement: &Statement) -> Result<Option<Shape>, SourceError> {
        self.source.describe(statement)
    }

    fn unverified(&self) -> Option<String> {
        self.source.unverified()
    }

    fn behind_ms(&self) -> u64 {
        self.source.behind_ms()
    }
}
