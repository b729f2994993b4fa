//! Entries that leave by themselves, for whoever wants to be told.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// Why an entry left that nobody took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// For time.
    Expired,
    /// For space.
    Evicted,
}

/// Is told of them.
pub trait Departures: Send + Sync {
    /// An entry with a value left. Called while its shard is held: it does little, and does not call the engine.
    fn departed(&self, key: &[u8], departure: Departure);

    /// The same for an entry that said that there is no value: for whoever counts copies, not values.
    fn absence_departed(&self, _key: &[u8], _departure: Departure) {}
}

/// Whom the engine tells, if anybody.
#[derive(Clone, Default)]
pub(crate) struct DeparturesWatch(OnceLock<Arc<dyn Departures>>);

impl DeparturesWatch {
    /// From now on; who is told first stays.
    pub(crate) fn set(&self, departures: Arc<dyn Departures>) {
        let _told_already = self.0.set(departures);
    }

    #[inline]
    pub(crate) fn tell(&self, key: &[u8], is_absence: bool, departure: Departure) {
        match self.0.get() {
            Some(departures) if is_absence => departures.absence_departed(key, departure),
            Some(departures) => departures.departed(key, departure),
            None => {}
        }
    }
}

impl fmt::Debug for DeparturesWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "DeparturesWatch(told)" } else { "DeparturesWatch(none)" })
    }
}
