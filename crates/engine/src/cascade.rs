//! Invalidations that reach what depends on the covered, transitively.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::counter::Counter;
use crate::graph::{Graph, Name};
use crate::names::{Mark, NameKind, NameTable};
use crate::{Effect, Seq, TooLarge};

/// How many steps a cascade goes.
const LEVELS: usize = 64;
/// How many names a cascade raises one by one.
const WORK: usize = 100_000;
/// How many names are looked at to find a cycle or a chain too deep.
const LOOKED_AT: usize = 4096;
/// No limit of depth goes beyond this: the walk recurses.
const DEPTH_MOST: usize = 512;

impl NameTable {
    /// Notes what the stored (or about to be stored) entry `key` lives by; nearly free when nobody depends on
    /// `key`. Called under the lock of `key`'s shard: by who fills `key`, before the entry enters its marks; and by
    /// who stores a dependent of `key`, after joining, before looking at the marks of the stored `key`.
    pub(crate) fn link(&self, key: &[u8], held: &[Arc<Mark>], counter: &Counter) {
        if held.is_empty() || !self.is_live(key) || self.link_live(key, held, false) {
            return;
        }
        // What was made from earlier values of `key` may live by edges that go now.
        self.cascade(&[(NameKind::Dependency, key)], counter.next(), Effect::Gone, counter);
        self.link_live(key, held, true);
    }

    /// As [`NameTable::link`], for a put: the edges of earlier values go. Called after the put's own cascade, under the
    /// same hold of `key`'s shard, so that nothing that was made from an earlier value is left.
    pub(crate) fn relink(&self, key: &[u8], held: &[Arc<Mark>]) {
        self.link_live(key, held, true);
    }

    /// `false` when there would be too many edges. The last dependent may have left meanwhile: then no edges are
    /// needed, and nobody would take them away.
    fn link_live(&self, key: &[u8], held: &[Arc<Mark>], replace: bool) -> bool {
        let marks = held.iter().filter(|mark| mark.kind() != NameKind::AnyDependency);
        let sources: Vec<(NameKind, &[u8])> = marks.map(|mark| (mark.kind(), mark.name())).collect();
        let mut graph = self.graph.lock();
        if !self.is_live(key) {
            return true;
        }
        let left = if replace { graph.unlink(key) } else { BTreeSet::new() };
        let linked = graph.link(key, &sources);
        if linked {
            sources.iter().for_each(|(kind, name)| self.note_linked(&graph, *kind, name));
        }
        self.let_go(&mut graph, left);
        linked
    }

    /// Takes away the edges of those of `names` that are not needed any more, and of the nodes above that nothing else
    /// needs.
    pub(crate) fn prune(&self, graph: &mut Graph, mut names: Vec<Name>) {
        while let Some(name) = names.pop() {
            for node in graph.unneeded(&name, LOOKED_AT, |name| self.is_held(name)) {
                let above = graph.unlink(&node);
                names.extend(self.note_left(graph, above));
            }
        }
    }

    /// After edges from these were taken away.
    fn let_go(&self, graph: &mut Graph, left: BTreeSet<(NameKind, Name)>) {
        let dependencies = self.note_left(graph, left);
        self.prune(graph, dependencies);
    }

    /// Tells the marks of names, from which edges were taken away, whether others remain; the dependencies among them.
    fn note_left(&self, graph: &Graph, left: BTreeSet<(NameKind, Name)>) -> Vec<Name> {
        left.iter().for_each(|(kind, name)| self.note_linked(graph, *kind, name));
        left.into_iter().filter(|(kind, _)| *kind == NameKind::Dependency).map(|(_, name)| name).collect()
    }

