//! The read policy.

use std::sync::Arc;
use std::time::Instant;

use clearwell_engine::{Ask, Landing, Loaded, Lookup, OnMiss, Outcome, Seq, Tolerate, View};
use clearwell_source::{Later, SourceError};

use super::load::Target;
use super::verified::Way;
use super::{Answer, Demand, Node, ReadError, Turn};
use crate::config::Level;
use crate::keyspace::{Backing, Keyspace};

/// What [`Node::get`] found.
#[derive(Debug)]
pub enum ReadOutcome<R> {
    /// In memory (perhaps a negative entry: `view.value()` was `None`): what `seen` made of it.
    Seen(R),
    /// Loaded from the source just now, or served to a level that had to ask the source first.
    Loaded(Answer),
    /// Not in memory, and no source. A value that the client loads from now on may be filled with this count.
    Miss(Seq),
}

impl Node {
    /// Reads a key. `seen` makes what the surface needs of an entry that is served from memory, with whether it is
    /// stale; it is called while the entry's shard is held, so it copies and does nothing slow.
    ///
    /// A hit is answered at once, and so is a miss of a key without a source; everything that needs the source
    /// answers later. [`Node::wake`] comes before it.
    pub fn get<R: Send + 'static>(
        self: &Arc<Self>,
        key: &[u8],
        demand: Demand,
        seen: impl FnOnce(&View<'_>, bool) -> R,
    ) -> Turn<Result<ReadOutcome<R>, ReadError>> {
        let Some((keyspace, captures)) = self.keyspaces.find(key) else {
            return Turn::Now(Ok(self.get_plain(key, 0, demand, seen)));
        };
        let Some(backing) = &keyspace.backing else {
            return Turn::Now(Ok(self.get_plain(key, keyspace.class, demand, seen)));
        };
        let level = demand.level.unwrap_or(keyspace.read);
        let target = || Target { key: key.into(), keyspace: keyspace.clone(), captures: captures.clone() };
        let node = self.clone();
        if backing.is_ambiguous && level != Level::Weak && self.backlog.is_overtaken(keyspace, key) {
            return Turn::Later(node.behind_others(target(), level, demand));
        }
        match level {
            // Its flush may be committed, and overwritten, before the feed tells of either.
            Level::Bounded(ms) if backing.source.behind_ms() > ms && self.backlog.has(keyspace, key) => {
                return Turn::Later(node.behind_flush(target(), level, demand));
            }
            Level::Strong if self.backlog.has(keyspace, key) => {
                return Turn::Later(node.behind_flush(target(), level, demand));
            }
            _ => {}
        }
        if let Some(answer) = self.unflushed(keyspace, key, level) {
            return Turn::Now(Ok(ReadOutcome::Loaded(answer)));
        }
        let way = backing.is_unverified().then(|| self.way(keyspace, backing, key, level));
        match level {
            _ if way == Some(Way::Refused) => return Turn::Now(Err(Node::refused(keyspace, backing))),
            _ if way == Some(Way::Memory) => {}
            _ if way == Some(Way::Source) => {
                let target = target();
                // A source that does not answer is asked beside the readers, whom it would keep waiting.
                if backing.verification.is_away()
                    && let Some(answer) = self.outlived(&target, backing, level)
                {
                    self.probe(target);
                    return Turn::Now(Ok(ReadOutcome::Loaded(answer)));
                }
                return Turn::Later(Box::pin(async move {
                    node.anew(target, level).await.map(ReadOutcome::Loaded)
                }));
            }
            Level::Bounded(ms) if backing.followed() && backing.source.behind_ms() <= ms => {}
            Level::Strong | Level::Bounded(_) if backing.followed() => {
                let target = target();
                return Turn::Later(Box::pin(async move {
                    node.behind_barrier(target, level, demand).await.map(ReadOutcome::Loaded)
                }));
            }
            Level::Bounded(ms) if self.is_younger(key, ms) => {}
            Level::Strong | Level::Bounded(_) => {
                let target = target();
                return Turn::Later(Box::pin(async move {
                    node.anew(target, level).await.map(ReadOutcome::Loaded)
                }));
            }
            Level::Session | Level::Causal | Level::Eventual | Level::Weak => {}
        }
        match self.engine().lookup(key, self.ask(keyspace, level, demand), |view| seen(view, view.stale())) {
            Lookup::Hit { read, refresh, .. } => {
                if let Some(lease) = refresh {
                    drop(self.lead(lease, target()));
                }
                Turn::Now(Ok(ReadOutcome::Seen(read)))
            }
            Lookup::Miss { began } => Turn::Now(Ok(ReadOutcome::Miss(began))),
            Lookup::Lead(lease) => {
                let target = target();
                let flight = self.lead(lease, target.clone());
                Turn::Later(Box::pin(async move {
                    node.led(flight, target, level).await.map(ReadOutcome::Loaded)
                }))
            }
            Lookup::Wait(waiting) => {
                let target = target();
                Turn::Later(Box::pin(async move {
                    match waiting.await {
                        Landing::Abandoned => {
                            node.loaded(target, level, demand).await.map(ReadOutcome::Loaded)
                        }
                        Landing::Landed(loaded) => {
                            node.landed(target, level, loaded).await.map(ReadOutcome::Loaded)
                        }
                    }
                }))
            }
        }
    }

