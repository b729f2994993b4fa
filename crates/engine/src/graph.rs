//! The edges along which invalidations cascade.
//!
//! A node is a key that somebody depends on. An edge leads to it from each name that its entry lives by: when
//! that name is invalidated with cascade, the key's value is old, and so is what depends on the key.
//!
//! A node outlives its entry: what was made from it still stands. It is needed while an entry depends on it, or while it
//! leads to a node that is needed: the names above must stay known as long as anything far below stands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::names::NameKind;

pub(crate) type Name = Arc<[u8]>;

/// The edges, without locks.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// From each node to what leads to it.
    up: BTreeMap<Name, BTreeSet<(NameKind, Name)>>,
    /// By kind, from each name to the nodes that it leads to.
    down: [BTreeMap<Name, BTreeSet<Name>>; NameKind::COUNT],
    edges: usize,
    name_bytes: usize,
}

impl Graph {
    /// How many edges may lead to a node, unless one entry alone has more.
    pub(crate) const EDGES_MOST: usize = 64;

    /// Bytes that an edge is taken to need in both trees, their slack included; a node or a name likewise.
    const EDGE_BYTES: usize = 80;

    /// Adds the edges from `sources` to `node`. `false`, and nothing is changed, when there would be too many.
    pub(crate) fn link(&mut self, node: &[u8], sources: &[(NameKind, &[u8])]) -> bool {
        let known = self.up.get(node);
        let is_new = |(kind, name): &&(NameKind, &[u8])| {
            known.is_none_or(|_| !self.down[*kind as usize].get(*name).is_some_and(|to| to.contains(node)))
        };
        let new: Vec<_> = sources.iter().filter(is_new).collect();
        let total = known.map_or(0, BTreeSet::len) + new.len();
        if total > Self::EDGES_MOST.max(sources.len()) {
            return false;
        }
        if new.is_empty() {
            return true;
        }
        let node: Name = match self.up.get_key_value(node) {
            Some((name, _)) => Arc::clone(name),
            None => self.named(node),
        };
        for (kind, name) in new {
            let source = match self.down[*kind as usize].get_key_value(*name) {
                Some((name, _)) => Arc::clone(name),
                None => self.named(name),
            };
            let to = self.down[*kind as usize].entry(Arc::clone(&source)).or_default();
            if to.insert(Arc::clone(&node)) {
                self.up.entry(Arc::clone(&node)).or_default().insert((*kind, source));
                self.edges += 1;
            }
        }
        true
    }

    /// Takes a node's edges away; what led to it.
    pub(crate) fn unlink(&mut self, node: &[u8]) -> BTreeSet<(NameKind, Name)> {
        let Some((node, sources)) = self.up.remove_entry(node) else { return BTreeSet::new() };
        self.name_bytes -= node.len();
        self.edges -= sources.len();
        for (kind, source) in &sources {
            let down = &mut self.down[*kind as usize];
            let to = down.get_mut(source).expect("each edge stands in both trees");
            to.remove(&node);
            if to.is_empty() {
                down.remove(source);
                self.name_bytes -= source.len();
            }
        }
        sources
    }

    /// Whether a name leads to any node.
    pub(crate) fn leads(&self, kind: NameKind, name: &[u8]) -> bool {
        self.down[kind as usize].contains_key(name)
    }

    /// What of `name` and the nodes below it is not needed any more, given which nodes an entry depends on: all of them, or
    /// none. In a graph without circles every way down ends at a node that is held, so the first one answers; only a
    /// circle that nobody holds is gone through whole. One larger than `most` is kept.
    pub(crate) fn unneeded(&self, name: &[u8], most: usize, held: impl Fn(&[u8]) -> bool) -> BTreeSet<Name> {
        let mut seen = BTreeSet::from([Name::from(name)]);
        let mut open: Vec<Name> = seen.iter().cloned().collect();
        while let Some(name) = open.pop() {
            if held(&name) || seen.len() > most {
                return BTreeSet::new();
            }
            for node in self.below(NameKind::Dependency, &name) {
                if seen.insert(Arc::clone(node)) {
                    open.push(Arc::clone(node));
                }
            }
        }
        seen
    }

    /// The nodes that a name leads to.
    pub(crate) fn below(&self, kind: NameKind, name: &[u8]) -> impl Iterator<Item = &Name> {
        self.down[kind as usize].get(name).into_iter().flatten()
    }

