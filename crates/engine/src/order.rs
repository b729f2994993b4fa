//! The order of changes, where somebody outside decides it.

use std::fmt;
use std::sync::Arc;

use crate::{Cause, Draft, Effect, Invalidation, Millis, Scope, TooLarge, Version, View};

/// Gives changes that clients make their places in an order: an owner's log. Those that the engine is told to carry out have theirs
/// ([`Engine::apply`](crate::Engine::apply), [`Engine::adopt`](crate::Engine::adopt)).
///
/// It is asked while the key is held, when nothing else can refuse the change any more and before anybody can see it. It must not call
/// the engine, which carries the change out when it returns.
pub trait Order: Send + Sync {
    /// A change of a key in memory takes values away.
    fn order(&self, invalidation: Invalidation, now: Millis);

    /// Whether values have places too. Asked once, at the beginning.
    fn has_values(&self) -> bool {
        false
    }

    /// A client's value gets its place, which takes away what depends on the key as well, and its version there. `None`: it gets none,
    /// and nothing is changed.
    fn put(&self, _key: &[u8], _draft: &Draft<'_>, _given: Provenance, _now: Millis) -> Option<Version> {
        None
    }

    /// An entry is to expire at another time; `false`: not here, and nothing is changed.
    fn touch(&self, _entry: &View<'_>, _expires: Option<Millis>, _now: Millis) -> bool {
        false
    }
}

/// How a client came to a value that it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// It made it.
    Written,
    /// It read it elsewhere after a miss.
    Filled,
}

/// What came of asking for a value's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placing {
    /// Values have none.
    Unordered,
    /// Its version there.
    At(Version),
    /// It gets none.
    Elsewhere,
}

/// Whom the engine asks, if anybody.
#[derive(Clone, Default)]
pub(crate) struct OutsideOrder {
    order: Option<Arc<dyn Order>>,
    has_values: bool,
}

impl OutsideOrder {
    pub(crate) fn by(order: Arc<dyn Order>) -> OutsideOrder {
        OutsideOrder { has_values: order.has_values(), order: Some(order) }
    }

    /// Whether values have places in it.
    pub(crate) fn has_values(&self) -> bool {
        self.has_values
    }

    /// The place of a client's value.
    #[inline]
    pub(crate) fn put(&self, key: &[u8], draft: &Draft<'_>, given: Provenance, now: Millis) -> Placing {
        match self.order.as_ref().filter(|_| self.has_values) {
            None => Placing::Unordered,
            Some(order) => order.put(key, draft, given, now).map_or(Placing::Elsewhere, Placing::At),
        }
    }

    /// An entry is to expire at another time.
    pub(crate) fn touch(
        &self,
        entry: &View<'_>,
        expires: Option<Millis>,
        now: Millis,
    ) -> Result<(), TooLarge> {
        match self.order.as_ref().filter(|_| self.has_values) {
            Some(order) if !order.touch(entry, expires, now) => Err(TooLarge::Elsewhere),
            _ => Ok(()),
        }
    }

    /// What depends on a key is taken away, because the key is written. A value's own place says so, where it has one.
    pub(crate) fn dependents(&self, key: &[u8], now: Millis) {
        if !self.has_values {
            self.order(|| Scope::Dependents(key.into()), true, Cause::Write, now);
        }
    }

    /// A key is removed, and what depends on it.
    pub(crate) fn removal(&self, key: &[u8], now: Millis) {
        self.order(|| Scope::Key(key.into()), true, Cause::Removal, now);
    }

    /// A key's value is in doubt.
    pub(crate) fn doubt(&self, key: &[u8], now: Millis) {
        self.order(|| Scope::Key(key.into()), false, Cause::Write, now);
    }

    /// What a client wants to be taken away.
    pub(crate) fn asked(&self, invalidation: &Invalidation, now: Millis) {
        if let Some(order) = &self.order {
            order.order(invalidation.clone(), now);
        }
    }

    fn order(&self, scope: impl FnOnce() -> Scope, cascade: bool, cause: Cause, now: Millis) {
        let Some(order) = &self.order else { return };
        let scope = scope().into();
        order.order(Invalidation { scope, effect: Effect::Gone, cascade, version: None, cause }, now);
    }
}

impl fmt::Debug for OutsideOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutsideOrder")
            .field("asked", &self.order.is_some())
            .field("has_values", &self.has_values)
            .finish()
    }
}
