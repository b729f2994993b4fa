//! Loads ahead of anybody who asks.

use std::fmt;
use std::sync::Arc;

use clearwell_engine::{Filled, Landing, Lookup, Outcome};
use clearwell_source::SourceError;

use super::draft::EntryDraft;
use super::load::{For, Target};
use super::{Demand, Node, work};
use crate::config::Level;
use crate::warm::{AskedWarming, Plan, Refused, WarmingJob};

/// What warming finds of a key before it loads.
pub(super) enum DueFound {
    /// No keyspace with a source: nothing to load it from.
    WithoutSource,
    /// It is here and fresh; or it is known that there is no such row.
    Fresh {
        /// Whether there is a row.
        has_value: bool,
    },
    /// It is to be loaded.
    Due(Due),
}

/// A key that is to be loaded.
#[derive(Clone)]
pub(super) struct Due {
    target: Target,
    /// Also if it is there and fresh.
    refresh: bool,
}

/// Why a key was not warmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unwarmed {
    /// The source failed.
    Source(SourceError),
    /// Each of its loads was overtaken by an invalidation.
    Overtaken,
    /// The entry does not fit into memory.
    TooLarge,
    /// An unflushed write of its row stands in the way.
    Unflushed(String),
}

impl fmt::Display for Unwarmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unwarmed::Source(error) => error.fmt(f),
            Unwarmed::Overtaken => f.write_str("it was invalidated while it was loaded, again and again"),
            Unwarmed::TooLarge => f.write_str("its entry is too large to be kept"),
            Unwarmed::Unflushed(why) => f.write_str(why),
        }
    }
}

/// How often a key is loaded anew that was invalidated meanwhile.
const ATTEMPTS: usize = 3;

impl Due {
    /// Why what is loaded now would not be relied on.
    pub fn doubt(&self) -> Option<Arc<str>> {
        let backing = self.target.backing().filter(|backing| backing.is_unverified())?;
        Some(
            backing.verification.doubt().map_or_else(|| "its feed is not complete".into(), |doubt| doubt.why),
        )
    }
}

impl Node {
    /// Begins a job that loads what is asked for.
    ///
    /// # Errors
    /// It cannot be told which keys those are, or too many jobs are running.
    pub fn warm(self: &Arc<Self>, asked: &AskedWarming) -> Result<Arc<WarmingJob>, Refused> {
        let plan = Plan::of(&self.keyspaces, asked).map_err(Refused::Unclear)?;
        let job =
            self.background.begin_warming(asked, &plan, self.clock.unix_ms()).map_err(Refused::TooMany)?;
        self.background.spawn(work::run(self.clone(), job.clone(), plan));
        Ok(job)
    }

    /// What is to be done with a key; `refresh`: load it even if it is fresh.
    pub(super) fn find_due(&self, key: &[u8], refresh: bool) -> DueFound {
        let Some((keyspace, captures)) = self.keyspaces.find(key) else { return DueFound::WithoutSource };
        if keyspace.backing.is_none() {
            return DueFound::WithoutSource;
        }
        // Newer than what the source has.
        if let Some(has_value) = self.backlog.has_value(keyspace, key) {
            return DueFound::Fresh { has_value };
        }
        let fresh = |view: &clearwell_engine::View<'_>| (!view.stale()).then(|| view.value().is_some());
        match self.engine().peek(key, self.clock.tick(), fresh).flatten().filter(|_| !refresh) {
            Some(has_value) => DueFound::Fresh { has_value },
            None => {
                let target = Target { key: key.into(), keyspace: keyspace.clone(), captures };
                DueFound::Due(Due { target, refresh })
            }
        }
    }

    /// Loads a key and keeps it, unless it is invalidated meanwhile; then it is loaded again. Answers whether it has a value.
    pub(super) async fn load_due(self: &Arc<Self>, due: &Due) -> Result<bool, Unwarmed> {
        let target = &due.target;
        if target.keyspace.is_ambiguous() && self.backlog.is_overtaken(&target.keyspace, &target.key) {
            let demand = Demand { remember: false, ..Demand::PLAIN };
            let read = self.read(&target.key, demand).wait().await;
            return read.map(|answer| answer.value.is_some()).map_err(|e| Unwarmed::Unflushed(e.to_string()));
        }
        for _ in 0..ATTEMPTS {
            match self.engine().load(&target.key) {
                Lookup::Lead(lease) => {
                    if let Some(cluster) = &self.cluster {
                        // Its owner may have it.
                        let level = if due.refresh { Level::Strong } else { Level::Eventual };
                        let loaded = self.load_by_member(cluster, target, level).await;
                        return loaded.map(|answer| answer.value.is_some()).map_err(Unwarmed::Source);
                    }
                    let loaded = self.load(target, For::Nobody).await;
                    let (outcome, owned) = match &loaded {
                        Ok(owned) => (owned.outcome(), owned),
                        Err(error) => (Outcome::Failed(Arc::new(error.clone())), &EntryDraft::default()),
                    };
                    let filled =
                        owned.lend(|draft| self.engine().land(lease, outcome, draft, self.clock.tick()));
                    let has_value = loaded.map_err(Unwarmed::Source)?.value.is_some();
                    match filled {
                        Filled::Stored => return Ok(has_value),
                        Filled::TooLarge(_) => return Err(Unwarmed::TooLarge),
                        Filled::Refused => {}
                    }
                }
                Lookup::Wait(waiting) => match waiting.await {
                    Landing::Landed(loaded) => return landed(loaded.outcome),
                    Landing::Abandoned => {}
                },
                Lookup::Hit { .. } | Lookup::Miss { .. } => unreachable!("Engine::load leads or waits"),
            }
        }
        Err(Unwarmed::Overtaken)
    }
}

/// What somebody else's load brought.
fn landed(outcome: Outcome) -> Result<bool, Unwarmed> {
    match outcome {
        Outcome::Value(_) => Ok(true),
        Outcome::Absent => Ok(false),
        Outcome::Failed(error) => {
            let error = error.downcast_ref::<SourceError>().cloned();
            let unknown = || SourceError::Unreachable("the load failed".into());
            Err(Unwarmed::Source(error.unwrap_or_else(unknown)))
        }
    }
}
