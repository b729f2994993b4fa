//! The read policy.

use std::sync::Arc;

use clearwell_engine::View;

use super::{Answer, Demand, Node, ReadError, Turn};

impl Node {
    /// Reads a key. `seen` makes what the surface needs of an entry that is served from memory, with whether it is
    /// stale; it is called while the entry's shard is held, so it copies and does nothing slow.
    ///
    /// A hit answers `Now(Ok(Got::Seen(..)))`, synchronously. A miss of a key without a source answers `Now(Ok(Got::Miss))`.
    /// Everything that needs the source answers `Later`.
    pub fn get<R>(
        self: &Arc<Self>,
        key: &[u8],
        demand: Demand,
        seen: impl FnOnce(&View<'_>, bool) -> R,
    ) -> Turn<Result<Got<R>, ReadError>>
    where
        R: Send + 'static,
    {
        let _ = (key, demand, seen);
        todo!()
    }

    /// Reads a key into an owned answer: for surfaces that are not in a hurry (REST, `CW.GET`, the library).
    pub fn read(self: &Arc<Self>, key: &[u8], demand: Demand) -> Turn<Result<Answer, ReadError>> {
        let _ = (key, demand);
        todo!()
    }
}

/// What [`Node::get`] found.
#[derive(Debug)]
pub enum Got<R> {
    /// In memory (perhaps a negative entry: `view.value()` was `None`): what `seen` made of it.
    Seen(R),
    /// Loaded from the source just now.
    Loaded(Answer),
    /// Not in memory, and no source. A value that the client loads from now on may be filled with this count.
    Miss(clearwell_engine::Seq),
}
