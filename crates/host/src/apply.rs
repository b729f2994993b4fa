//! Changes of the store.

use clearwell_cluster::{Apply, Bytes, Entry, Job, Part, Slot};
use clearwell_engine::{Applied, Filled, Millis};

use crate::Host;
use crate::entry::with_draft;

/// What became of a change.
pub(crate) enum Done {
    /// It was made.
    Made,
    /// A value was not kept.
    Refused,
    /// It was an invalidation.
    TookAway(Applied),
}

impl Host {
    /// Makes a change; `None`: it has begun, and goes on with the next call.
    pub(crate) fn apply(&self, what: &Apply, now: Millis) -> Option<Done> {
        let stored = |stored| if stored { Done::Made } else { Done::Refused };
        match what {
            Apply::Invalidate(invalidation) => {
                return Some(Done::TookAway(self.engine.apply(invalidation, now)));
            }
            Apply::Put(entry) => return Some(stored(self.put(entry, now))),
            Apply::Fill { job, entry } => return Some(stored(self.fill(*job, entry, now))),
            Apply::Touch { key, expiry } => {
                self.engine.adopt_expiry(key, expiry.map(|expiry| expiry.at), now)
            }
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
        Some(Done::Made)
    }

    /// What does not fit leaves nothing there: the value before it is old, and the member hears that the copy is gone.
    fn put(&self, entry: &Entry, now: Millis) -> bool {
        let fits = with_draft(entry, |draft| self.engine.adopt(&entry.key, draft, now)).is_ok();
        match fits {
            true => self.index.lock().stored(&entry.key, self.slots),
            false => {
                self.engine.forget(&entry.key, now);
                self.departed.note(entry.key.clone());
            }
        }
        fits
    }

    /// A value that the owner sent has been judged by the member as of now; one that was loaded here is as old as its load.
    fn fill(&self, job: Option<Job>, entry: &Entry, now: Millis) -> bool {
        let began = job.map_or_else(|| self.engine.seq(), |job| self.loads.lock().end(job));
        let filled = with_draft(entry, |draft| self.engine.fill(&entry.key, began, draft, now));
        if filled == Filled::Stored {
            self.index.lock().stored(&entry.key, self.slots);
        }
        filled == Filled::Stored
    }

    /// Gives up the entries of a part of slots; `None`: there are more.
    fn give_up(&self, part: &Part, now: Millis) -> Option<Done> {
        let mut index = self.index.lock();
        if !index.go_on(&self.engine, self.slots, now) {
            return None;
        }
        let gone: Vec<(Slot, Bytes)> = index.keys(part).take(index.slice()).cloned().collect();
        for (_, key) in &gone {
            self.engine.forget(key, now);
        }
        index.forget(&gone);
        (gone.len() < index.slice()).then_some(Done::Made)
    }
}
