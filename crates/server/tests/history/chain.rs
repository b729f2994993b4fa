//! The versions of each row, in the database's order, with what is known about when each was committed.

use std::collections::BTreeMap;

use super::history::{Change, Did, History, Outcome, Seen, Strategy, UNGROUPED, Us};

/// One version of a row. It was committed between `lo` and `hi`.
#[derive(Debug, Clone, Copy)]
pub struct Version {
    pub n: u64,
    pub id: Option<u32>,
    /// `None`: there was no row.
    pub group: Option<u8>,
    pub lo: Us,
    pub hi: Us,
}

/// All rows of an interleaving. Each chain begins with version 0, no row.
#[derive(Debug, Default)]
pub struct Chains(BTreeMap<u8, Vec<Version>>);

const NOTHING: [Version; 1] = [Version { n: 0, id: Some(0), group: None, lo: 0, hi: 0 }];

impl Chains {
    pub fn of(history: &History) -> Chains {
        let mut chains = Chains::default();
        for change in &history.log {
            let (lo, hi) = window(history, change);
            let chain = chains.0.entry(change.row).or_insert_with(|| NOTHING.to_vec());
            chain.push(Version { n: change.n, id: change.id, group: change.group, lo, hi });
        }
        chains.0.values_mut().for_each(|chain| chain.sort_by_key(|version| version.n));
        chains.learn_from_reads(history);
        // What is known of one version bounds its neighbours, and, within a transaction, other rows; twice reaches those
        // of other rows.
        for _ in 0..2 {
            chains.bound_neighbours();
            chains.bound_transactions();
        }
        chains.bound_neighbours();
        chains
    }

    /// A row's versions, oldest first.
    pub fn row(&self, row: u8) -> &[Version] {
        self.0.get(&row).map_or(&NOTHING, Vec::as_slice)
    }

    /// The rows that are in groups.
    pub fn grouped(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.keys().copied().filter(|row| *row < UNGROUPED)
    }

    /// The version of a row with this number.
    pub fn find(&self, row: u8, n: u64) -> Option<&Version> {
        self.row(row).iter().find(|version| version.n == n)
    }

    /// What this write made of a row.
    pub fn by(&self, row: u8, id: u32) -> Option<&Version> {
        self.row(row).iter().find(|version| version.n > 0 && version.id == Some(id))
    }

    /// The newest version that was surely committed by `at`.
    pub fn committed(&self, row: u8, at: Us) -> u64 {
        self.row(row).iter().rev().find(|version| version.hi <= at).map_or(0, |version| version.n)
    }

    /// What somebody has read was committed by then.
    fn learn_from_reads(&mut self, history: &History) {
        for op in &history.ops {
            let (Did::Read(key, _), Outcome::Saw(seen)) = (&op.did, &op.outcome) else { continue };
            let seen = match (seen, key.row()) {
                (Seen::Row(n, _), Some(row)) => vec![(row, *n)],
                (Seen::Group(rows), _) => rows.iter().map(|(row, n, _)| (*row, *n)).collect(),
                _ => continue,
            };
            for (row, n) in seen {
                let version = self.0.get_mut(&row).and_then(|chain| chain.iter_mut().find(|v| v.n == n));
                if let Some(version) = version {
                    version.hi = version.hi.min(op.ended);
                }
            }
        }
    }

    fn bound_neighbours(&mut self) {
        for chain in self.0.values_mut() {
            let mut lo = 0;
            for version in chain.iter_mut() {
                lo = version.lo.max(lo);
                version.lo = lo;
            }
            let mut hi = Us::MAX;
            for version in chain.iter_mut().rev() {
                hi = version.hi.min(hi);
                version.hi = hi;
            }
        }
    }

    fn bound_transactions(&mut self) {
        let mut windows: BTreeMap<u32, (Us, Us)> = BTreeMap::new();
        for version in self.0.values().flatten().filter(|version| version.n > 0) {
            let Some(id) = version.id else { continue };
            let window = windows.entry(id).or_insert((0, Us::MAX));
            *window = (window.0.max(version.lo), window.1.min(version.hi));
        }
        for version in self.0.values_mut().flatten().filter(|version| version.n > 0) {
            if let Some((lo, hi)) = version.id.and_then(|id| windows.get(&id)) {
                (version.lo, version.hi) = (*lo, *hi);
            }
        }
    }
}

/// When the write of this change may have been committed, as far as its caller knows.
fn window(history: &History, change: &Change) -> (Us, Us) {
    if change.id == Some(0) {
        return (0, 0);
    }
    let by = history.ops.iter().find(|op| match &op.did {
        Did::Write { id, .. } | Did::Sql { id, .. } => Some(*id) == change.id,
        Did::Remove(key) => change.id.is_none() && key.row() == Some(change.row),
        Did::Read(..) | Did::Invalidate { .. } => false,
    });
    match by {
        // A write that failed may have been committed at any time, and one that is written back is, later.
        Some(op) => {
            let later = matches!(op.did, Did::Write { strategy: Strategy::Back, .. });
            (op.began, if op.outcome == Outcome::Done && !later { op.ended } else { Us::MAX })
        }
        None => (0, Us::MAX),
    }
}
