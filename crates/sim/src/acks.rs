//! Which keys without a source wait for their replicas.

use clearwell_cluster::request::Ack;

use crate::names::KeyId;
use crate::rng::Rng;

/// What the keyspaces of a world say of acknowledgements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// All the same.
    All(Ack),
    /// Every second key is left to its owner.
    Mixed,
}

impl Acks {
    /// Draws them.
    pub fn draw(rng: &mut Rng) -> Acks {
        *rng.pick(&[Acks::All(Ack::Owner), Acks::All(Ack::Replicas), Acks::Mixed])
    }

    /// What a key's writes wait for.
    pub fn of(self, key: KeyId) -> Ack {
        match self {
            Acks::All(ack) => ack,
            Acks::Mixed if key.is_multiple_of(2) => Ack::Owner,
            Acks::Mixed => Ack::Replicas,
        }
    }
}
