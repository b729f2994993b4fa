//! Commands that look at what there is before they change it.

use clearwell_engine::{Cause, Change, Effect, Invalidation, Millis, Scope, TooLarge, View};

use super::Node;
use super::news::Happened;

impl Node {
    /// Reads, decides and changes one key in memory in one step; `decide` sees what a reader would see, and does not call
    /// the engine. What depends on a key that is changed or removed is invalidated by the engine in the same step, as it is
    /// after [`Node::set`]; a removal is also told as news, as it is after [`Node::remove`] (decision 0007).
    ///
    /// # Errors
    /// What is to be stored does not fit; nothing is changed.
    pub fn update<'d, R>(
        &self,
        key: &[u8],
        now: Millis,
        decide: impl FnOnce(Option<&View<'_>>) -> (Change<'d>, R),
    ) -> Result<R, TooLarge> {
        let mut removed = false;
        let answer = self.engine.update(key, now, |view| {
            let (change, answer) = decide(view);
            removed = view.is_some() && matches!(change, Change::Remove);
            (change, answer)
        })?;
        if removed {
            let (scope, cause) = (Scope::Key(key.into()), Cause::Removal);
            let told = Invalidation { scope, effect: Effect::Gone, cascade: true, version: None, cause };
            let dependents = self.engine.dependencies(key, 1, now).dependents.len() as u64;
            self.news.tell(now, Happened::Invalidated { invalidation: told, reached: 1, dependents });
        }
        Ok(answer)
    }
}
