//! A bounded memory of invalidated names.

use crate::Seq;
use crate::freshness::Last;

/// When the names that were invalidated last were invalidated. The oldest is forgotten when there are too many,
/// and everything unknown then answers with a floor that is at least as new. Names are given by their keyed
/// 64-bit hashes: two that collide are taken for one, which costs a hit and never freshness.
#[derive(Debug)]
pub(crate) struct KeyMarks {}

impl KeyMarks {
    /// Remembers at most `capacity` names.
    pub(crate) fn new(capacity: usize) -> KeyMarks {
        let _ = capacity;
        todo!()
    }
    /// When the name was invalidated last; for an unknown one, the floor.
    pub(crate) fn last(&self, hash: u64) -> Last {
        let _ = hash;
        todo!()
    }
    /// Notes an invalidation.
    pub(crate) fn raise(&mut self, hash: u64, last: Last) {
        let _ = (hash, last);
        todo!()
    }
    /// Gives the memory of a name over to the caller, who answers for it from now on; the floor if it is unknown.
    pub(crate) fn take(&mut self, hash: u64) -> Last {
        let _ = hash;
        todo!()
    }
    /// Forgets all that is not newer than `seq`, because a wider mark (everything) remembers it.
    pub(crate) fn forget_through(&mut self, seq: Seq) {
        let _ = seq;
        todo!()
    }
    /// How many names are remembered.
    pub(crate) fn len(&self) -> usize {
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
