//! What is known of a load: what it reads, and whether feeds tell of that. It changes with the database's catalog.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clearwell_source::Shape;
use parking_lot::Mutex;

use super::FeedRules;
use super::following::{Change, Reach, unfollowed};

/// How a load stands to the feeds of its source.
#[derive(Debug, Default)]
pub struct FeedStanding {
    followed: AtomicBool,
    fed: AtomicBool,
    /// Tables that it reads; `None`: the source cannot tell.
    reads: Mutex<Option<Arc<[Arc<str>]>>>,
    /// What no feed tells of, in words.
    unfollowed: Mutex<Option<Arc<str>>>,
    reach: Reach,
    /// What the keyspace's other statements write.
    changes: Vec<Change>,
}

impl FeedStanding {
    /// Of a load whose entries are reached by `reach`, as the source describes it now.
    pub fn new(
        feeds: &FeedRules,
        source: &str,
        reach: Reach,
        changes: Vec<Change>,
        shape: Option<&Shape>,
    ) -> FeedStanding {
        let standing = FeedStanding { reach, changes, ..FeedStanding::default() };
        standing.renew(feeds, source, shape);
        standing
    }

    /// The source describes the load anew.
    pub fn renew(&self, feeds: &FeedRules, source: &str, shape: Option<&Shape>) {
        let unfollowed = unfollowed(&self.reach, &self.changes, feeds, source, shape);
        // Where the source cannot tell what is read, any feed of it may be one that this load relies on.
        let fed = match shape {
            Some(shape) => shape.reads.iter().any(|table| feeds.shapes(source, table).is_some()),
            None => !feeds.watched(source).is_empty(),
        };
        *self.reads.lock() = shape.map(|shape| shape.reads.as_slice().into());
        self.followed.store(unfollowed.is_none(), Ordering::Release);
        *self.unfollowed.lock() = unfollowed.map(Arc::from);
        self.fed.store(fed, Ordering::Release);
    }

    /// Whether a feed tells of every change to what the load reads.
    #[inline]
    pub fn followed(&self) -> bool {
        self.followed.load(Ordering::Acquire)
    }

    /// What no feed tells of, in words; `None` where it is followed.
    pub fn unfollowed(&self) -> Option<Arc<str>> {
        self.unfollowed.lock().clone()
    }

    /// Whether a feed tells of changes to anything that the load reads.
    #[inline]
    pub fn fed(&self) -> bool {
        self.fed.load(Ordering::Acquire)
    }

    /// Whether the load reads one of these tables, or may.
    pub fn reads(&self, tables: &[Arc<str>]) -> bool {
        let reads = self.reads.lock();
        reads.as_ref().is_none_or(|reads| {
            reads.iter().any(|read| tables.iter().any(|table| table.eq_ignore_ascii_case(read)))
        })
    }
}
