//! Reads that wait: for the source, for its feed, for writes that it does not have yet, or for somebody else's load.

use std::sync::Arc;

use clearwell_engine::{Landing, Loaded, Lookup, Outcome, View};
use clearwell_source::{Later, SourceError};
use tokio::task::JoinHandle;

use super::load::Target;
use super::{Answer, Demand, Node, ReadError, ReadOutcome};
use crate::config::Level;
use crate::keyspace::Backing;

impl Node {
    /// A strong read: it waits until the feed has told every commit made before it began. A value that is in memory after that, or is
    /// loaded after that, is as new as those commits.
    pub(super) async fn behind_barrier(
        self: Arc<Self>,
        target: Target,
        level: Level,
        demand: Demand,
    ) -> Result<Answer, ReadError> {
        if let Some(backing) = target.backing()
            && let Err(error) = backing.source.barrier().await
        {
            return Err(ReadError::Unmet(level, error.to_string()));
        }
        self.loaded(target, level, Demand { stale: false, ..demand }).await
    }

    /// A key with an unflushed write. One that still is unflushed when all commits before this read are told will come to the
    /// source after them.
    pub(super) fn behind_flush<R: Send + 'static>(
        self: Arc<Self>,
        target: Target,
        level: Level,
        demand: Demand,
    ) -> Later<Result<ReadOutcome<R>, ReadError>> {
        Box::pin(async move {
            let Some(backing) = target.backing() else {
                return self.anew(target, level).await.map(ReadOutcome::Loaded);
            };
            if let Err(error) = backing.source.barrier().await {
                return Err(ReadError::Unmet(level, error.to_string()));
            }
            if let Some(answer) = self.unflushed(&target.keyspace, &target.key, level) {
                return Ok(ReadOutcome::Loaded(answer));
            }
            let read = match backing.followed() {
                true => self.loaded(target, level, Demand { stale: false, ..demand }).await,
                false => self.anew(target, level).await,
            };
            read.map(ReadOutcome::Loaded)
        })
    }

    /// An unflushed write under another key may be of this key's row: only the source knows, when it has it.
    pub(super) fn behind_others<R: Send + 'static>(
        self: Arc<Self>,
        target: Target,
        level: Level,
        demand: Demand,
    ) -> Later<Result<ReadOutcome<R>, ReadError>> {
        Box::pin(async move {
            let flushed = self.backlog.flushed(&target.keyspace).await;
            match (flushed, level) {
                (Err(why), Level::Strong | Level::Bounded(_)) => Err(ReadError::Unmet(level, why)),
                (Err(why), _) => {
                    self.graced(&target, level, SourceError::Unreachable(why)).map(ReadOutcome::Loaded)
                }
                (Ok(()), Level::Strong | Level::Bounded(_)) => self.behind_flush(target, level, demand).await,
                (Ok(()), _) => {
                    if let Some(answer) = self.unflushed(&target.keyspace, &target.key, level) {
                        return Ok(ReadOutcome::Loaded(answer));
                    }
                    let read = match target.backing().is_some_and(Backing::is_unverified) {
                        true => self.anew(target, level).await,
                        false => self.loaded(target, level, demand).await,
                    };
                    read.map(ReadOutcome::Loaded)
                }
            }
        })
    }

    /// No feed tells of changes to this keyspace, or not now: only the source itself knows.
    pub(super) async fn anew(self: Arc<Self>, target: Target, level: Level) -> Result<Answer, ReadError> {
        self.reports.tallies().read_directly(target.keyspace.class);
        match self.load_anew(&target).await {
            Ok(answer) => Ok(Answer { level, ..answer }),
            Err(error) if matches!(level, Level::Eventual | Level::Weak) => {
                self.graced(&target, level, error)
            }
            Err(error) => match self.graced(&target, level, error) {
                Err(ReadError::Source(error)) => Err(ReadError::Unmet(level, error.to_string())),
                answered => answered,
            },
        }
    }

    /// Looks up, leads or waits until there is an answer. It ends: whoever is told to ask again either hits, or leads.
    pub(super) async fn loaded(
        self: Arc<Self>,
        target: Target,
        level: Level,
        demand: Demand,
    ) -> Result<Answer, ReadError> {
        loop {
            let ask = self.ask(&target.keyspace, level, demand);
            let serve = |view: &View<'_>| self.may_serve(view, level).then(|| Answer::of(view, level));
            match self.engine().lookup(&target.key, ask, serve) {
                Lookup::Hit { read: None, .. } => return self.proven(target, level).await,
                Lookup::Hit { read: Some(read), refresh, .. } => {
                    if let Some(lease) = refresh {
                        drop(self.lead(lease, target));
                    }
                    return Ok(read);
                }
                Lookup::Lead(lease) => {
                    let flight = self.lead(lease, target.clone());
                    return self.led(flight, target, level).await;
                }
                Lookup::Wait(waiting) => {
                    if let Landing::Landed(loaded) = waiting.await {
                        return self.landed(target, level, loaded).await;
                    }
                }
                Lookup::Miss { .. } => unreachable!("OnMiss::Load leads or waits"),
            }
        }
    }

    /// A value in memory of whose names this node cannot be certain just now: its member hears of them, or the source is asked.
    pub(super) async fn proven(self: Arc<Self>, target: Target, level: Level) -> Result<Answer, ReadError> {
        let Some(cluster) = &self.cluster else { return self.anew(target, level).await };
        let asked = match level {
            Level::Weak | Level::Bounded(_) => level,
            // The key itself is ordered here.
            Level::Strong | Level::Session | Level::Causal | Level::Eventual => Level::Bounded(u64::MAX),
        };
        match self.load_by_member(cluster, &target, asked).await {
            Ok(answer) => Ok(Answer { level, ..answer }),
            Err(error) => self.graced(&target, level, error),
        }
    }

    pub(super) async fn led(
        self: Arc<Self>,
        flight: JoinHandle<Result<Answer, SourceError>>,
        target: Target,
        level: Level,
    ) -> Result<Answer, ReadError> {
        match flight.await {
            Ok(Ok(answer)) => Ok(Answer { level, ..answer }),
            Ok(Err(error)) => self.graced(&target, level, error),
            Err(gone) => self.graced(&target, level, SourceError::Unreachable(gone.to_string())),
        }
    }

    pub(super) async fn landed(
        self: Arc<Self>,
        target: Target,
        level: Level,
        loaded: Loaded,
    ) -> Result<Answer, ReadError> {
        if !self.is_timely(&target, level) {
            return self.anew(target, level).await;
        }
        let Loaded { outcome, as_of, expires, ttl_ms, version } = loaded;
        let answer = Answer { level, expires, ttl_ms, version, ..Answer::loaded(as_of) };
        match outcome {
            Outcome::Value(value) => Ok(Answer { value: Some(value), ..answer }),
            Outcome::Absent => Ok(answer),
            Outcome::Failed(error) => {
                let error = error.downcast_ref::<SourceError>().cloned();
                let unknown = || SourceError::Unreachable("the load failed".into());
                self.graced(&target, level, error.unwrap_or_else(unknown))
            }
        }
    }
}
