//! Invalidations that reach what depends on the covered, transitively.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::counter::Counter;
use crate::graph::Graph;
use crate::names::{Kind, Mark, Names};
use crate::{Effect, Seq, TooLarge};

/// How many steps a cascade goes.
const LEVELS: usize = 64;
/// How many names a cascade raises one by one.
const WORK: usize = 100_000;
/// How many names are looked at to find a cycle or a chain too deep.
const LOOKED_AT: usize = 4096;
/// No limit of depth goes beyond this: the walk recurses.
const DEPTH_MOST: usize = 512;

impl Names {
    /// Notes what the stored (or about to be stored) entry `key` lives by; free when nobody depends on `key`. Called under the lock
    /// of `key`'s shard: by who stores `key` before the entry enters its marks, and by who stores a dependent of
    /// `key`, after joining, for a stored `key`, before looking at its marks.
    pub(crate) fn link(&self, key: &[u8], held: &[Arc<Mark>], counter: &Counter) {
        if held.is_empty() || !self.is_live(key) {
            return;
        }
        let sources: Vec<(Kind, &[u8])> = held
            .iter()
            .filter(|mark| mark.kind() != Kind::AnyDependency)
            .map(|mark| (mark.kind(), mark.name()))
            .collect();
        if self.link_live(key, &sources, false) {
            return;
        }
        // What was made from earlier values of `key` may live by edges that go now.
        self.cascade(&[(Kind::Dependency, key)], counter.next(), Effect::Gone, counter);
        self.link_live(key, &sources, true);
    }

    /// `false` when there would be too many edges. The last dependent may be gone meanwhile: then it is for nobody.
    fn link_live(&self, key: &[u8], sources: &[(Kind, &[u8])], replace: bool) -> bool {
        let mut graph = self.graph.lock();
        if !self.is_live(key) {
            return true;
        }
        if replace {
            graph.unlink(key);
        }
        graph.link(key, sources)
    }

    /// Raises the given names and all dependencies that follow from them; returns the entries reached.
    /// `start`: for a key or dependents `[(Dependency, d)]`, for a tag with cascade `[(Tag, t), (Dependency, t)]`,
    /// for an event all of [`Names::live_events`].
    ///
    /// Each name is raised before its edges are read; [`Names::link`] adds edges before marks are looked at. So a
    /// dependent that is stored meanwhile is either reached or refused.
    pub(crate) fn cascade(
        &self,
        start: &[(Kind, &[u8])],
        seq: Seq,
        effect: Effect,
        counter: &Counter,
    ) -> u64 {
        let mut reached = 0;
        let mut seen: BTreeSet<Arc<[u8]>> = BTreeSet::new();
        let mut now: Vec<(Kind, Arc<[u8]>)> =
            start.iter().map(|(kind, name)| (*kind, (*name).into())).collect();
        seen.extend(now.iter().filter(|(kind, _)| *kind == Kind::Dependency).map(|(_, name)| name.clone()));
        for _ in 0..=LEVELS {
            let mut next = Vec::new();
            for (kind, name) in &now {
                reached += self.raise(*kind, name, seq, effect, counter);
                for node in self.graph.lock().below(*kind, name) {
                    if seen.len() <= WORK && seen.insert(Arc::clone(node)) {
                        next.push((Kind::Dependency, Arc::clone(node)));
                    }
                }
            }
            if seen.len() > WORK {
                break;
            }
            if next.is_empty() {
                return reached;
            }
            now = next;
        }
        reached + self.raise(Kind::AnyDependency, b"", seq, effect, counter)
    }

    /// Whether `key` may be made from `dependencies`: no cycle, no chain of more than `limit` edges. Asked after
    /// the dependencies were joined and linked. What is too wide to be looked at is let pass: a cascade comes to
    /// an end in any graph.
    pub(crate) fn check_chain(
        &self,
        key: &[u8],
        dependencies: &[&[u8]],
        limit: usize,
    ) -> Result<(), TooLarge> {
        if dependencies.is_empty() {
            return Ok(());
        }
        let graph = self.graph.lock();
        let limit = limit.min(DEPTH_MOST);
        let mut up = Walk { graph: &graph, key, limit, way: vec![key.into()], heights: BTreeMap::new() };
        let mut height = 0;
        for name in dependencies {
            height = height.max(1 + up.height(name, Walk::above)?);
        }
        if self.is_live(key) {
            // The way down cannot meet `key`, or the way up would have.
            let mut down = Walk { graph: &graph, key, limit, way: Vec::new(), heights: BTreeMap::new() };
            height += 1 + down.height(key, Walk::below)?;
        }
        if height > limit { Err(TooLarge::Depth(limit)) } else { Ok(()) }
    }
}

/// A walk for the longest way.
struct Walk<'g> {
    graph: &'g Graph,
    key: &'g [u8],
    limit: usize,
    way: Vec<Box<[u8]>>,
    heights: BTreeMap<Box<[u8]>, usize>,
}

impl Walk<'_> {
    fn above(graph: &Graph, name: &[u8]) -> Vec<Arc<[u8]>> {
        let names = graph.above(name).filter(|(kind, _)| *kind == Kind::Dependency);
        names.map(|(_, name)| Arc::clone(name)).take(LOOKED_AT).collect()
    }

    fn below(graph: &Graph, name: &[u8]) -> Vec<Arc<[u8]>> {
        graph.below(Kind::Dependency, name).take(LOOKED_AT).cloned().collect()
    }

    /// Edges on the longest way from `name`.
    fn height(&mut self, name: &[u8], steps: fn(&Graph, &[u8]) -> Vec<Arc<[u8]>>) -> Result<usize, TooLarge> {
        let way_began = self.way.first().is_some_and(|first| **first == *self.key);
        if way_began && name == self.key {
            let mut way = std::mem::take(&mut self.way);
            way.push(name.into());
            return Err(TooLarge::Cycle(way));
        }
        if let Some(height) = self.heights.get(name) {
            return Ok(*height);
        }
        if self.heights.len() >= LOOKED_AT || self.way.iter().any(|on_way| **on_way == *name) {
            return Ok(0);
        }
        if self.way.len() > self.limit {
            return Err(TooLarge::Depth(self.limit));
        }
        self.way.push(name.into());
        let mut height = 0;
        for next in steps(self.graph, name) {
            height = height.max(1 + self.height(&next, steps)?);
        }
        self.way.pop();
        self.heights.insert(name.into(), height);
        Ok(height)
    }
}
