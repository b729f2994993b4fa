//! Write-behind (`write-back`): the values that their source does not have yet, and what is known of their way to it.

use std::collections::BTreeMap;
use std::ops::Bound;

use clearwell_words::{Millis, Version};

use crate::{Bytes, Entry, Expiry, Job, Level, Peer, Position};

/// A value that the source does not have yet.
#[derive(Debug, Clone)]
struct Unflushed {
    entry: Entry,
    /// Whose log, where.
    at: (Peer, Position),
    /// What was asked of the source and is not answered, and for which value: this one, or one before it.
    flushing: Option<(Job, Version)>,
    /// The source did not say what became of that.
    unclear: bool,
    /// A commit was told of since it was sent: it may have come after this value, which then hides it.
    hides: bool,
    /// How often the source did not take it, and when it is tried again.
    failed: u32,
    again: Millis,
}

impl Unflushed {
    /// Not on its way to the source.
    fn new(entry: Entry, at: (Peer, Position)) -> Unflushed {
        Unflushed { entry, at, flushing: None, unclear: false, hides: false, failed: 0, again: Millis(0) }
    }
}

/// The newest unflushed value of each key, of slots that a member owns or follows.
#[derive(Debug, Default)]
pub struct Journal {
    unflushed: BTreeMap<Bytes, Unflushed>,
    /// Up to where the last tick looked.
    looked_at: Option<Bytes>,
}

impl Journal {
    /// A new value of a key, by a record at a place of somebody's log; what is on its way to the source stays so.
    pub fn put(&mut self, entry: Entry, at: (Peer, Position)) {
        match self.unflushed.get_mut(&entry.key) {
            Some(before) => {
                (before.entry, before.at, before.failed, before.again) = (entry, at, 0, Millis(0));
            }
            None => self.take_over(entry, at),
        }
    }

    /// A value of which nothing is on its way to the source from here.
    pub fn take_over(&mut self, entry: Entry, at: (Peer, Position)) {
        self.unflushed.insert(entry.key.clone(), Unflushed::new(entry, at));
    }

    /// Whether the source does not have the last value of a key.
    pub fn has(&self, key: &Bytes) -> bool {
        self.unflushed.contains_key(key)
    }

    /// The value of a key that the source does not have.
    pub fn get(&self, key: &Bytes) -> Option<&Entry> {
        self.unflushed.get(key).map(|unflushed| &unflushed.entry)
    }

    /// All values, by key.
    pub fn entries(&self) -> impl Iterator<Item = (&Bytes, &Entry)> {
        self.unflushed.iter().map(|(key, unflushed)| (key, &unflushed.entry))
    }

    /// The value of a key expires at another time. Returns it, if there is one.
    pub fn touch(&mut self, key: &Bytes, expiry: Option<Expiry>) -> Option<&Entry> {
        let unflushed = self.unflushed.get_mut(key)?;
        unflushed.entry.expiry = expiry;
        Some(&unflushed.entry)
    }

    /// Gives up the values of the other keys.
    pub fn retain(&mut self, mut stays: impl FnMut(&Bytes) -> bool) {
        self.unflushed.retain(|key, _| stays(key));
    }

    /// Keys whose values may go to the source now: of each one at a time. `may_go` says so of a key and the place of its record. A call looks at a
    /// part of a long journal, and the next goes on behind it.
    pub fn due(&mut self, now: Millis, may_go: impl Fn(&Bytes, (Peer, Position)) -> bool) -> Vec<Bytes> {
        const AT_ONCE: usize = 64;
        const LOOKED_AT_MOST: usize = 1024;
        let mut due = Vec::new();
        let from = std::mem::take(&mut self.looked_at);
        let first = from.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let rest = from.as_ref().map(|from| self.unflushed.range::<Bytes, _>(..=from));
        let all = self.unflushed.range::<Bytes, _>((first, Bound::Unbounded));
        for (key, unflushed) in all.chain(rest.into_iter().flatten()).take(LOOKED_AT_MOST) {
            self.looked_at = Some(key.clone());
            if unflushed.flushing.is_none() && now >= unflushed.again && may_go(key, unflushed.at) {
                due.push(key.clone());
            }
            if due.len() >= AT_ONCE {
                break;
            }
        }
        due
    }

