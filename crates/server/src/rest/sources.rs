//! Sources and their feeds as REST shows them.

use serde::Serialize;
use utoipa::ToSchema;

use super::words::rfc3339;
use crate::clock::NodeClock;
use crate::node::{FeedReport, Happened, NewsItem};

/// How a source is followed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceHealth {
    /// Its name in the configuration.
    name: String,
    /// Whether every change in it is told of, to every keyspace that is meant to be followed: then what is in memory is right.
    verified: bool,
    /// Why not; null while it is verified.
    why: Option<String>,
    /// Since when not (RFC 3339).
    since: Option<String>,
    /// Milliseconds since its changes were last known to be complete.
    behind_ms: u64,
    /// The last of its commits that was told of, in its own order.
    version: u64,
    /// How often it became unverified.
    unverified_times: u64,
    /// For how long it was unverified, in all.
    unverified_ms: u64,
    /// How often changes may have been missed, so that everything was invalidated.
    gaps: u64,
    /// The keyspaces that rely on it.
    keyspaces: Vec<KeyspaceHealth>,
    /// Its keyspaces that no feed follows, or not in all that they load: their entries may be old until their ttl ends.
    unfollowed: Vec<UnfollowedKeyspace>,
}

/// A keyspace that is not followed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnfollowedKeyspace {
    /// Its pattern.
    pattern: String,
    /// What no feed tells of.
    why: String,
    /// Whether the configuration says that it is meant (unfollowed = "ok").
    meant: bool,
}

/// A keyspace that relies on a source's changes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyspaceHealth {
    /// Its pattern.
    pattern: String,
    /// How it is read while the source is unverified: bypass, bounded(5s) or refuse.
    unverified: String,
}

impl SourceHealth {
    pub fn is_verified(&self) -> bool {
        self.verified
    }

    pub fn of(report: FeedReport, clock: &NodeClock) -> SourceHealth {
        let verified = report.is_verified();
        let neglected = report.neglected().next();
        let neglected =
            neglected.map(|of| format!("the keyspace {} is not followed: {}", of.keyspace, of.why));
        let FeedReport { source, behind_ms, figures, keyspaces, unfollowed } = report;
        let unfollowed = unfollowed.into_iter().map(|of| UnfollowedKeyspace {
            pattern: of.keyspace.to_string(),
            why: of.why.to_string(),
            meant: of.meant,
        });
        let of = |(pattern, policy): (std::sync::Arc<str>, crate::config::Unverified)| KeyspaceHealth {
            pattern: pattern.to_string(),
            unverified: policy.to_string(),
        };
        SourceHealth {
            name: source,
            verified,
            why: figures.doubt.as_ref().map(|doubt| doubt.why.to_string()).or(neglected),
            since: figures.doubt.as_ref().map(|doubt| rfc3339(clock.unix_ms_of(doubt.since))),
            behind_ms,
            version: figures.version.0,
            unverified_times: figures.times,
            unverified_ms: figures.unverified_ms,
            gaps: figures.gaps,
            keyspaces: keyspaces.into_iter().map(of).collect(),
            unfollowed: unfollowed.collect(),
        }
    }
}

/// What the stream of events tells of a source's feed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedNews<'a> {
    position: u64,
    at: String,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    /// How long it was unverified.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_ms: Option<u64>,
}

impl FeedNews<'_> {
    /// The event's name and what it tells; `None` for what is no news of a feed.
    pub fn of<'a>(item: &'a NewsItem, clock: &NodeClock) -> Option<(&'static str, FeedNews<'a>)> {
        let (name, source, why, after_ms) = match &item.happened {
            Happened::Invalidated { .. }
            | Happened::Refused { .. }
            | Happened::Held(_)
            | Happened::Released(_)
            | Happened::Cancelled(_) => return None,
            Happened::Unverified { source, why } => ("unverified", source, Some(&**why), None),
            Happened::Gap { source, why } => ("gap", source, Some(&**why), None),
            Happened::Altered { source, why } => ("altered", source, Some(&**why), None),
            Happened::Verified { source, after_ms } => ("verified", source, None, Some(*after_ms)),
        };
        let at = rfc3339(clock.unix_ms_of(item.at));
        Some((name, FeedNews { position: item.position.0, at, source, why, after_ms }))
    }
}
