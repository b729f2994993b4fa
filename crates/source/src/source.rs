//! What every source does, and what it tells.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use clearwell_words::Version;

use crate::{
    Altered, Commit, Crowd, FeedExchange, FeedMark, Pages, Param, Receipt, Row, RowWrite, Shape, SourceError,
    Statement, Table,
};

/// The answer of a source, later: a boxed future, because a [`Source`] is called through `dyn`.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A database that a node stands in front of.
pub trait Source: Send + Sync {
    /// Begins to tell `follower` of commits; called once, before the first load or write. What was committed before it is
    /// not told.
    fn follow(&self, follower: Arc<dyn Follower>) -> Result<(), SourceError>;

    /// Reads one row. `None`: there is none.
    fn load(&self, statement: &Statement, params: Vec<Param>) -> Later<Result<Option<Row>, SourceError>>;

    /// The same for who is told of changes by nobody: the row is as new as the database itself. [`Source::load`] may answer
    /// from a copy that has every commit which the [`Follower`] had been told of when it was called.
    fn load_newest(
        &self,
        statement: &Statement,
        params: Vec<Param>,
    ) -> Later<Result<Option<Row>, SourceError>> {
        self.load(statement, params)
    }

    /// Runs one write in a transaction and commits it. Before it answers, the [`Follower`] was handed every commit up to
    /// and including this one, in commit order, and `write.committed` was called right after this one's.
    fn write(&self, write: RowWrite) -> Later<Result<Receipt, SourceError>>;

    /// Runs writes as [`Source::write`] does, together where that is cheaper, in any order; the results stand in theirs.
    /// A write that is refused leaves the others as they are. Nothing is read back, and rows may not be counted.
    ///
    /// Of one `lane` there is one call at a time. When a call's outcome is not known, or this process was killed in the midst
    /// of it, the next call of the lane has its effect after it. A source that does not begin a write before its answer is
    /// waited for overrides this.
    fn write_all(&self, lane: &str, writes: Vec<RowWrite>) -> Later<Vec<Result<Receipt, SourceError>>> {
        let _ = lane;
        let writing: Vec<_> = writes.into_iter().map(|write| self.write(write)).collect();
        Box::pin(async move {
            let mut written = Vec::with_capacity(writing.len());
            for write in writing {
                written.push(write.await);
            }
            written
        })
    }

    /// Answers when the [`Follower`] was handed every commit that was made before this call, whoever made it.
    fn barrier(&self) -> Later<Result<Version, SourceError>>;

    /// What the database makes of a statement, without running it: for checks when a node starts. `None`: this source
    /// cannot tell.
    fn describe(&self, statement: &Statement) -> Result<Option<Shape>, SourceError> {
        let _ = statement;
        Ok(None)
    }

    /// Names the keyspace that statements belong to: they have a share of the connections of their own, and errors say its name.
    fn label(&self, keyspace: &str, load: &Statement, writes: &[&Statement]) {
        let _ = (keyspace, load, writes);
    }

    /// The same of a load that nobody waits for, such as warming: it uses one connection in four at most.
    fn label_aside(&self, keyspace: &str, load: &Statement) {
        let _ = (keyspace, load);
    }

    /// Lists the rows of a statement without parameters as they are when it is asked. The pages wait in the database, or in a file,
    /// until they are asked for, and keep nobody from anything meanwhile. A dropped listing ends.
    fn list(&self, statement: &Statement) -> Pages {
        let _ = statement;
        Pages::failed(SourceError::Refused("this source cannot list its keys".into()))
    }

    /// How crowded the connections for loads are; `None`: this source has no such thing.
    fn crowd(&self) -> Option<Crowd> {
        None
    }

    /// A table as the database knows it, by its name as SQL spells it; without columns when there is no such table. `None`: this
    /// source cannot tell.
    fn table(&self, name: &str) -> Result<Option<Table>, SourceError> {
        let _ = name;
        Ok(None)
    }

    /// Why commits may be missing in what the [`Follower`] is told just now; `None` while its stream is complete. What is
    /// loaded meanwhile is not watched over.
    fn unverified(&self) -> Option<String> {
        None
    }

    /// Said before [`Source::follow`]: this node is one of a cluster, in which one node at a time reads the feed for all, and tells the others how
    /// far it is. `false`: this source's feed is read by each node for itself, as by a node alone.
    fn share(&self, exchange: Arc<dyn FeedExchange>) -> bool {
        let _ = exchange;
        false
    }

    /// Whether this node is the one that reads a shared feed, from now on.
    fn read_for_all(&self, reads: bool) {
        let _ = reads;
    }

    /// The reader of a shared feed said this.
    fn heard(&self, mark: FeedMark) {
        let _ = mark;
    }

    /// How far this node has read a shared feed, for another one that asks; the database is asked how far its log is, so that a later mark
    /// follows. `None`: it is not the reader.
    fn asked(&self) -> Option<FeedMark> {
        None
    }

    /// How long ago the follower was last known to be complete, in milliseconds; for `bounded(d)` and for metrics.
    fn behind_ms(&self) -> u64;
}

/// Who is told of a source's commits, in their order, from one thread.
pub trait Follower: Send + Sync {
    /// A commit, ours or foreign. When it returns, its invalidations are applied.
    fn committed(&self, source: &str, commit: &Commit);
    /// Waits until all that was told until now is in effect wherever a reader may look; `None`: it is. In a cluster other nodes have to say
    /// so. The error says in words who has not; then it is told again.
    fn settle(&self) -> Option<Later<Result<(), String>>> {
        None
    }
    /// The stream has a gap: anything may have changed since the last commit told of.
    fn lost(&self, source: &str, why: &str);
    /// Something changed that no row event tells of: what was loaded by these statements, or from these tables, before now is
    /// not served again.
    fn altered(&self, source: &str, altered: &Altered) {
        self.lost(source, &altered.why);
    }
    /// From now on commits may not be told of, or not yet. Told again when the reason is another one.
    fn unverified(&self, source: &str, why: &str) {
        let _ = (source, why);
    }
    /// Every commit up to now was told of, or [`Follower::lost`] stands for it; and so it goes on.
    fn verified(&self, source: &str) {
        let _ = source;
    }
}
