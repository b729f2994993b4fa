//! What depends on what.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::freshness::{Verdict, verdict};
use crate::names::{NameKind, last_of};
use crate::shared::Standing;
use crate::slot::EntryPlace;
use crate::{Dependencies, Dependent, Edges, Engine, Millis, Page, PageFrom};

/// Places of entries that one page looks at, at most.
const PLACES: u32 = 20_000;

impl Engine {
    /// The neighbours of a key, with at most `most` dependents. Those are found by reading every entry.
    pub fn dependencies(&self, key: &[u8], most: usize, now: Millis) -> Dependencies {
        let owned = |names: &mut dyn Iterator<Item = &[u8]>| names.map(Box::from).collect();
        let mut found = self
            .peek(key, now, |view| Dependencies {
                depends_on: owned(&mut view.dependencies()),
                tags: owned(&mut view.tags()),
                events: view.events().map(Box::from).collect(),
                dependents: Vec::new(),
            })
            .unwrap_or_default();
        if self.shared.names.is_live(key) {
            self.each(|slot| {
                let depends = || slot.names(NameKind::Dependency).any(|name| name == key);
                if found.dependents.len() < most && self.visible(slot, now).is_some() && depends() {
                    found.dependents.push(slot.key().into());
                }
            });
        }
        found
    }

    /// All that depends on a key, itself or over others, and all that it depends on: at most so many edges in each direction.
    /// The names between are found in the graph; every entry is read once. A circle comes to its end.
    pub fn edges(&self, key: &[u8], most: usize, now: Millis) -> Edges {
        let mut edges = Edges::default();
        self.edges_above(key, most, now, &mut edges);
        let mut names: HashSet<Box<[u8]>> = HashSet::from([key.into()]);
        let mut open: Vec<Box<[u8]>> = vec![key.into()];
        while let Some(name) = open.pop() {
            let below: Vec<Arc<[u8]>> = {
                let graph = self.shared.names.graph.lock();
                graph.below(NameKind::Dependency, &name).take(most.saturating_add(1)).cloned().collect()
            };
            for node in below {
                if names.len() > most {
                    edges.truncated = true;
                    break;
                }
                if names.insert((*node).into()) {
                    open.push((*node).into());
                }
            }
        }
        let mut kept = 0;
        self.each(|slot| {
            if self.visible(slot, now).is_none() {
                return;
            }
            for name in slot.names(NameKind::Dependency).filter(|name| names.contains(*name)) {
                if kept == most {
                    edges.truncated = true;
                    return;
                }
                kept += 1;
                edges.below.push((slot.key().into(), name.into()));
            }
        });
        edges
    }

    fn edges_above(&self, key: &[u8], most: usize, now: Millis, edges: &mut Edges) {
        let mut seen: BTreeSet<Box<[u8]>> = BTreeSet::from([key.into()]);
        let mut open: Vec<Box<[u8]>> = vec![key.into()];
        while let Some(name) = open.pop() {
            let above: Vec<Box<[u8]>> = self
                .peek(&name, now, |view| view.dependencies().map(Box::from).collect())
                .unwrap_or_default();
            for other in above {
                if edges.above.len() == most {
                    edges.truncated = true;
                    return;
                }
                edges.above.push((name.clone(), other.clone()));
                if seen.insert(other.clone()) {
                    open.push(other);
                }
            }
        }
    }

    /// A page of all that depends on something: entries in memory, then keys whose entry is gone while something that was made
    /// from it stands. Looks at a bounded number of places, so a page may hold fewer than `most`, or none, before the last.
    pub fn dependents(&self, from: &PageFrom, most: usize, now: Millis) -> Page {
        match from {
            PageFrom::Entries(cursor) => self.dependent_entries(*cursor, most, now),
            PageFrom::Gone(after) => self.dependent_nodes(after, most, now),
        }
    }

    fn dependent_entries(&self, cursor: u64, most: usize, now: Millis) -> Page {
        let (mut index, mut place) = ((cursor >> 32) as usize, cursor as u32);
        let (mut rows, mut left) = (Vec::new(), PLACES);
        while let Some(cell) = self.cells.get(index) {
            let shard = cell.lock.read();
            while place < shard.slab.end() {
                if rows.len() >= most || left == 0 {
                    return Page {
                        rows,
                        next: Some(PageFrom::Entries((index as u64) << 32 | u64::from(place))),
                    };
                }
                rows.extend(shard.slab.get(place).and_then(|slot| self.dependent(slot, now)));
                (place, left) = (place + 1, left - 1);
            }
            (index, place) = (index + 1, 0);
        }
        Page { rows, next: Some(PageFrom::Gone(Box::default())) }
    }

    /// What is told of an entry that depends on something and is not over.
    fn dependent(&self, slot: &EntryPlace, now: Millis) -> Option<Dependent> {
        slot.names(NameKind::Dependency).next()?;
        if slot.expired(now) {
            return None;
        }
        let reached = verdict(slot.began, last_of(slot.held())) != Verdict::Fresh;
        if !reached && self.shared.standing(slot, now) == Standing::Dead {
            return None;
        }
        Some(Dependent {
            key: slot.key().into(),
            depends_on: slot.names(NameKind::Dependency).map(Box::from).collect(),
            created: Some(slot.first),
            updated: Some(slot.created),
            propagating: reached || slot.stale,
        })
    }

    fn dependent_nodes(&self, after: &[u8], most: usize, now: Millis) -> Page {
        let nodes = self.shared.names.graph.lock().nodes_after(after, most);
        let next =
            nodes.last().filter(|_| nodes.len() == most).map(|(node, _)| PageFrom::Gone((**node).into()));
        let gone = |node: &[u8]| {
            let (hash, cell) = self.cell(node);
            let shard = cell.lock.read();
            shard.find(hash, node).is_none_or(|place| self.dependent(&shard.slab[place], now).is_none())
        };
        let row = |(node, above): (Arc<[u8]>, Vec<Arc<[u8]>>)| Dependent {
            key: (*node).into(),
            depends_on: above.iter().map(|name| (**name).into()).collect(),
            created: None,
            updated: None,
            propagating: false,
        };
        let rows = nodes.into_iter().filter(|(node, above)| !above.is_empty() && gone(node)).map(row);
        Page { rows: rows.collect(), next }
    }
}
