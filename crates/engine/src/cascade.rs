//! Invalidations that reach what depends on the covered, transitively.

use std::sync::Arc;

use crate::counter::Counter;
use crate::names::{Kind, Mark, Names};
use crate::{Effect, Seq, TooLarge};

impl Names {
    /// Notes what the stored (or about to be stored) entry `key` lives by, because somebody depends on it
    /// ([`Names::is_live`]). Called under the lock of `key`'s shard, before the entry's marks are entered or, when
    /// a dependent finds it stored, before its marks are looked at.
    pub(crate) fn link(&self, key: &[u8], held: &[Arc<Mark>], counter: &Counter) {
        let _ = (key, held, counter);
        todo!()
    }
    /// Raises the given names and all dependencies that follow from them; returns the entries reached.
    /// `start`: for a key or dependents `[(Dependency, d)]`, for a tag with cascade `[(Tag, t), (Dependency, t)]`.
    pub(crate) fn cascade(
        &self,
        start: &[(Kind, &[u8])],
        seq: Seq,
        effect: Effect,
        counter: &Counter,
    ) -> u64 {
        let _ = (start, seq, effect, counter);
        todo!()
    }
    /// Whether `key` may be made from `dependencies`: no cycle, no chain of more than `limit` edges. Asked after the dependencies were
    /// joined and linked.
    pub(crate) fn check_chain(
        &self,
        key: &[u8],
        dependencies: &[&[u8]],
        limit: usize,
    ) -> Result<(), TooLarge> {
        let _ = (key, dependencies, limit);
        todo!()
    }
}
