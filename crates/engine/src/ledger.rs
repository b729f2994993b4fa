//! The last invalidations by their place in the count, for the history of keys.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::recent::Heap;
use crate::{Cause, Effect, Invalidation, Millis, Scope, Seq};

/// An invalidation that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Its place in this process's count.
    pub seq: Seq,
    /// When.
    pub at: Millis,
    /// Its place in the stream of what happened, if it stands there.
    pub position: Option<u64>,
    /// What it covered.
    pub scope: Arc<Scope>,
    /// What happened to the covered values.
    pub effect: Effect,
    /// Why it was made.
    pub cause: Cause,
    /// Whether dependents were covered too.
    pub cascade: bool,
}

/// Those that were noted last, in a bounded number of bytes.
#[derive(Debug)]
pub(crate) struct Ledger {
    ring: Mutex<LedgerRing>,
    bytes_most: usize,
}

#[derive(Debug, Default)]
struct LedgerRing {
    /// By count, oldest first.
    noted: VecDeque<Noted>,
    bytes: usize,
    /// The newest that is forgotten.
    floor: Seq,
}

impl Ledger {
    /// An empty one, which takes at most so many bytes.
    pub(crate) fn new(bytes: u64) -> Ledger {
        Ledger { ring: Mutex::default(), bytes_most: bytes as usize }
    }

    /// Notes an invalidation.
    pub(crate) fn note(&self, seq: Seq, invalidation: &Invalidation, now: Millis) {
        if self.bytes_most > 0 {
            let Invalidation { scope, effect, cause, cascade, .. } = invalidation;
            let (scope, position) = (scope.clone(), None);
            let (effect, cause, cascade) = (*effect, *cause, *cascade);
            self.put(Noted { seq, at: now, position, scope, effect, cause, cascade });
        }
    }

    /// Notes that a write took its dependents away.
    pub(crate) fn dependents(&self, seq: Seq, key: &[u8], now: Millis) {
        if self.bytes_most > 0 {
            let (scope, position) = (Scope::Dependents(key.into()).into(), None);
            let (effect, cause, cascade) = (Effect::Gone, Cause::Write, true);
            self.put(Noted { seq, at: now, position, scope, effect, cause, cascade });
        }
    }

    fn put(&self, noted: Noted) {
        let mut ring = self.ring.lock();
        ring.bytes += taken(&noted);
        let place = ring.noted.partition_point(|known| known.seq <= noted.seq);
        ring.noted.insert(place, noted);
        while ring.bytes > self.bytes_most {
            let Some(oldest) = ring.noted.pop_front() else { break };
            ring.bytes -= taken(&oldest);
            ring.floor = ring.floor.max(oldest.seq);
        }
    }

    /// Tells where the invalidation `seq` stands in the stream of what happened.
    pub(crate) fn place(&self, seq: Seq, position: u64) {
        let mut ring = self.ring.lock();
        if let Some(noted) = ring.find(seq).and_then(|at| ring.noted.get_mut(at)) {
            noted.position = Some(position);
        }
    }

    /// When the invalidation `seq` was applied, if that is remembered.
    pub(crate) fn when(&self, seq: Seq) -> Option<Millis> {
        let ring = self.ring.lock();
        ring.find(seq).map(|at| ring.noted[at].at)
    }

    /// The invalidation `seq`, if it is remembered.
    pub(crate) fn get(&self, seq: Seq) -> Option<Noted> {
        let ring = self.ring.lock();
        ring.find(seq).map(|at| ring.noted[at].clone())
    }

    /// Bytes taken beyond the structure itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        let ring = self.ring.lock();
        ring.bytes + (ring.noted.capacity() - ring.noted.len()) * size_of::<Noted>()
    }

    /// Recounts; says what differs.
    pub(crate) fn check(&self) -> Result<(), String> {
        let ring = self.ring.lock();
        let bytes: usize = ring.noted.iter().map(taken).sum();
        if bytes != ring.bytes || !ring.noted.iter().is_sorted_by_key(|noted| noted.seq) {
            return Err(format!("the ledger takes {bytes} bytes, the books say {}", ring.bytes));
        }
        Ok(())
    }
}

impl LedgerRing {
    fn find(&self, seq: Seq) -> Option<usize> {
        self.noted.binary_search_by_key(&seq, |noted| noted.seq).ok()
    }
}

fn taken(noted: &Noted) -> usize {
    let heap = match &*noted.scope {
        Scope::Key(name) | Scope::Tag(name) | Scope::Dependents(name) | Scope::Prefix(name) => name.len(),
        Scope::Pattern(glob) => glob.as_bytes().len(),
        Scope::Event(event) => event.heap_bytes(),
        Scope::Everything => 0,
    };
    size_of::<Noted>() + heap
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_and_the_bytes_are_right() {
        let ledger = Ledger::new(4 * size_of::<Noted>() as u64);
        for seq in 1..=10 {
            ledger.dependents(Seq(seq), b"key", Millis(seq * 10));
            ledger.check().unwrap();
        }
        assert_eq!(ledger.when(Seq(1)), None);
        assert_eq!(ledger.when(Seq(10)), Some(Millis(100)));
        ledger.place(Seq(10), 77);
        let noted = ledger.get(Seq(10)).unwrap();
        assert_eq!((noted.position, noted.scope), (Some(77), Scope::Dependents((*b"key").into()).into()));
        assert!(ledger.memory_bytes() <= 8 * size_of::<Noted>());
    }
}
