//! Which keys need a fence: a word of their source that it refuses earlier statements.

use std::fmt;
use std::sync::Arc;

/// Whether a feed tells of every commit to a key.
type IsTold = dyn Fn(&[u8]) -> bool + Send + Sync;

/// The keys for which a source has to refuse what former owners may still send. All, unless their keyspaces say otherwise.
///
/// A key needs none if it is never written back and its source's feed tells of every commit to its table, those of this cluster included: a
/// write-through that is committed late is then told of like anybody's, and the feed's order is the fence. All members of a cluster have the same
/// keyspaces, and so the same fences.
#[derive(Clone, Default)]
pub struct Fences {
    is_told: Option<Arc<IsTold>>,
}

impl Fences {
    /// All keys but those of whose commits, all of them, a feed tells.
    pub fn but_for(is_told: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Fences {
        Fences { is_told: Some(Arc::new(is_told)) }
    }

    /// Whether a key needs one.
    pub fn has(&self, key: &[u8]) -> bool {
        !self.is_told.as_ref().is_some_and(|is_told| is_told(key))
    }
}

impl fmt::Debug for Fences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_told.is_some() { "Fences(but for what feeds tell)" } else { "Fences(all)" })
    }
}
