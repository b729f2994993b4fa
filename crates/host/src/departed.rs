//! Copies that left by themselves, until the member is told.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};

use clearwell_cluster::Bytes;
use clearwell_engine::{Departure, Departures};
use parking_lot::Mutex;

/// Keys whose entries were evicted or expired. The engine adds to them while it holds a shard; the host takes them out.
#[derive(Default)]
pub(crate) struct Departed {
    /// Who else wants to hear of them.
    also: Option<Arc<dyn Departures>>,
    keys: Mutex<Vec<Bytes>>,
    /// Whether there are any, for who only asks that.
    any: AtomicBool,
}

impl Departed {
    /// None yet; `also` hears of each as well.
    pub fn told_to(also: Arc<dyn Departures>) -> Departed {
        Departed { also: Some(also), ..Departed::default() }
    }

    /// One more.
    pub fn note(&self, key: Bytes) {
        let mut keys = self.keys.lock();
        keys.push(key);
        self.any.store(true, Release);
    }

    /// Whether there are none. One that departs just now may be overlooked once.
    pub fn is_empty(&self) -> bool {
        !self.any.load(Acquire)
    }

    /// All of them, each once.
    pub fn take(&self) -> Vec<Bytes> {
        let mut keys = {
            let mut keys = self.keys.lock();
            self.any.store(false, Release);
            std::mem::take(&mut *keys)
        };
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Those that were taken for nothing.
    pub fn give_back(&self, keys: Vec<Bytes>) {
        keys.into_iter().for_each(|key| self.note(key));
    }
}

impl Departures for Departed {
    fn departed(&self, key: &[u8], departure: Departure) {
        self.note(key.into());
        if let Some(also) = &self.also {
            also.departed(key, departure);
        }
    }

    fn absence_departed(&self, key: &[u8], departure: Departure) {
        self.note(key.into());
        if let Some(also) = &self.also {
            also.absence_departed(key, departure);
        }
    }
}
