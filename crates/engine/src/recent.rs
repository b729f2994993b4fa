//! The last invalidations whose scope is a question rather than a name: patterns, prefixes, events.

use crate::freshness::Last;
use crate::{Effect, Seq};

/// The last scopes of one sort, for fills in flight: a fill asks whether one that covers it came after its load
/// began. Bounded by count and by bytes; what was forgotten is taken to cover everything.
///
/// `push` comes before stored entries are walked (or their marks raised); a fill asks under the lock under which it
/// then stores (or after it joined its marks). So one of the two sees the other.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    placeholder: std::marker::PhantomData<T>,
}

/// What a remembered scope takes beyond its own size, in bytes.
pub(crate) trait Heap {
    /// Bytes on the heap.
    fn heap_bytes(&self) -> usize;
}

impl<T: Heap> Recent<T> {
    /// Remembers at most `count` scopes in at most `bytes` bytes.
    pub(crate) fn new(count: usize, bytes: usize) -> Recent<T> {
        let _ = (count, bytes);
        todo!()
    }
    /// Notes an invalidation.
    pub(crate) fn push(&self, seq: Seq, effect: Effect, scope: T) {
        let _ = (seq, effect, scope);
        todo!()
    }
    /// The last one that `covers` says yes to, or that was forgotten, among those after `began`; one atomic load
    /// when there is none after it.
    pub(crate) fn last_covering(&self, began: Seq, covers: impl FnMut(&T) -> bool) -> Last {
        let _ = (began, covers);
        todo!()
    }
    /// Bytes taken beyond the structure itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        todo!()
    }
    /// Recounts; says what differs.
    pub(crate) fn check(&self) -> Result<(), String> {
        todo!()
    }
}