    /// The value of a key is on its way to the source.
    pub fn sent(&mut self, key: &Bytes, job: Job) {
        if let Some(unflushed) = self.unflushed.get_mut(key) {
            (unflushed.flushing, unflushed.hides) = (Some((job, unflushed.entry.version)), false);
        }
    }

    /// Whether the answer to a flush counts: it does not when it was asked before another owned the slot, since it says nothing of what is on its
    /// way now.
    pub fn awaits(&self, key: &Bytes, job: Job) -> bool {
        let unflushed = self.unflushed.get(key);
        unflushed.is_some_and(|unflushed| unflushed.flushing.is_none_or(|(awaited, _)| awaited == job))
    }

    /// The source did not say what became of a value. It may still happen: nothing else of its key goes there before that is excluded.
    pub fn unclear(&mut self, key: &Bytes) {
        if let Some(unflushed) = self.unflushed.get_mut(key) {
            unflushed.unclear = true;
        }
    }

    /// The source has answered: nothing of the key is on its way. Says whether the value hid a commit that was told of meanwhile.
    pub fn answered(&mut self, key: &Bytes) -> bool {
        let Some(unflushed) = self.unflushed.get_mut(key) else { return false };
        unflushed.flushing = None;
        unflushed.hides
    }

    /// The source did not take a value: it is tried again after a time that grows.
    pub fn put_off(&mut self, key: &Bytes, now: Millis) {
        const FIRST_MS: u64 = 100;
        const MOST_MS: u64 = 6_400;
        if let Some(unflushed) = self.unflushed.get_mut(key) {
            unflushed.again = now.plus((FIRST_MS << unflushed.failed.min(16)).min(MOST_MS));
            unflushed.failed += 1;
        }
    }

    /// The source is done with this version of a key. Says whether that was the last one.
    pub fn done_with(&mut self, key: &Bytes, version: Version) -> bool {
        let is_last = self.get(key).is_some_and(|entry| entry.version == version);
        if is_last {
            self.unflushed.remove(key);
        }
        is_last
    }

    /// The owner of a key's slot has told that its source is done with all versions up to this one.
    pub fn flushed(&mut self, key: &Bytes, up_to: Version) {
        if self.get(key).is_some_and(|entry| entry.version <= up_to) {
            self.unflushed.remove(key);
        }
    }

    /// The source refuses all earlier statements for keys that are `fenced`: what was unclear of them can happen no more. Returns their keys.
    pub fn fenced(&mut self, fenced: impl Fn(&Bytes) -> bool) -> Vec<Bytes> {
        let mut clear = Vec::new();
        for (key, unflushed) in &mut self.unflushed {
            if unflushed.unclear && fenced(key) {
                (unflushed.flushing, unflushed.unclear) = (None, false);
                clear.push(key.clone());
            }
        }
        clear
    }

    /// Whether a reader must wait until it is known when the source got a key's value: others may have committed after it.
    /// While it is not sent, or will be sent again, it is newer than all that they commit.
    pub fn is_doubtful(&self, key: &Bytes, level: Level) -> bool {
        let Some(unflushed) = self.unflushed.get(key) else { return false };
        let sent = unflushed.flushing.is_some_and(|(_, version)| version == unflushed.entry.version)
            && !unflushed.unclear;
        match level {
            Level::Strong => sent,
            Level::Session | Level::Causal | Level::Bounded(_) => sent && unflushed.hides,
            Level::Eventual | Level::Weak => false,
        }
    }

    /// A commit of a key is told of: it may have come after the value that is on its way to the source.
    pub fn hide(&mut self, key: &[u8]) {
        if let Some(unflushed) = self.unflushed.get_mut(key) {
            unflushed.hides |= unflushed.flushing.is_some();
        }
    }

    /// The same of a commit that may be of any key.
    pub fn hide_all(&mut self) {
        self.unflushed.values_mut().for_each(|unflushed| unflushed.hides |= unflushed.flushing.is_some());
    }
}
