//! The order of invalidations, where somebody outside decides it.

use std::fmt;
use std::sync::Arc;

use crate::{Cause, Effect, Invalidation, Millis, Scope};

/// Gives invalidations their places in an order: an owner's log. Those that the engine is told to apply have theirs.
pub trait Order: Send + Sync {
    /// A change of a key in memory takes values away. Called while the key is held, when nothing can refuse
    /// the change any more and before anybody can see it. It must not call the engine, which carries it out when this
    /// returns.
    fn order(&self, invalidation: Invalidation, now: Millis);
}

/// Whom the engine asks, if anybody.
#[derive(Clone, Default)]
pub(crate) struct OutsideOrder(pub Option<Arc<dyn Order>>);

impl OutsideOrder {
    /// What depends on a key is taken away, because the key is written.
    pub(crate) fn dependents(&self, key: &[u8], now: Millis) {
        self.order(|| Scope::Dependents(key.into()), true, Cause::Write, now);
    }

    /// A key is removed, and what depends on it.
    pub(crate) fn removal(&self, key: &[u8], now: Millis) {
        self.order(|| Scope::Key(key.into()), true, Cause::Removal, now);
    }

    /// A key's value is in doubt.
    pub(crate) fn doubt(&self, key: &[u8], now: Millis) {
        self.order(|| Scope::Key(key.into()), false, Cause::Write, now);
    }

    fn order(&self, scope: impl FnOnce() -> Scope, cascade: bool, cause: Cause, now: Millis) {
        let Some(order) = &self.0 else { return };
        let scope = scope().into();
        order.order(Invalidation { scope, effect: Effect::Gone, cascade, version: None, cause }, now);
    }
}

impl fmt::Debug for OutsideOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "OutsideOrder(asked)" } else { "OutsideOrder(none)" })
    }
}
