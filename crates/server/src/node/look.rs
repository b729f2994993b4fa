//! What surfaces may look at in memory, and the little that they decide there. None of it is a read at a level: it counts as no use,
//! loads nothing and keeps no promise.

use clearwell_engine::{Account, Eviction, Seq, View};

use super::Node;

impl Node {
    /// Looks at an entry as it lies in memory, stale or not; `None`: there is none.
    pub fn peek<R>(&self, key: &[u8], read: impl FnOnce(&View<'_>) -> R) -> Option<R> {
        self.engine().peek(key, self.clock.tick(), read)
    }

    /// Shows entries of memory from a place on, about `count` of them; the place to go on from, or 0 at the end.
    pub fn scan(&self, cursor: u64, count: usize, visit: impl FnMut(&View<'_>)) -> u64 {
        self.engine().scan(cursor, count, self.clock.tick(), visit)
    }

    /// Any key of memory.
    pub fn random_key(&self) -> Option<Box<[u8]>> {
        self.engine().random_key(fastrand::u64(..), self.clock.tick())
    }

    /// The bytes that a key's entry takes.
    pub fn memory_of(&self, key: &[u8]) -> Option<u64> {
        self.engine().memory_of(key, self.clock.tick())
    }

    /// What memory is used for, and the counts of what happened in it.
    pub fn account(&self) -> Account {
        self.engine().account()
    }

    /// How many invalidations this process has applied.
    pub fn seq(&self) -> Seq {
        self.engine().seq()
    }

    /// Which entries leave first when there is no room.
    pub fn eviction(&self) -> Eviction {
        self.engine().eviction()
    }

    /// Chooses which entries leave first from now on.
    pub fn evict_by(&self, eviction: Eviction) {
        self.engine().evict_by(eviction);
    }

    /// What outstanding misses remember a key by.
    pub fn hash_of(&self, key: &[u8]) -> u64 {
        self.engine().hash_of(key)
    }

    /// A miss will not be filled: whoever had it is gone.
    pub fn withdraw(&self, key_hash: u64, began: Seq) {
        self.engine().withdraw(key_hash, began);
    }

    /// Recounts what memory holds; says what the books have otherwise.
    ///
    /// # Errors
    /// The first difference.
    pub fn check(&self) -> Result<(), String> {
        self.engine().check()
    }
}
