//! Loads of keys from their sources (read-through, cache-aside for the client): one at a time for a key, single flight, each run to
//! its end whether readers still wait or not.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use clearwell_engine::{Ask, FillLease, Lookup, Millis, OnMiss, Outcome, Tolerate};
use clearwell_source::{Row, SourceError};

use super::draft::EntryDraft;
use super::verified::Way;
use super::{Answer, Node, ReadError};
use crate::clock::nanos;
use crate::config::{Level, Unverified};
use crate::keyspace::{Backing, Keyspace, Seen};
use crate::syntax::Captures;

/// A key of a keyspace with a source, and what is needed to load it.
#[derive(Clone)]
pub(super) struct Target {
    pub key: Box<[u8]>,
    pub keyspace: Arc<Keyspace>,
    pub captures: Captures,
}

/// Whom a load is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// Somebody who waits for it.
    Readers,
    /// Nobody yet: it has connections of its own, so that readers keep theirs.
    Nobody,
}

impl Target {
    /// The source behind it; `None` for a keyspace that only names things.
    pub fn backing(&self) -> Option<&Backing> {
        self.keyspace.backing.as_ref()
    }
}

impl Node {
    /// Leads a flight to its end in a task of its own.
    pub(super) fn lead(
        self: &Arc<Self>,
        lease: FillLease,
        target: Target,
    ) -> tokio::task::JoinHandle<Result<Answer, SourceError>> {
        let node = self.clone();
        self.background.spawn(async move {
            if let Some(cluster) = &node.cluster {
                let loaded = node.lead_by_member(cluster, &target).await;
                if let Err(error) = &loaded {
                    node.land_failed(lease, error);
                }
                // Whoever waits looks again: what was kept is there.
                return loaded;
            }
            let loaded = node.load(&target, For::Readers).await;
            match loaded {
                Ok(owned) => {
                    let outcome = owned.outcome();
                    let answer = node.answer_of(&outcome, &owned);
                    owned.lend(|draft| node.engine().land(lease, outcome, draft, node.clock.tick()));
                    Ok(answer)
                }
                Err(error) => {
                    node.land_failed(lease, &error);
                    Err(error)
                }
            }
        })
    }

    fn land_failed(&self, lease: FillLease, error: &SourceError) {
        let outcome = Outcome::Failed(Arc::new(error.clone()));
        EntryDraft::default().lend(|draft| self.engine().land(lease, outcome, draft, self.clock.tick()));
    }

    /// Loads beside every flight, for a reader that must see a commit that nobody told this node of.
    pub(super) async fn load_anew(&self, target: &Target) -> Result<Answer, SourceError> {
        if let Some(cluster) = &self.cluster {
            return self.load_by_member(cluster, target, Level::Strong).await;
        }
        let began = self.engine().seq();
        let owned = self.load(target, For::Readers).await?;
        let outcome = owned.outcome();
        let now = self.clock.tick();
        if owned.expires.is_none_or(|at| at > now) {
            owned.lend(|draft| self.engine().fill(&target.key, began, draft, now));
        }
        Ok(self.answer_of(&outcome, &owned))
    }

