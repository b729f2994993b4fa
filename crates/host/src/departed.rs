//! Copies that left by themselves, until the member is told.

use clearwell_cluster::Bytes;
use clearwell_engine::{Departure, Departures};
use parking_lot::Mutex;

/// Keys whose entries were evicted or expired. The engine adds to them while it holds a shard; the host takes them out.
#[derive(Debug, Default)]
pub(crate) struct Departed(Mutex<Vec<Bytes>>);

impl Departed {
    /// One more.
    pub fn note(&self, key: Bytes) {
        self.0.lock().push(key);
    }

    /// All of them, each once.
    pub fn take(&self) -> Vec<Bytes> {
        let mut keys = std::mem::take(&mut *self.0.lock());
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

impl Departures for Departed {
    fn departed(&self, key: &[u8], _: Departure) {
        self.note(key.into());
    }

    fn absence_departed(&self, key: &[u8], _: Departure) {
        self.note(key.into());
    }
}
