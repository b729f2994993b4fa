//! Feeds that are not complete: where a read may look meanwhile, and what is said of its answer (decision 0013).

use clearwell_engine::View;
use clearwell_source::Doubt;

use super::{Answer, Node, ReadError};
use crate::config::{Level, Unverified};
use crate::keyspace::{Backing, Keyspace};

/// What is served from memory is marked when nothing was heard of its source for so long; a feed is asked ten times a second.
const QUIET_MS: u64 = 500;

/// Where a read of a keyspace whose feed is not complete gets its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// As ever: from memory, or loaded and kept for as long as the policy says.
    Memory,
    /// From the source, by a load that begins now.
    Source,
    /// Nowhere.
    Refused,
}

/// The whole policy. `there`: what memory holds would be served to this reader. `recent`: it was right, or was loaded, no
/// longer ago than this many milliseconds.
fn way(policy: Unverified, level: Level, there: bool, recent: impl Fn(u64) -> bool) -> Way {
    match (policy, level) {
        (_, Level::Weak) if there => Way::Memory,
        (Unverified::Refuse, _) => Way::Refused,
        (Unverified::Bypass, _) | (_, Level::Strong | Level::Session | Level::Causal) => Way::Source,
        // Nothing there: one load serves all who ask.
        (Unverified::Bounded(_), _) if !there => Way::Memory,
        (Unverified::Bounded(most), Level::Bounded(ms)) if recent(ms.min(most)) => Way::Memory,
        (Unverified::Bounded(most), Level::Eventual | Level::Weak) if recent(most) => Way::Memory,
        (Unverified::Bounded(_), _) => Way::Source,
    }
}

impl Node {
    /// Where a read may look while the keyspace's feed is not complete.
    pub(super) fn way(&self, keyspace: &Keyspace, backing: &Backing, key: &[u8], level: Level) -> Way {
        let now = self.clock.tick();
        let age = |view: &View<'_>| now.since(view.created()).saturating_add(view.load_ms().into());
        let age = self.engine().peek(key, now, age);
        // What was kept before was right when the feed was last complete.
        let recent = |ms| backing.source.behind_ms() <= ms || age.is_some_and(|age| age <= ms);
        way(keyspace.unverified, level, age.is_some(), recent)
    }

    /// Why a key's feed is not complete; `None` while it is, and for keys that rely on none.
    pub fn doubt(&self, key: &[u8]) -> Option<Doubt> {
        let (keyspace, _) = self.keyspaces.find(key)?;
        let backing = keyspace.backing.as_ref().filter(|backing| backing.is_unverified())?;
        backing.verification.doubt()
    }

    /// An answer with what is known of its source. What came from memory, and is not behind a barrier, is as current as what was
    /// heard of the source last.
    pub(super) fn told(&self, key: &[u8], answer: Answer) -> Answer {
        let found = self.keyspaces.find(key);
        let Some(backing) = found.as_ref().and_then(|(keyspace, _)| keyspace.backing.as_ref()) else {
            return answer;
        };
        let unverified = backing.is_unverified();
        let is_silent = || unverified || (backing.fed() && backing.source.behind_ms() > QUIET_MS);
        let from_memory = answer.hit && answer.stamp != 0 && answer.level != Level::Strong;
        Answer {
            stale: answer.stale || (from_memory && is_silent()),
            unverified: self.doubt(key).map(|doubt| doubt.why),
            followed: Some(backing.followed()),
            ..answer
        }
    }

    /// Whether a feed tells of every change to a key's value; `None` for keys without a source.
    pub fn is_followed(&self, key: &[u8]) -> Option<bool> {
        let (keyspace, _) = self.keyspaces.find(key)?;
        keyspace.backing.as_ref().map(|backing| backing.standing.followed())
    }

    pub(super) fn refused(keyspace: &Keyspace, backing: &Backing) -> ReadError {
        let why = backing.verification.doubt().map_or_else(|| "it was until now".into(), |doubt| doubt.why);
        ReadError::Unverified(keyspace.name.clone(), why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_says_where_each_level_may_look() {
        use Level::{Bounded, Causal, Eventual, Session, Strong, Weak};
        let levels = [Strong, Session, Causal, Bounded(2_000), Eventual, Weak];
        let ways = |policy, there, age: u64| levels.map(|level| way(policy, level, there, |ms| age <= ms));
        let (m, s, r) = (Way::Memory, Way::Source, Way::Refused);
        for (policy, there, age, expected) in [
            (Unverified::Bypass, true, 0, [s, s, s, s, s, m]),
            (Unverified::Bypass, false, 0, [s, s, s, s, s, s]),
            (Unverified::Refuse, true, 0, [r, r, r, r, r, m]),
            (Unverified::Refuse, false, 0, [r, r, r, r, r, r]),
            (Unverified::Bounded(5_000), true, 1_000, [s, s, s, m, m, m]),
            (Unverified::Bounded(5_000), true, 3_000, [s, s, s, s, m, m]),
            (Unverified::Bounded(5_000), true, 6_000, [s, s, s, s, s, m]),
            (Unverified::Bounded(1_000), true, 1_500, [s, s, s, s, s, m]),
            (Unverified::Bounded(5_000), false, 0, [s, s, s, m, m, m]),
        ] {
            assert_eq!(ways(policy, there, age), expected, "{policy} {there} {age}");
        }
    }
}