    /// What leads to a node.
    pub(crate) fn above(&self, node: &[u8]) -> impl Iterator<Item = (NameKind, &Name)> {
        self.up.get(node).into_iter().flatten().map(|(kind, name)| (*kind, name))
    }

    /// At most so many nodes after a name, in order, with the dependencies that lead to each.
    pub(crate) fn nodes_after(&self, after: &[u8], most: usize) -> Vec<(Name, Vec<Name>)> {
        let after = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        let leads = |sources: &BTreeSet<(NameKind, Name)>| {
            let names = sources.iter().filter(|(kind, _)| *kind == NameKind::Dependency);
            names.map(|(_, name)| Arc::clone(name)).collect()
        };
        let nodes = self.up.range::<[u8], _>(after).take(most);
        nodes.map(|(node, sources)| (Arc::clone(node), leads(sources))).collect()
    }

    /// The nodes.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &[u8]> {
        self.up.keys().map(|name| &**name)
    }

    /// Bytes taken, reckoned from the number of edges and the length of the names.
    pub(crate) fn memory_bytes(&self) -> usize {
        let names = self.up.len() + self.down.iter().map(BTreeMap::len).sum::<usize>();
        self.name_bytes + (names + self.edges) * Self::EDGE_BYTES
    }

    /// Recounts; says what differs.
    pub(crate) fn check(&self) -> Result<(), String> {
        let upward: usize = self.up.values().map(BTreeSet::len).sum();
        let downward: usize = self.down.iter().flat_map(BTreeMap::values).map(BTreeSet::len).sum();
        if upward != self.edges || downward != self.edges {
            return Err(format!("{upward} edges up, {downward} down, the books say {}", self.edges));
        }
        let names = self.up.keys().chain(self.down.iter().flat_map(BTreeMap::keys));
        let bytes: usize = names.map(|name| name.len()).sum();
        if bytes != self.name_bytes {
            return Err(format!("names of {bytes} bytes in the graph, the books say {}", self.name_bytes));
        }
        Ok(())
    }

    fn named(&mut self, name: &[u8]) -> Name {
        self.name_bytes += name.len();
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn more_edges_than_allowed_are_refused_whole() {
        let names: Vec<[u8; 1]> = (0..65).map(|n| [n]).collect();
        let sources: Vec<(NameKind, &[u8])> = names.iter().map(|name| (NameKind::Tag, &name[..])).collect();
        let mut graph = Graph::default();
        assert!(graph.link(b"x", &sources[..64]));
        assert!(!graph.link(b"x", &sources[64..]));
        assert_eq!(graph.above(b"x").count(), 64);
        assert!(graph.link(b"y", &sources), "one entry may have more");
        graph.check().unwrap();
    }

    proptest! {
        #[test]
        fn agrees_with_a_set_of_pairs(
            steps in prop::collection::vec((any::<bool>(), 0u8..5, prop::collection::vec((0u8..3, 0u8..5), 0..5)), 0..80),
        ) {
            let mut graph = Graph::default();
            let mut naive: BTreeSet<(NameKind, u8, u8)> = BTreeSet::new();
            let kinds = [NameKind::Tag, NameKind::Dependency, NameKind::Event];
            for (link, node, sources) in steps {
                if link {
                    let names: Vec<(NameKind, [u8; 1])> = sources.iter().map(|(k, n)| (kinds[*k as usize], [*n])).collect();
                    let sources: Vec<(NameKind, &[u8])> = names.iter().map(|(k, n)| (*k, &n[..])).collect();
                    prop_assert!(graph.link(&[node], &sources));
                    naive.extend(names.iter().map(|(k, n)| (*k, n[0], node)));
                } else {
                    graph.unlink(&[node]);
                    naive.retain(|(_, _, to)| *to != node);
                }
                graph.check().unwrap();
                for kind in kinds {
                    for name in 0..5 {
                        let below: Vec<u8> = graph.below(kind, &[name]).map(|to| to[0]).collect();
                        let expected: Vec<u8> = naive.iter().filter(|e| e.0 == kind && e.1 == name).map(|e| e.2).collect();
                        prop_assert_eq!(below, expected);
                    }
                }
            }
            for node in 0..5 {
                graph.unlink(&[node]);
            }
            prop_assert_eq!(graph.memory_bytes(), 0);
        }
    }
}
