//! Loads from standbys, as far as they have come.
//!
//! A standby may be asked for a row when it has replayed all that the follower had been told before the load began. What
//! is told later is invalidated later than the load began, and so refuses its row, wherever it was read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::loads::{LoadedRow, Loads};
use crate::{Param, Row, SourceError};

/// A standby that was behind is not asked for this long.
const REST_BEHIND: Duration = Duration::from_millis(20);
/// One that failed is not asked for this long.
const REST_FAILED: Duration = Duration::from_secs(1);

/// The standbys of a source.
#[derive(Default)]
pub struct Replicas {
    all: Vec<Replica>,
    turn: AtomicUsize,
}

struct Replica {
    loads: Arc<Loads>,
    rests_until: Mutex<Option<Instant>>,
}

impl Replicas {
    /// Over these; each says in its answers how far it has come.
    pub fn new(all: Vec<Arc<Loads>>) -> Replicas {
        let replica = |loads| Replica { loads, rests_until: Mutex::default() };
        Replicas { all: all.into_iter().map(replica).collect(), turn: AtomicUsize::new(0) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Starts their tasks, on the runtime that this is called on.
    pub fn serve(&self) {
        for replica in &self.all {
            replica.loads.serve();
        }
    }

    /// Says which keyspace a statement belongs to.
    pub fn label(&self, statement: &Arc<str>, keyspace: &str) {
        self.all.iter().for_each(|replica| replica.loads.label(statement, keyspace));
    }

    /// The same of loads that nobody waits for.
    pub fn label_aside(&self, statement: &Arc<str>, keyspace: &str) {
        self.all.iter().for_each(|replica| replica.loads.label_aside(statement, keyspace));
    }

    /// Closes connections beyond the ordinary ones that nobody has used for a while.
    pub fn trim(&self) {
        self.all.iter().for_each(|replica| replica.loads.trim());
    }

    /// Reads one row where all commits before `needed` are visible. `None`: the primary must be asked, whatever the reason.
    pub async fn load(
        &self,
        statement: &Arc<str>,
        params: &[Param],
        needed: u64,
        until: Instant,
    ) -> Option<Option<Row>> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let rested = |replica: &&Replica| replica.rests_until.lock().is_none_or(|until| until <= now);
        let replica = (0..self.all.len())
            .filter_map(|next| self.all.get(first.wrapping_add(next) % self.all.len()))
            .find(rested)?;
        let answer = replica.loads.load(statement, params.to_vec(), until).await;
        let rest = match answer {
            Ok(LoadedRow { row, replayed: Some(replayed) }) if replayed >= needed => return Some(row),
            Ok(_) => REST_BEHIND,
            // What is wrong with the statement is the primary's to say.
            Err(SourceError::Refused(_)) => return None,
            Err(SourceError::Unreachable(_) | SourceError::TooSlow(_)) => REST_FAILED,
            // This statement's connections are held; others are well.
            Err(SourceError::Busy { .. }) => return None,
        };
        *replica.rests_until.lock() = Some(Instant::now() + rest);
        None
    }
}
