//! Feeds that are not complete: what the node knows of them, and where a read may look meanwhile (decision 0013).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use clearwell_engine::{Millis, View};
use clearwell_source::config::BEHIND_MOST_MS;
use clearwell_source::{Doubt, Source, Turned, Verified};

use super::news::Happened;
use super::{Answer, Node, ReadError};
use crate::config::{Level, Unverified};
use crate::keyspace::{Backing, Keyspace};

/// What is served from memory is marked when nothing was heard of its source for so long; a feed is asked ten times a second.
const QUIET_MS: u64 = 500;
/// How often a silent feed is listened to for when it is heard again.
const SILENT_MS: u64 = 10;

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

/// One source's feed, as surfaces show it.
#[derive(Debug, Clone)]
pub struct FeedReport {
    /// The source's name.
    pub source: String,
    /// How long ago it was last known to be complete, in milliseconds.
    pub behind_ms: u64,
    /// Whether it is complete, and how often it was not.
    pub figures: Verified,
    /// The keyspaces that rely on it, with how they are read while it is not complete.
    pub keyspaces: Vec<(Arc<str>, Unverified)>,
    /// The keyspaces of the source that are not followed, or not all of what they load.
    pub unfollowed: Vec<Neglected>,
}

/// A keyspace whose entries may be old for as long as their TTL.
#[derive(Debug, Clone)]
pub struct Neglected {
    /// Its pattern.
    pub keyspace: Arc<str>,
    /// What no feed tells of, in words.
    pub why: Arc<str>,
    /// Whether the configuration says that it is meant.
    pub meant: bool,
}

impl FeedReport {
    /// Whether every change in the source is told of, as far as its keyspaces are meant to be followed.
    pub fn is_verified(&self) -> bool {
        self.figures.doubt.is_none() && self.neglected().next().is_none()
    }

    /// The keyspaces that are not followed although that is not said to be meant.
    pub fn neglected(&self) -> impl Iterator<Item = &Neglected> {
        self.unfollowed.iter().filter(|keyspace| !keyspace.meant)
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

    /// The feeds of all sources.
    pub fn feeds(&self) -> Vec<FeedReport> {
        self.listen_for_silence();
        let now = self.clock.tick();
        let report = |(name, feed): (&String, &Arc<clearwell_source::Verification>)| {
            let fed = self.keyspaces.all.iter().filter_map(|keyspace| {
                let backing = keyspace.backing.as_ref().filter(|backing| *backing.source_name == **name)?;
                Some((backing, (keyspace.name.clone(), keyspace.unverified)))
            });
            let unfollowed = self.unfollowed(name);
            let behind_ms = self.sources.get(name).map_or(0, |source| source.behind_ms());
            let keyspaces = fed.filter(|(backing, _)| backing.fed()).map(|(_, named)| named).collect();
            FeedReport { source: name.clone(), behind_ms, figures: feed.figures(now), keyspaces, unfollowed }
        };
        self.keyspaces.verifications.iter().map(report).collect()
    }

    fn unfollowed(&self, source: &str) -> Vec<Neglected> {
        let of = |keyspace: &Arc<Keyspace>| {
            let backing = keyspace.backing.as_ref().filter(|backing| *backing.source_name == *source)?;
            Some(Neglected {
                keyspace: keyspace.name.clone(),
                why: backing.standing.unfollowed()?,
                meant: keyspace.neglected().is_none(),
            })
        };
        self.keyspaces.all.iter().filter_map(of).collect()
    }

    /// Takes every feed that has been silent for too long for unverified, and one that was heard again for verified. The keeper calls
    /// this when the next silence would be too long ([`Node::silence_due`]). Answers the time at which the look at the feeds began.
    pub(super) fn listen_for_silence(&self) -> Millis {
        let now = self.clock.tick();
        for (name, source) in &self.sources {
            let Some(feed) = self.keyspaces.verifications.get(name) else { continue };
            self.turned(name, feed.heard(source.behind_ms(), self.behind_most_ms(name), now));
        }
        // The time of the beginning: a process that is stopped in the midst of this has not listened since then.
        self.listened.fetch_max(now.0, Ordering::Release);
        now
    }

    /// When the silence of a feed is to be listened to next, if it is not heard of until then.
    pub(super) fn silence_due(&self, now: Millis) -> Millis {
        let due = |(name, source): (&String, &Arc<dyn Source>)| {
            let is_silent = !self.keyspaces.verifications.get(name)?.is_verified();
            let left_ms = self.behind_most_ms(name).saturating_sub(source.behind_ms()).saturating_add(1);
            // One that is silent is listened to for when it is heard again.
            Some(now.plus(if is_silent { SILENT_MS } else { left_ms }))
        };
        self.sources.iter().filter_map(due).min().unwrap_or(Millis(u64::MAX))
    }

    fn behind_most_ms(&self, source: &str) -> u64 {
        let config = self.config.sources.get(source);
        config.and_then(|config| config.behind_most_ms).unwrap_or(BEHIND_MOST_MS)
    }

    /// To be called at `real`, the time just now, before requests that arrived are answered: it moves the clock. When the
    /// keeper did not listen for long, the process was stopped or starved, and would answer as if it had not been. The clock
    /// alone does not tell, for whoever comes first moves it. Answers the time.
    #[inline]
    pub fn wake(&self, real: Instant) -> Millis {
        const LATE_MS: u64 = 100;
        let now = self.clock.advance(real);
        if now.since(Millis(self.listened.load(Ordering::Acquire))) > LATE_MS {
            self.listen_for_silence();
        }
        now
    }

    pub(super) fn broken(&self, source: &str, why: &str) {
        if let Some(feed) = self.keyspaces.verifications.get(source) {
            self.turned(source, feed.broken(why, self.clock.tick()));
        }
    }

    pub(super) fn whole(&self, source: &str) {
        if let Some(feed) = self.keyspaces.verifications.get(source) {
            self.turned(source, feed.whole(self.clock.tick()));
        }
    }

    /// Everything was invalidated because commits may have been missed.
    pub(super) fn gap(&self, source: &str, why: &str) {
        let feed = self.keyspaces.verifications.get(source);
        if feed.is_some_and(|feed| feed.lost()) {
            let happened = Happened::Gap { source: source.into(), why: why.into() };
            self.news.tell(self.clock.tick(), happened);
        }
    }

    fn turned(&self, source: &str, turned: Option<Turned>) {
        let happened = match turned {
            None => return,
            Some(Turned::Unverified(why)) => {
                tracing::warn!(source, why = &*why, "unverified: its keyspaces are read by their policy");
                Happened::Unverified { source: source.into(), why }
            }
            Some(Turned::Verified(after_ms)) => {
                tracing::info!(source, after_ms, "verified again");
                Happened::Verified { source: source.into(), after_ms }
            }
        };
        self.news.tell(self.clock.tick(), happened);
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
