//! Of which rows the source's feed tells, and so which keys need no fence.

use clearwell_cluster::config::Fences;

use crate::names::{Class, KeyId, Names};
use crate::rng::Rng;

/// What a world's feed tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Following {
    /// Every so many-th row that is not written back is of a table that is not followed, which only the cluster changes; 0 for none.
    pub unfollowed: u32,
    /// Whether it tells of commits that the cluster made itself.
    pub tells_own: bool,
}

impl Following {
    /// All rows, but not of what the cluster commits itself.
    pub const OTHERS: Following = Following { unfollowed: 0, tells_own: false };

    /// Draws it.
    pub fn draw(unfollowed: &mut Rng, own: &mut Rng) -> Following {
        Following { unfollowed: *unfollowed.pick(&[0, 0, 2, 1]), tells_own: own.percent(50) }
    }

    /// Whether the feed tells of what others commit to a key.
    pub fn follows(self, class: Class, key: KeyId) -> bool {
        match class {
            Class::Source => self.unfollowed == 0 || !key.is_multiple_of(self.unfollowed),
            Class::Back => true,
            Class::Cache => false,
        }
    }

    /// Whether statements that come late have to be refused by the source.
    pub fn needs_fence(self, class: Class, key: KeyId) -> bool {
        class == Class::Back || !self.tells_own || !self.follows(class, key)
    }

    /// The same for members, by keys' bytes.
    pub fn fences(self) -> Fences {
        Fences::but_for(move |key| {
            let (class, key) = Names::read(key);
            !self.needs_fence(class, key)
        })
    }
}
