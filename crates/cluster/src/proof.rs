//! The rule by which a copy in memory is served: a pure function of what is proven of the copy, the same for members and near caches.

use clearwell_words::Millis;

use crate::holder::Cover;
use crate::level::{Level, Service, Token};
use crate::name::{Bytes, Name};
use crate::{Config, Epoch};

/// What the owners of a copy's names prove of it together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof {
    /// It was certainly current this long ago.
    age_ms: u64,
    /// The read leases of all of them last.
    leased: bool,
    /// It is as new as what the reader's session has seen.
    seen: bool,
}

impl Proof {
    /// The strictest of several covers; `None` when one is missing.
    pub fn of(covers: impl Iterator<Item = Option<Cover>>, now: Millis, token: &Token) -> Option<Proof> {
        let mut proof = Proof { age_ms: 0, leased: true, seen: true };
        for cover in covers {
            let cover = cover?;
            proof.age_ms = proof.age_ms.max(now.since(cover.proven));
            proof.leased &= now < cover.until;
            proof.seen &= token.seen.get(&cover.owner).is_none_or(|seen| *seen <= cover.watermark);
        }
        Some(proof)
    }
}

/// The names under which a copy stands: its key, its tags and what it depends on.
pub(crate) fn names<'a>(
    key: &'a Bytes,
    tags: &'a [Bytes],
    dependencies: &'a [Bytes],
) -> impl Iterator<Item = Name> + 'a {
    let tags = tags.iter().cloned().map(Name::Tag);
    let dependencies = dependencies.iter().cloned().map(Name::Dependents);
    std::iter::once(Name::Key(key.clone())).chain(tags).chain(dependencies)
}

/// Whether a copy with this proof may be served at a level. `is_told` says whether the owners of all its names tell this process of
/// their changes, `is_safe` whether nothing of it could still be lost with its owner; both are asked only where the level needs them.
/// `view` is the epoch that this process follows.
pub(crate) fn service(
    (level, token): (Level, &Token),
    (proof, view): (Option<Proof>, Epoch),
    config: &Config,
    is_told: impl FnOnce() -> bool,
    is_safe: impl FnOnce() -> bool,
) -> Service {
    let leased = proof.filter(|proof| proof.leased);
    let serves = match level {
        Level::Weak => true,
        Level::Eventual => is_told(),
        Level::Bounded(most) => leased.is_some_and(|proof| config.long(proof.age_ms) <= most),
        Level::Session | Level::Causal => {
            token.epoch <= view && leased.is_some_and(|proof| proof.seen) && is_safe()
        }
        Level::Strong => false,
    };
    let age_ms = leased.map(|proof| proof.age_ms);
    if serves { Service::Serve { age_ms } } else { Service::Ask }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NodeId, Peer, Position};

    const NOW: Millis = Millis(1_000);

    fn cover(node: u64, proven: u64, until: u64) -> Option<Cover> {
        let owner = Peer { node: NodeId(node), incarnation: 1 };
        Some(Cover { owner, proven: Millis(proven), until: Millis(until), watermark: Position(node * 10) })
    }

    fn serves(
        level: Level,
        proof: Option<Proof>,
        token: &Token,
        told: bool,
        safe: bool,
    ) -> Option<Option<u64>> {
        let config = Config::new(Peer::default());
        match service((level, token), (proof, Epoch(2)), &config, || told, || safe) {
            Service::Serve { age_ms } => Some(age_ms),
            Service::Ask => None,
        }
    }

    #[test]
    fn several_owners_prove_what_the_strictest_of_them_proves() {
        let none = Token::default();
        let proof = Proof::of([cover(1, 990, 1_500), cover(2, 900, 1_400)].into_iter(), NOW, &none);
        assert_eq!(serves(Level::Eventual, proof, &none, true, true), Some(Some(100)));
        let ended = Proof::of([cover(1, 990, 1_500), cover(2, 900, 1_000)].into_iter(), NOW, &none);
        assert_eq!(serves(Level::Eventual, ended, &none, true, true), Some(None), "marked stale");
        let seen = Token::at(Epoch(2), Peer { node: NodeId(2), incarnation: 1 }, Position(21));
        let behind = Proof::of([cover(1, 990, 1_500), cover(2, 900, 1_400)].into_iter(), NOW, &seen);
        assert_eq!(serves(Level::Session, behind, &seen, true, true), None);
        assert!(Proof::of([cover(1, 990, 1_500), None].into_iter(), NOW, &none).is_none());
    }

    #[test]
    fn each_level_asks_for_its_own_proof() {
        let none = Token::default();
        let later = Token { epoch: Epoch(3), ..Token::default() };
        let good = Proof::of([cover(1, 900, 1_500)].into_iter(), NOW, &none);
        let ended = Proof::of([cover(1, 900, 1_000)].into_iter(), NOW, &none);
        for proof in [good, ended, None] {
            let leased = proof.filter(|proof| proof.leased).map(|proof| proof.age_ms);
            assert_eq!(serves(Level::Weak, proof, &none, false, false), Some(leased));
            assert_eq!(serves(Level::Eventual, proof, &none, false, true), None);
            assert_eq!(serves(Level::Eventual, proof, &none, true, false), Some(leased));
            assert_eq!(serves(Level::Strong, proof, &none, true, true), None);
        }
        // The age is counted by a clock that may be slow.
        let long = Config::new(Peer::default()).long(100);
        assert_eq!(serves(Level::Bounded(long), good, &none, false, false), Some(Some(100)));
        assert_eq!(serves(Level::Bounded(long - 1), good, &none, true, true), None);
        assert_eq!(serves(Level::Bounded(9_000), ended, &none, true, true), None);
        assert_eq!(serves(Level::Session, good, &none, false, true), Some(Some(100)));
        assert_eq!(serves(Level::Session, good, &none, true, false), None, "it could still be lost");
        assert_eq!(serves(Level::Causal, good, &later, true, true), None, "a later view was seen");
        assert_eq!(serves(Level::Session, ended, &none, true, true), None);
    }
}
