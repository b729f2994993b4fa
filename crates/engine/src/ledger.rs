//! The last invalidations by their place in the count, for the history of keys.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::Arc;

use clearwell_words::{KeptScope, ShortName};
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

/// The same as it is kept.
#[derive(Debug)]
struct Note {
    seq: Seq,
    at: Millis,
    position: Option<NonZeroU64>,
    scope: KeptScope,
    effect: Effect,
    cause: Cause,
    cascade: bool,
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
    notes: VecDeque<Note>,
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
            let &Invalidation { ref scope, effect, cause, cascade, .. } = invalidation;
            let (scope, position) = (KeptScope::of(scope), None);
            self.put(Note { seq, at: now, position, scope, effect, cause, cascade });
        }
    }

    /// Notes that a write took its dependents away.
    pub(crate) fn dependents(&self, seq: Seq, key: &[u8], now: Millis) {
        if self.bytes_most > 0 {
            let scope = ShortName::of(key).map(KeptScope::Dependents);
            let scope = scope.unwrap_or_else(|| KeptScope::Other(Scope::Dependents(key.into()).into()));
            let (effect, cause, cascade, position) = (Effect::Gone, Cause::Write, true, None);
            self.put(Note { seq, at: now, position, scope, effect, cause, cascade });
        }
    }

    fn put(&self, note: Note) {
        let mut ring = self.ring.lock();
        ring.bytes += taken(&note);
        let place = ring.end_of(note.seq);
        ring.notes.insert(place, note);
        while ring.bytes > self.bytes_most {
            let Some(oldest) = ring.notes.pop_front() else { break };
            ring.bytes -= taken(&oldest);
            ring.floor = ring.floor.max(oldest.seq);
        }
    }

    /// Tells where the invalidation `seq` stands in the stream of what happened.
    pub(crate) fn place(&self, seq: Seq, position: u64) {
        let mut ring = self.ring.lock();
        if let Some(note) = ring.find(seq).and_then(|at| ring.notes.get_mut(at)) {
            note.position = NonZeroU64::new(position);
        }
    }

    /// When the invalidation `seq` was applied, if that is remembered.
    pub(crate) fn when(&self, seq: Seq) -> Option<Millis> {
        let ring = self.ring.lock();
        ring.find(seq).map(|at| ring.notes[at].at)
    }

    /// The invalidation `seq`, if it is remembered.
    pub(crate) fn get(&self, seq: Seq) -> Option<Noted> {
        let ring = self.ring.lock();
        let &Note { seq, at, position, ref scope, effect, cause, cascade } = &ring.notes[ring.find(seq)?];
        let (position, scope) = (position.map(NonZeroU64::get), scope.scope());
        Some(Noted { seq, at, position, scope, effect, cause, cascade })
    }

    /// Bytes taken beyond the structure itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        let ring = self.ring.lock();
        ring.bytes + (ring.notes.capacity() - ring.notes.len()) * size_of::<Note>()
    }

    /// Recounts; says what differs.
    pub(crate) fn check(&self) -> Result<(), String> {
        let ring = self.ring.lock();
        let bytes: usize = ring.notes.iter().map(taken).sum();
        if bytes != ring.bytes || !ring.notes.iter().is_sorted_by_key(|note| note.seq) {
            return Err(format!("the ledger takes {bytes} bytes, the books say {}", ring.bytes));
        }
        Ok(())
    }
}

impl LedgerRing {
    fn find(&self, seq: Seq) -> Option<usize> {
        let place = self.end_of(seq).checked_sub(1)?;
        (self.notes[place].seq == seq).then_some(place)
    }

    /// Behind all up to a place in the count. Most often it was given out just now: those are looked at first.
    fn end_of(&self, seq: Seq) -> usize {
        const LATE: usize = 4;
        let newer = self.notes.iter().rev().take(LATE).take_while(|note| note.seq > seq).count();
        let end = self.notes.len() - newer;
        if newer < LATE { end } else { self.notes.partition_point(|note| note.seq <= seq) }
    }
}

fn taken(note: &Note) -> usize {
    let heap = |scope: &Scope| match scope {
        Scope::Key(name) | Scope::Tag(name) | Scope::Dependents(name) | Scope::Prefix(name) => name.len(),
        Scope::Pattern(glob) => glob.as_bytes().len(),
        Scope::Event(event) => event.heap_bytes(),
        Scope::Everything => 0,
    };
    let heap = if let KeptScope::Other(scope) = &note.scope { size_of::<Scope>() + heap(scope) } else { 0 };
    size_of::<Note>() + heap
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_and_the_bytes_are_right() {
        let ledger = Ledger::new(4 * size_of::<Note>() as u64);
        for seq in 1..=10 {
            ledger.dependents(Seq(seq), b"key", Millis(seq * 10));
            ledger.check().unwrap();
        }
        assert_eq!(ledger.when(Seq(1)), None);
        assert_eq!(ledger.when(Seq(10)), Some(Millis(100)));
        ledger.place(Seq(10), 77);
        let noted = ledger.get(Seq(10)).unwrap();
        assert_eq!((noted.position, noted.scope), (Some(77), Scope::Dependents((*b"key").into()).into()));
        assert!(ledger.memory_bytes() <= 8 * size_of::<Note>());
    }
}
