//! Changes of the store.

use clearwell_cluster::{Apply, Bytes, Entry, Expiry, Job, Part, Slot};
use clearwell_engine::{Change, Filled, Millis};

use crate::Host;
use crate::entry::with_draft;

/// Entries of slots that one output gives up at once: well below a millisecond.
const AT_ONCE: usize = 1024;

impl Host {
    /// Makes a change. Whether a value was refused; `None`: the change has begun, and goes on with the next call.
    pub(crate) fn apply(&mut self, what: &Apply, now: Millis) -> Option<bool> {
        match what {
            Apply::Invalidate(invalidation) => {
                self.engine.apply(invalidation, now);
            }
            Apply::Put(entry) => return Some(!self.put(entry, now)),
            Apply::Fill { job, entry } => return Some(!self.fill(*job, entry, now)),
            Apply::Touch { key, expiry } => self.touch(key, *expiry, now),
            Apply::Drop(keys) => keys.iter().for_each(|key| {
                self.engine.forget(key, now);
            }),
            Apply::Clear(slots) => {
                let mut slots = slots.clone();
                slots.sort_unstable();
                return self.give_up(&Part { slots, after: None, end: None }, now);
            }
            Apply::Replace(part) => return self.give_up(part, now),
        }
        Some(false)
    }

    /// What does not fit leaves nothing there: the value before it is old, and the member hears that the copy is gone.
    fn put(&mut self, entry: &Entry, now: Millis) -> bool {
        let fits = with_draft(entry, |draft| self.engine.adopt(&entry.key, draft, now)).is_ok();
        match fits {
            true => self.index.stored(&entry.key, self.slots),
            false => {
                self.engine.forget(&entry.key, now);
                self.departed.note(entry.key.clone());
            }
        }
        fits
    }

    /// A value that the owner sent has been judged by the member as of now; one that was loaded here is as old as its load.
    fn fill(&mut self, job: Option<Job>, entry: &Entry, now: Millis) -> bool {
        let began = job.map_or_else(|| self.engine.seq(), |job| self.loads.end(job));
        let filled = with_draft(entry, |draft| self.engine.fill(&entry.key, began, draft, now));
        if filled == Filled::Stored {
            self.index.stored(&entry.key, self.slots);
        }
        filled == Filled::Stored
    }

    /// What has expired here already stays so: it may be swept.
    fn touch(&mut self, key: &Bytes, expiry: Option<Expiry>, now: Millis) {
        let changed = self.engine.update(key, now, |_| (Change::Expires(expiry.map(|expiry| expiry.at)), ()));
        changed.expect("a time needs no room");
    }

    /// Gives up the entries of a part of slots; `None`: there are more.
    fn give_up(&mut self, part: &Part, now: Millis) -> Option<bool> {
        if !self.index.go_on(&self.engine, self.slots, now) {
            return None;
        }
        let gone: Vec<(Slot, Bytes)> = self.index.keys(part).take(AT_ONCE).cloned().collect();
        for (_, key) in &gone {
            self.engine.forget(key, now);
        }
        self.index.forget(&gone);
        (gone.len() < AT_ONCE).then_some(false)
    }
}
