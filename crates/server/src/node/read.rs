//! The read policy.

use std::sync::Arc;
use std::time::Instant;

use clearwell_engine::{Ask, Landing, Lookup, OnMiss, Seq, Tolerate, View};

use super::load::Target;
use super::verified::Way;
use super::{Answer, Demand, Node, ReadError, Turn};
use crate::config::Level;
use crate::keyspace::Keyspace;

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
        let serve = |view: &View<'_>| self.may_serve(view, level).then(|| seen(view, view.stale()));
        match self.engine().lookup(key, self.ask(keyspace, level, demand), serve) {
            Lookup::Hit { read: None, .. } => {
                let target = target();
                Turn::Later(Box::pin(
                    async move { node.proven(target, level).await.map(ReadOutcome::Loaded) },
                ))
            }
            Lookup::Hit { read: Some(read), refresh, .. } => {
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
        let level = demand.level.unwrap_or(Level::Strong);
        let serve = |view: &View<'_>| self.may_serve(view, level).then(|| seen(view, view.stale()));
        match self.engine().lookup(key, ask, serve) {
            Lookup::Hit { read: Some(read), .. } => ReadOutcome::Seen(read),
            // What may be old is not there. There is no source to ask.
            Lookup::Hit { read: None, .. } => ReadOutcome::Miss(self.engine().seq()),
            Lookup::Miss { began } => ReadOutcome::Miss(began),
            Lookup::Lead(_) | Lookup::Wait(_) => unreachable!("flights are only begun for OnMiss::Load"),
        }
    }

    pub(super) fn ask(&self, keyspace: &Keyspace, level: Level, demand: Demand) -> Ask {
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
}

fn tolerated(level: Level, demand: Demand) -> Tolerate {
    if demand.stale || level == Level::Weak { Tolerate::Stale } else { Tolerate::Fresh }
}
