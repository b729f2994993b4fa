//! Questions about many entries, which are answered a slice at a time between other work.

use std::collections::BTreeMap;

use clearwell_cluster::{Job, Outcome, Part, Slot, digest, slot};
use clearwell_engine::Millis;

use crate::Host;

/// Entries that a slice of a digest looks at: well below a millisecond.
const SLICE: usize = 512;

/// Questions that are not answered yet.
#[derive(Debug, Default)]
pub(crate) struct Walks {
    exports: Vec<Export>,
    digests: Vec<Digest>,
}

/// A part of slots that is to be given to a follower, as soon as the index is whole.
#[derive(Debug)]
pub(crate) struct Export {
    pub job: Job,
    pub part: Part,
    pub bytes: usize,
}

/// Digests of slots, as far as the walk has come. An entry that changes meanwhile may be in it as it was or as it is: the member
/// disregards slots of which a record came since it asked.
#[derive(Debug)]
struct Digest {
    job: Job,
    slots: Vec<Slot>,
    sums: BTreeMap<Slot, u64>,
    cursor: u64,
}

impl Host {
    /// Whether questions wait for [`Host::work`].
    pub fn has_work(&self) -> bool {
        !self.walks.exports.is_empty() || !self.walks.digests.is_empty()
    }

    /// Goes on for well below a millisecond with what one output could not finish. What is answered now is to be given back as
    /// [`Input::Done`](clearwell_cluster::Input::Done).
    pub fn work(&mut self, now: Millis) -> Vec<(Job, Outcome)> {
        let mut done = Vec::new();
        if !self.walks.exports.is_empty() && self.index.go_on(&self.engine, self.slots, now) {
            let export = self.walks.exports.remove(0);
            done.push((export.job, self.exported(&export.part, export.bytes, now)));
        } else if !self.walks.digests.is_empty() {
            let walk = self.walks.digests.remove(0);
            done.extend(self.go_on(walk, now));
        }
        done
    }

    /// What a part contains, if that is known at once.
    pub(crate) fn export(&mut self, export: Export, now: Millis) -> Option<Outcome> {
        if self.walks.exports.is_empty() && self.index.go_on(&self.engine, self.slots, now) {
            return Some(self.exported(&export.part, export.bytes, now));
        }
        self.walks.exports.push(export);
        None
    }

    /// The digests of slots, if few entries lie here.
    pub(crate) fn digest(&mut self, job: Job, slots: Vec<Slot>, now: Millis) -> Option<Outcome> {
        let sums = slots.iter().map(|&slot| (slot, 0)).collect();
        self.go_on(Digest { job, slots, sums, cursor: 0 }, now).map(|(_, outcome)| outcome)
    }

    fn go_on(&mut self, mut walk: Digest, now: Millis) -> Option<(Job, Outcome)> {
        walk.cursor = self.engine.scan(walk.cursor, SLICE, now, |view| {
            let slot = slot::slot_of(view.key(), self.slots);
            if let Some(sum) = walk.sums.get_mut(&slot).filter(|_| !view.stale()) {
                *sum ^= digest::digest(view.key(), view.version().unwrap_or_default(), view.value());
            }
        });
        if walk.cursor != 0 {
            self.walks.digests.push(walk);
            return None;
        }
        let digests = walk.slots.iter().map(|slot| (*slot, walk.sums.get(slot).copied().unwrap_or(0)));
        Some((walk.job, Outcome::Digested(digests.collect())))
    }
}
