//! Commands that look at what there is before they change it.

use clearwell_engine::{Cause, Change, Effect, Invalidation, Millis, Scope, View};

use super::news::Happened;
use super::{Node, WriteError};
use crate::keyspace::{Invalid, Keyspace};

impl Node {
    /// Reads, decides and changes one key in memory in one step; `decide` sees what a reader would see, and does not call
    /// the engine. What depends on a key that is changed or removed is invalidated by the engine in the same step, as it is
    /// after [`Node::set`]; a removal is also told as news, as it is after [`Node::remove`] (decision 0007).
    ///
    /// # Errors
    /// What is to be stored does not fit, into the cache or its keyspace's schema; nothing is changed.
    pub fn update<'d, R>(
        &self,
        key: &[u8],
        now: Millis,
        decide: impl FnOnce(Option<&View<'_>>) -> (Change<'d>, R),
    ) -> Result<R, WriteError> {
        let keyspace = self.keyspaces.find(key).map(|(keyspace, _)| keyspace);
        let (mut removed, mut checked) = (false, Ok(()));
        let answer = self.engine.update(key, now, |view| {
            let (change, answer) = decide(view);
            checked = keyspace.map_or(Ok(()), |keyspace| check(keyspace, &change));
            if checked.is_err() {
                return (Change::Keep, answer);
            }
            removed = view.is_some() && matches!(change, Change::Remove);
            (change, answer)
        });
        checked.map_err(WriteError::Invalid)?;
        let answer = answer.map_err(WriteError::Unfit)?;
        if removed {
            let (scope, cause) = (Scope::Key(key.into()), Cause::Removal);
            let told = Invalidation { scope, effect: Effect::Gone, cascade: true, version: None, cause };
            let dependents = self.engine.dependencies(key, 1, now).dependents.len() as u64;
            self.news.tell(now, Happened::Invalidated { invalidation: told, reached: 1, dependents });
        }
        Ok(answer)
    }
}

/// Whether the value that a change stores is one that its keyspace takes.
fn check(keyspace: &Keyspace, change: &Change<'_>) -> Result<(), Invalid> {
    match change {
        Change::Value(value) => keyspace.values.check(value),
        Change::Put(draft) => draft.value.map_or(Ok(()), |value| keyspace.values.check(value)),
        Change::Keep | Change::Expires(_) | Change::Remove => Ok(()),
    }
}