    /// Raises the given names and all dependencies that follow from them; returns the entries reached. One that has
    /// both the tag and the dependency of a name given as both counts once; one that is reached by several other names
    /// counts for each.
    ///
    /// `start`: for a key or dependents `[(Dependency, d)]`, for a tag with cascade `[(Tag, t), (Dependency, t)]`,
    /// for an event all of [`NameTable::live_events`].
    ///
    /// Each name is raised before its edges are read; [`NameTable::link`] adds edges before marks are looked at. So a
    /// dependent that is stored meanwhile is either reached or refused.
    pub(crate) fn cascade(
        &self,
        start: &[(NameKind, &[u8])],
        seq: Seq,
        effect: Effect,
        counter: &Counter,
    ) -> u64 {
        let (mut reached, mut seen, mut next) = (0, BTreeSet::new(), Vec::new());
        let mut raise = |kind: NameKind, name: &[u8], seen: &mut BTreeSet<Name>, next: &mut Vec<Name>| {
            let entries = self.raise(kind, name, seq, effect, counter);
            if entries.is_none() && kind.is_held_by_graph() {
                return;
            }
            let entries = entries.unwrap_or_default();
            let twice = kind == NameKind::Dependency && start.contains(&(NameKind::Tag, name));
            reached += entries.entries - if twice { entries.tagged } else { 0 };
            for node in self.graph.lock().below(kind, name) {
                if seen.is_empty() {
                    let given = start.iter().filter(|(kind, _)| *kind == NameKind::Dependency);
                    seen.extend(given.map(|(_, name)| Name::from(*name)));
                }
                if seen.len() <= WORK && seen.insert(Arc::clone(node)) {
                    next.push(Arc::clone(node));
                }
            }
        };
        start.iter().for_each(|(kind, name)| raise(*kind, name, &mut seen, &mut next));
        for _ in 0..LEVELS {
            if next.is_empty() || seen.len() > WORK {
                break;
            }
            for name in std::mem::take(&mut next) {
                raise(NameKind::Dependency, &name, &mut seen, &mut next);
            }
        }
        if !next.is_empty() || seen.len() > WORK {
            let all = self.raise(NameKind::AnyDependency, b"", seq, effect, counter);
            reached += all.unwrap_or_default().entries;
        }
        reached
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
        let mut up = Walk::new(&graph, limit, Some(key));
        let mut height = 0;
        for name in dependencies {
            height = height.max(1 + up.height(name)?);
        }
        if self.is_live(key) {
            height += 1 + Walk::new(&graph, limit, None).height(key)?;
        }
        if height > limit { Err(TooLarge::Depth(limit)) } else { Ok(()) }
    }
}

/// A walk for the longest way: up from what `key` is to be made from, or down (`key` is `None`).
struct Walk<'g> {
    graph: &'g Graph,
    limit: usize,
    key: Option<&'g [u8]>,
    way: Vec<Box<[u8]>>,
    heights: BTreeMap<Box<[u8]>, usize>,
}

impl<'g> Walk<'g> {
    fn new(graph: &'g Graph, limit: usize, key: Option<&'g [u8]>) -> Walk<'g> {
        Walk { graph, limit, key, way: key.map(Into::into).into_iter().collect(), heights: BTreeMap::new() }
    }

    fn next(&self, name: &[u8]) -> Vec<Arc<[u8]>> {
        if self.key.is_none() {
            return self.graph.below(NameKind::Dependency, name).take(LOOKED_AT).cloned().collect();
        }
        let names = self.graph.above(name).filter(|(kind, _)| *kind == NameKind::Dependency);
        names.map(|(_, name)| Arc::clone(name)).collect()
    }

    /// Edges on the longest way from `name`.
    fn height(&mut self, name: &[u8]) -> Result<usize, TooLarge> {
        if self.key == Some(name) {
            self.way.push(name.into());
            return Err(TooLarge::Cycle(std::mem::take(&mut self.way)));
        }
        if let Some(height) = self.heights.get(name) {
            return Ok(*height);
        }
        // A circle that `key` is not on can be made by two writers at once; it is no reason to refuse this one.
        if self.heights.len() >= LOOKED_AT || self.way.iter().any(|on_way| **on_way == *name) {
            return Ok(0);
        }
        if self.way.len() > self.limit {
            return Err(TooLarge::Depth(self.limit));
        }
        self.way.push(name.into());
        let mut height = 0;
        for next in self.next(name) {
            height = height.max(1 + self.height(&next)?);
        }
        self.way.pop();
        self.heights.insert(name.into(), height);
        Ok(height)
    }
}

#[cfg(test)]
#[path = "cascade_tests.rs"]
mod tests;
