//! The feeds of the node's sources: what their commits make old, and whether they are complete.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clearwell_engine::{Millis, Scope};
use clearwell_source::config::BEHIND_MOST_MS;
use clearwell_source::{Commit, Shape, Source, Turned, Verification, Verified};

use super::Sources;
use crate::config::{Config, Unverified};
use crate::keyspace::{Backing, FeedRules, FeedStanding, Keyspace, Keyspaces, Shapes};

/// How often a silent feed is listened to for when it is heard again.
const SILENT_MS: u64 = 10;

/// All of them.
pub(super) struct Feeds {
    /// What a changed row makes old.
    rules: FeedRules,
    all: Vec<WatchedFeed>,
    /// When their silence was last listened to.
    listened: AtomicU64,
}

struct WatchedFeed {
    name: String,
    source: Arc<dyn Source>,
    /// Whether it is complete.
    verification: Arc<Verification>,
    /// After so long a silence it counts as not complete.
    behind_most_ms: u64,
}

impl Feeds {
    pub fn new(rules: FeedRules, sources: &Sources, keyspaces: &Keyspaces, config: &Config) -> Feeds {
        let of = |(name, source): (&String, &Arc<dyn Source>)| WatchedFeed {
            name: name.clone(),
            source: source.clone(),
            verification: keyspaces.verifications.get(name).cloned().unwrap_or_default(),
            behind_most_ms: config
                .sources
                .get(name)
                .and_then(|source| source.behind_most_ms)
                .unwrap_or(BEHIND_MOST_MS),
        };
        Feeds { rules, all: sources.iter().map(of).collect(), listened: AtomicU64::new(0) }
    }

    fn of(&self, source: &str) -> Option<&WatchedFeed> {
        self.all.iter().find(|feed| feed.name == source)
    }

    /// A source, by its name.
    pub fn source(&self, name: &str) -> Option<&Arc<dyn Source>> {
        self.of(name).map(|feed| &feed.source)
    }

    /// All sources, by their names.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &Arc<dyn Source>)> {
        self.all.iter().map(|feed| (&*feed.name, &feed.source))
    }

    /// Whether the feed of a source is complete.
    pub fn verification(&self, source: &str) -> Option<&Arc<Verification>> {
        self.of(source).map(|feed| &feed.verification)
    }

    /// What a commit makes old.
    pub fn scopes(&self, source: &str, commit: &Commit) -> Vec<Scope> {
        self.rules.scopes(source, commit)
    }

    /// The classes of the keyspaces whose feeds name one of these tables.
    pub fn classes<'t>(&self, source: &str, tables: impl Iterator<Item = &'t Arc<str>>) -> BTreeSet<u32> {
        self.rules.classes(source, tables)
    }

    /// What changes of a table's rows make old, whichever rows those are; `None`: no feed names the table.
    pub fn shapes(&self, source: &str, table: &str) -> Option<Shapes> {
        self.rules.shapes(source, table)
    }

    /// A source describes a load anew.
    pub fn renew(&self, standing: &FeedStanding, source: &str, shape: &Shape) {
        standing.renew(&self.rules, source, Some(shape));
    }

    /// Takes every feed that has been silent for too long for not complete, and one that was heard again for complete; says which of them
    /// turned.
    pub fn listen(&self, now: Millis, turned: impl Fn(&str, Turned)) {
        for feed in &self.all {
            let heard = feed.verification.heard(feed.source.behind_ms(), feed.behind_most_ms, now);
            heard.into_iter().for_each(|what| turned(&feed.name, what));
        }
        // The time of the beginning: a process that is stopped in the midst of this has not listened since then.
        self.listened.fetch_max(now.0, Ordering::Release);
    }

    /// When they were listened to last.
    #[inline]
    pub fn listened(&self) -> Millis {
        Millis(self.listened.load(Ordering::Acquire))
    }

    /// When the silence of a feed is to be listened to next, if it is not heard of until then.
    pub fn silence_due(&self, now: Millis) -> Millis {
        let due = |feed: &WatchedFeed| {
            let left_ms = feed.behind_most_ms.saturating_sub(feed.source.behind_ms()).saturating_add(1);
            // One that is silent is listened to for when it is heard again.
            now.plus(if feed.verification.is_verified() { left_ms } else { SILENT_MS })
        };
        self.all.iter().map(due).min().unwrap_or(Millis(u64::MAX))
    }

    /// All of them, as surfaces show them.
    pub fn reports(&self, now: Millis, keyspaces: &Keyspaces) -> Vec<FeedReport> {
        self.all.iter().map(|feed| feed.report(now, keyspaces)).collect()
    }
}

impl WatchedFeed {
    fn report(&self, now: Millis, keyspaces: &Keyspaces) -> FeedReport {
        let backed: Vec<(&Keyspace, &Backing)> = keyspaces
            .all
            .iter()
            .filter_map(|keyspace| Some((&**keyspace, keyspace.backing.as_ref()?)))
            .filter(|(_, backing)| *backing.source_name == *self.name)
            .collect();
        let unfollowed = |(keyspace, backing): &(&Keyspace, &Backing)| {
            Some(Neglected {
                keyspace: keyspace.name.clone(),
                why: backing.standing.unfollowed()?,
                meant: keyspace.neglected().is_none(),
            })
        };
        let unfollowed = backed.iter().filter_map(unfollowed).collect();
        let fed = backed.iter().filter(|(_, backing)| backing.fed());
        FeedReport {
            source: self.name.clone(),
            behind_ms: self.source.behind_ms(),
            figures: self.verification.figures(now),
            keyspaces: fed.map(|(keyspace, _)| (keyspace.name.clone(), keyspace.unverified)).collect(),
            unfollowed,
        }
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