    pub(super) async fn load(&self, target: &Target, whom: For) -> Result<EntryDraft<'static>, SourceError> {
        let asked = self.clock.tick();
        let Some(backing) = target.backing() else {
            return Err(SourceError::Unreachable("the keyspace has no source".into()));
        };
        let params = target.keyspace.params(&target.captures, None);
        let statement = match whom {
            For::Readers => &backing.load,
            For::Nobody => &backing.load_aside,
        };
        let began = Instant::now();
        let row = match backing.followed() {
            true => backing.source.load(statement, params).await,
            false => backing.source.load_newest(statement, params).await,
        };
        self.reports.tallies().loaded(
            target.keyspace.class,
            self.clock.tick(),
            nanos(began.elapsed()),
            row.is_err(),
        );
        backing.verification.asked(!row.as_ref().is_err_and(SourceError::is_silence));
        let row = row?;
        backing.verification.applied().await;
        let load_ms = u32::try_from(self.clock.tick().since(asked)).unwrap_or(u32::MAX);
        let read = EntryDraft { load_ms, ..self.row_draft(target, row) };
        if !backing.is_unverified() {
            return Ok(read);
        }
        // Nobody would say when it is old.
        let at_most = match target.keyspace.unverified {
            Unverified::Bounded(ms) => asked.plus(ms),
            Unverified::Bypass | Unverified::Refuse => asked,
        };
        let expires = read.expires.map_or(at_most, |at| at.min(at_most));
        Ok(EntryDraft { expires: Some(expires), grace_ms: 0, ..read })
    }

    /// Whether what a flight brought will do for a reader who waited for it: while the feed is not complete nothing tells
    /// what changed since the flight began.
    pub(super) fn is_timely(&self, target: &Target, level: Level) -> bool {
        let backing = target.backing().filter(|backing| backing.is_unverified());
        backing.is_none_or(|backing| {
            let (keyspace, key) = (&target.keyspace, &target.key);
            self.engine().peek(key, self.clock.tick(), |_| ()).is_some()
                && self.way(keyspace, backing, key, level) == Way::Memory
        })
    }

    /// An entry from the row that a load returned: its first column is the value. No row, or a value of NULL, is
    /// remembered as absent.
    pub(super) fn row_draft(&self, target: &Target, row: Option<Row>) -> EntryDraft<'static> {
        let keyspace = &target.keyspace;
        let value = row.as_ref().and_then(|row| row.0.first()).and_then(|(_, cell)| cell.to_bytes());
        let ttl = if value.is_some() { keyspace.ttl_ms } else { Some(keyspace.negative_ttl_ms) };
        if let Some(value) = &value {
            keyspace.values.note_loaded(&keyspace.name, &target.key, value);
        }
        EntryDraft {
            expires: self.expiry(keyspace, ttl),
            grace_ms: keyspace.grace_ms,
            names: keyspace.names(
                &target.key,
                &target.captures,
                row.as_ref().map_or(Seen::Absent, Seen::Row),
            ),
            priority: keyspace.priority,
            packed: value.as_ref().and_then(|value| keyspace.values.pack(value)),
            value: value.map(Cow::Owned),
            ..EntryDraft::default()
        }
    }

    /// What is left when the source failed: a value within its grace, or within the outage that is allowed, marked stale; or the
    /// failure.
    pub(super) fn graced(
        &self,
        target: &Target,
        level: Level,
        error: SourceError,
    ) -> Result<Answer, ReadError> {
        let backing = target.backing();
        // No grace is none at all, also in the millisecond in which the feed was complete last.
        let within_grace = backing.is_none_or(|backing| {
            !backing.is_unverified() || backing.source.behind_ms() < target.keyspace.grace_ms
        });
        let answer = match matches!(level, Level::Eventual | Level::Weak) && within_grace {
            true => self.remembered(target, level, Tolerate::Grace),
            false => None,
        };
        let outlived = || {
            backing.filter(|_| error.is_silence()).and_then(|backing| self.outlived(target, backing, level))
        };
        answer.or_else(outlived).ok_or(ReadError::Source(error))
    }

    /// What memory holds for a reader while the source does not answer and its feed is not complete (decision 0028): what was
    /// known to be right no longer ago than the keyspace, or the reader's bound, allows.
    pub(super) fn outlived(&self, target: &Target, backing: &Backing, level: Level) -> Option<Answer> {
        let behind_ms = backing.source.behind_ms();
        if !backing.is_unverified() || behind_ms >= target.keyspace.outage_ms {
            return None;
        }
        match level {
            Level::Eventual | Level::Weak => self.remembered(target, level, Tolerate::Stale),
            // Nothing that was overwritten longer ago than the bound.
            Level::Bounded(ms) if backing.followed() && behind_ms <= ms => {
                self.remembered(target, level, Tolerate::Fresh)
            }
            Level::Strong | Level::Session | Level::Causal | Level::Bounded(_) => None,
        }
    }

    /// What memory holds, marked stale: nothing proves it current.
    fn remembered(&self, target: &Target, level: Level, tolerate: Tolerate) -> Option<Answer> {
        let now = self.clock.tick();
        let on_miss = OnMiss::Pass;
        let ask =
            Ask { now, tolerate, on_miss, early_refresh: 0.0, chance: 1.0, class: target.keyspace.class };
        match self.engine().lookup(&target.key, ask, |view| Answer::of(view, level)) {
            Lookup::Hit { read, .. } => Some(Answer { stale: true, ..read }),
            _ => None,
        }
    }

    /// Asks a source that is away, beside those who are served meanwhile; one at a time.
    pub(super) fn probe(self: &Arc<Self>, target: Target) {
        let Some(verification) = target.backing().map(|backing| backing.verification.clone()) else { return };
        if !verification.is_to_be_probed(self.clock.tick()) {
            return;
        }
        let node = self.clone();
        self.background.spawn(async move {
            // What it answers is for nobody: whether it does is what counts.
            let _asked = node.load_anew(&target).await;
            verification.probed(node.clock.tick());
        });
    }

    pub(super) fn answer_of(&self, outcome: &Outcome, owned: &EntryDraft<'_>) -> Answer {
        let value = match outcome {
            Outcome::Value(value) => Some(value.clone()),
            Outcome::Absent | Outcome::Failed(_) => None,
        };
        // As old as the beginning of its load.
        let now = self.clock.tick();
        let began = Millis(now.0.saturating_sub(owned.load_ms.into()));
        let ttl_ms = owned.expires.map(|at| at.since(now));
        Answer { value, expires: owned.expires, ttl_ms, version: owned.version, ..Answer::loaded(began) }
    }
}
