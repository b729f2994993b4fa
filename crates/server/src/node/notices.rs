//! What happens to single keys, for whoever subscribed: Redis's keyspace notifications, and the stream of what happened as it is
//! told. Nobody is told of anything that nobody asked for: that costs one look at a number.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use clearwell_engine::{Departure, Departures};
use parking_lot::RwLock;

use super::NewsItem;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked(u8);

impl Asked {
    /// Nothing.
    pub const NOTHING: Asked = Asked(0);
    /// Writes of values: `set`, `incrby`, `append`, ...
    pub const STRINGS: Asked = Asked(1);
    /// What is done to any key: `del`, `expire`, ...
    pub const GENERIC: Asked = Asked(2);
    /// `expired`.
    pub const EXPIRED: Asked = Asked(4);
    /// `evicted`.
    pub const EVICTED: Asked = Asked(8);
    /// The stream of what happened.
    pub const NEWS: Asked = Asked(16);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Asked) -> Asked {
        Asked(self.0 | other.0)
    }

    /// Whether some of the other is asked for.
    pub const fn has(self, other: Asked) -> bool {
        self.0 & other.0 != 0
    }
}

/// Who is told. It takes little time, and does not call the node: keys and streams are held meanwhile.
pub trait Hear: Send + Sync {
    /// What it asks for just now.
    fn asked(&self) -> Asked;
    /// Something was done to a key.
    fn noticed(&self, class: Asked, event: &str, key: &[u8]);
    /// Something happened.
    fn happened(&self, item: &NewsItem);
}

/// All who are told.
#[derive(Default)]
pub struct Notices {
    asked: AtomicU8,
    hearers: RwLock<Vec<Weak<dyn Hear>>>,
}

impl Notices {
    /// Tells one more, for as long as it lives.
    pub fn add(&self, hearer: &Arc<dyn Hear>) {
        self.hearers.write().push(Arc::downgrade(hearer));
        self.ask_again();
    }

    /// To be called when what a hearer asks for has changed.
    pub fn ask_again(&self) {
        let mut hearers = self.hearers.write();
        hearers.retain(|hearer| hearer.strong_count() > 0);
        let asked = hearers.iter().filter_map(Weak::upgrade).map(|hearer| hearer.asked());
        self.asked.store(asked.fold(Asked::NOTHING, Asked::and).0, Relaxed);
    }

    /// Whether somebody asks for one of these.
    #[inline]
    pub fn asks(&self, class: Asked) -> bool {
        Asked(self.asked.load(Relaxed)).has(class)
    }

    /// Something was done to a key.
    #[inline]
    pub fn tell(&self, class: Asked, event: &str, key: &[u8]) {
        if self.asks(class) {
            self.each(|hearer| hearer.noticed(class, event, key));
        }
    }

    /// Something happened.
    #[inline]
    pub(super) fn happened(&self, item: &NewsItem) {
        if self.asks(Asked::NEWS.and(Asked::GENERIC)) {
            self.each(|hearer| hearer.happened(item));
        }
    }

    #[cold]
    fn each(&self, tell: impl Fn(&dyn Hear)) {
        self.hearers.read().iter().filter_map(Weak::upgrade).for_each(|hearer| tell(&*hearer));
    }
}

impl Departures for Notices {
    fn departed(&self, key: &[u8], departure: Departure) {
        match departure {
            Departure::Expired => self.tell(Asked::EXPIRED, "expired", key),
            Departure::Evicted => self.tell(Asked::EVICTED, "evicted", key),
        }
    }
}
