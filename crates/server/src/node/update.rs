//! Commands that look at what there is before they change it.

use clearwell_engine::{Cause, Change, Effect, Invalidation, Millis, Relocated, Relocation, Scope, View};

use super::news::Happened;
use super::{Node, WriteError};
use crate::keyspace::Keyspace;
use crate::syntax::Invalid;

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
        let (mut changed, mut removed, mut checked) = (false, false, Ok(()));
        let answer = self.engine().update(key, now, |view| {
            let (change, answer) = decide(view);
            checked = keyspace.map_or(Ok(()), |keyspace| check(keyspace, &change));
            if checked.is_err() {
                return (Change::Keep, answer);
            }
            changed = !matches!(change, Change::Keep);
            removed = view.is_some() && matches!(change, Change::Remove);
            (change, answer)
        });
        self.go_on();
        checked.map_err(WriteError::Invalid)?;
        let answer = answer.map_err(WriteError::Unfit)?;
        if changed {
            self.reports.tallies().wrote(keyspace.map_or(0, |keyspace| keyspace.class));
        }
        if removed {
            self.tell_removed(key, now);
        }
        Ok(answer)
    }

    /// Moves or copies an entry in memory to another key, in one step for every surface; see [`Engine::relocate`].
    ///
    /// [`Engine::relocate`]: clearwell_engine::Engine::relocate
    ///
    /// # Errors
    /// It does not fit under the other key, or the other key's keyspace does not take its value; nothing is changed.
    pub fn relocate(
        &self,
        from: &[u8],
        to: &[u8],
        how: Relocation,
        now: Millis,
    ) -> Result<Relocated, WriteError> {
        let keyspace = self.keyspaces.find(to).map(|(keyspace, _)| keyspace);
        self.reports.tallies().wrote(keyspace.map_or(0, |keyspace| keyspace.class));
        let mut checked = Ok(());
        let takes = |value: &[u8]| {
            checked = keyspace.map_or(Ok(()), |keyspace| keyspace.values.check(value));
            checked.is_ok()
        };
        let relocated = self.engine().relocate(from, to, how, takes, now);
        self.go_on();
        let relocated = relocated.map_err(WriteError::Unfit)?;
        checked.map_err(WriteError::Invalid)?;
        if relocated == Relocated::Done && !how.keep && from != to {
            self.tell_removed(from, now);
        }
        Ok(relocated)
    }

    fn tell_removed(&self, key: &[u8], now: Millis) {
        let (scope, cause) = (Scope::Key(key.into()), Cause::Removal);
        let told =
            Invalidation { scope: scope.into(), effect: Effect::Gone, cascade: true, version: None, cause };
        let dependents = self.engine().dependencies(key, 1, now).dependents.len() as u64;
        self.reports.tell(now, Happened::Invalidated { invalidation: told, reached: 1, dependents });
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
