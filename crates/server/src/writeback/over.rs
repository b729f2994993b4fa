//! Writes that are over (flushed or refused) and still stand in the journal: until the journal knows, a restart would send them again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Keys and the records that held their writes.
#[derive(Debug, Default)]
pub struct Over {
    /// What the journal is to be told next.
    untold: Vec<(Box<[u8]>, u64)>,
    /// How many records of each key it does not know to be over.
    keys: HashMap<Box<[u8]>, u32>,
    /// It did not take it the last time: when to try again.
    not_before: Option<Instant>,
}

impl Over {
    /// A write of this key is over.
    pub fn add(&mut self, key: &[u8]) {
        match self.keys.get_mut(key) {
            Some(count) => *count += 1,
            None => drop(self.keys.insert(key.into(), 1)),
        }
    }

    /// The journal is to be told of one that was added.
    pub fn tell(&mut self, key: &[u8], place: u64) {
        self.untold.push((key.into(), place));
    }

    /// Takes what the journal is to be told, when it is time.
    pub fn take(&mut self) -> Vec<(Box<[u8]>, u64)> {
        match self.not_before.take_if(|at| *at > Instant::now()) {
            Some(at) => {
                self.not_before = Some(at);
                Vec::new()
            }
            None => {
                self.not_before = None;
                std::mem::take(&mut self.untold)
            }
        }
    }

    /// The journal knows these.
    pub fn told(&mut self, over: &[(Box<[u8]>, u64)]) {
        for (key, _) in over {
            if let Some(count) = self.keys.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    self.keys.remove(key);
                }
            }
        }
    }

    /// It did not take them.
    pub fn put_back(&mut self, over: Vec<(Box<[u8]>, u64)>, not_before: Instant) {
        self.untold.extend(over);
        self.not_before = Some(not_before);
    }

    /// Whether the journal would bring back a write of this key that is over.
    pub fn holds(&self, key: &[u8]) -> bool {
        self.keys.contains_key(key)
    }

    /// The keys of which it would.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.keys().map(|key| &**key)
    }

    /// How long until the journal is to be told; `None` when there is nothing to tell.
    pub fn due(&self, now: Instant) -> Option<Duration> {
        let wait = self.not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        (!self.untold.is_empty()).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_held_until_the_journal_knows_each_of_its_records() {
        let mut over = Over::default();
        let now = Instant::now();
        assert_eq!(over.due(now), None);
        over.add(b"a");
        assert_eq!((over.due(now), over.holds(b"a")), (None, true), "it is not to be told yet");
        over.tell(b"a", 1);
        over.add(b"a");
        let first = over.take();
        assert_eq!(first, [(Box::from(&b"a"[..]), 1)]);
        over.put_back(first, now + Duration::from_secs(60));
        assert!(over.take().is_empty() && over.due(now) == Some(Duration::from_secs(60)));
        over.put_back(Vec::new(), now);
        let first = over.take();
        over.tell(b"a", 7);
        let second = over.take();
        over.told(&first);
        assert!(over.holds(b"a"), "its other record is not known");
        over.told(&second);
        assert!(!over.holds(b"a") && over.due(now).is_none());
    }
}