    /// Reads a key into an owned answer: for surfaces that are not in a hurry (REST, `CW.GET`, the library).
    pub fn read(self: &Arc<Self>, key: &[u8], demand: Demand) -> Turn<Result<Answer, ReadError>> {
        self.wake(Instant::now());
        let level = demand.level.or_else(|| self.keyspaces.find(key).map(|(keyspace, _)| keyspace.read));
        let level = level.unwrap_or(Level::Strong);
        let answer = move |node: &Node, got| match got {
            ReadOutcome::Seen(answer) | ReadOutcome::Loaded(answer) => answer,
            ReadOutcome::Miss(began) => {
                Answer { lease: Some(node.lease(began)), level, ..Answer::loaded(node.clock.tick()) }
            }
        };
        let said = |node: &Node, key: &[u8], answer| node.told(key, answer);
        match self.get(key, demand, |view, _| Answer::of(view, level)) {
            Turn::Now(got) => Turn::Now(got.map(|got| said(self, key, answer(self, got)))),
            Turn::Later(later) => {
                let (node, key) = (self.clone(), Box::<[u8]>::from(key));
                Turn::Later(Box::pin(
                    async move { later.await.map(|got| said(&node, &key, answer(&node, got))) },
                ))
            }
        }
    }

    /// A key without a source: this node's memory is the truth, so every level is met by looking.
    fn get_plain<R>(
        &self,
        key: &[u8],
        class: u32,
        demand: Demand,
        seen: impl FnOnce(&View<'_>, bool) -> R,
    ) -> ReadOutcome<R> {
        let ask = Ask {
            now: self.clock.now(),
            tolerate: tolerated(demand.level.unwrap_or(Level::Eventual), demand),
            on_miss: if demand.remember { OnMiss::RememberFor(demand.reader) } else { OnMiss::Tell },
            early_refresh: 0.0,
            chance: 1.0,
            class,
        };
        match self.engine().lookup(key, ask, |view| seen(view, view.stale())) {
            Lookup::Hit { read, .. } => ReadOutcome::Seen(read),
            Lookup::Miss { began } => ReadOutcome::Miss(began),
            Lookup::Lead(_) | Lookup::Wait(_) => unreachable!("flights are only begun for OnMiss::Load"),
        }
    }

    fn ask(&self, keyspace: &Keyspace, level: Level, demand: Demand) -> Ask {
        let early_refresh = keyspace.early_refresh;
        let chance = if early_refresh > 0.0 { 1.0 - fastrand::f64() } else { 1.0 };
        Ask {
            now: self.clock.now(),
            tolerate: tolerated(level, demand),
            on_miss: OnMiss::Load,
            early_refresh,
            chance,
            class: keyspace.class,
        }
    }

    /// Whether what is cached was loaded less than `ms` ago, so that nothing in it is older than that.
    fn is_younger(&self, key: &[u8], ms: u64) -> bool {
        let now = self.clock.tick();
        self.engine()
            .peek(key, now, |view| now.since(view.created()).saturating_add(view.load_ms().into()) <= ms)
            .unwrap_or(false)
    }

    /// A strong read: it waits until the feed has told every commit made before it began. A value that is in memory after that, or is
    /// loaded after that, is as new as those commits.
    async fn behind_barrier(
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
    fn behind_flush<R: Send + 'static>(
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
    fn behind_others<R: Send + 'static>(
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
    async fn anew(self: Arc<Self>, target: Target, level: Level) -> Result<Answer, ReadError> {
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
    async fn loaded(
        self: Arc<Self>,
        target: Target,
        level: Level,
        demand: Demand,
    ) -> Result<Answer, ReadError> {
        loop {
            let ask = self.ask(&target.keyspace, level, demand);
            match self.engine().lookup(&target.key, ask, |view| Answer::of(view, level)) {
                Lookup::Hit { read, refresh, .. } => {
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

    async fn led(
        self: Arc<Self>,
        flight: tokio::task::JoinHandle<Result<Answer, SourceError>>,
        target: Target,
        level: Level,
    ) -> Result<Answer, ReadError> {
        match flight.await {
            Ok(Ok(answer)) => Ok(Answer { level, ..answer }),
            Ok(Err(error)) => self.graced(&target, level, error),
            Err(gone) => self.graced(&target, level, SourceError::Unreachable(gone.to_string())),
        }
    }

    async fn landed(
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

fn tolerated(level: Level, demand: Demand) -> Tolerate {
    if demand.stale || level == Level::Weak { Tolerate::Stale } else { Tolerate::Fresh }
}
