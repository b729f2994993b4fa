//! What the deciding part asks for: the store's half of it.

use clearwell_cluster::{Ask, Bytes, Entry, Job, Outcome, Part, Slot};
use clearwell_engine::Millis;

use crate::index::Index;
use crate::walks::{Most, Question};
use crate::{Host, Next};

impl Host {
    pub(crate) fn ask(&self, job: Job, ask: Ask, now: Millis, sourced: &dyn Fn(&[u8]) -> bool) -> Next {
        let done = match ask {
            Ask::Load { key, validate } => {
                let sourced = sourced(&key);
                let entry = if validate && sourced { None } else { self.live(now, &key) };
                if sourced && entry.is_none() {
                    // Counted before the source is asked: whatever is invalidated from now on is newer than its answer.
                    self.loads.lock().begin(job, self.engine.seq());
                    return Next::Ask(job, Ask::Load { key, validate });
                }
                Some(Outcome::Loaded { entry, stored: true })
            }
            Ask::Find { key } => Some(Outcome::Loaded { entry: self.live(now, &key), stored: true }),
            Ask::Export { slots, after, bytes } => {
                let part = Part { slots, after, end: None };
                self.question(Question { job, part, most: Most::Bytes(bytes) }, now)
            }
            Ask::Digest { part, most } => {
                self.question(Question { job, part, most: Most::Digests(most) }, now)
            }
            Ask::DigestOf { keys } => Some(self.digests_of(keys, now)),
            Ask::Commit { .. } | Ask::Flush { .. } | Ask::Fence { .. } => return Next::Ask(job, ask),
        };
        done.map_or(Next::Did { refused: false }, |outcome| Next::Done(job, outcome))
    }

    /// Entries of a part in the index, until they take so many bytes; and where they end when there are more.
    pub(crate) fn exported(&self, index: &Index, part: &Part, bytes: usize, now: Millis) -> Outcome {
        let (mut entries, mut left): (Vec<Entry>, usize) = (Vec::new(), bytes);
        let mut last: Option<(Slot, Bytes)> = None;
        for (slot, key) in index.keys(part) {
            let Some(entry) = self.live(now, key) else { continue };
            if left == 0 && !entries.is_empty() {
                return Outcome::Exported { entries, end: last };
            }
            left = left.saturating_sub(entry.bytes());
            last = Some((*slot, key.clone()));
            entries.push(entry);
        }
        Outcome::Exported { entries, end: None }
    }
}
