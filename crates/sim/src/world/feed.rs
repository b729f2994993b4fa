//! The feed of commits: in order, late, read by one node at a time, with gaps that announce themselves.
//!
//! When its reader is gone, another node takes over where the last answer was heard. What the one before asked for may still come: it is told twice then.

use std::sync::Arc;

use clearwell_cluster::Request;
use clearwell_cluster::request::Invalidate;
use clearwell_engine::{Cause, Effect, Invalidation, Scope, Version};

use super::{Happening, World};
use crate::counts::Count;
use crate::following::Following;
use crate::history::Got;
use crate::names::KeyId;
use crate::queue::Micros;
use crate::seen::Seen;
use crate::source::Commit;

/// Tickets of the feed begin here; those of clients are numbers of operations.
pub const TICKETS: u64 = 1 << 40;

/// Where the feed stands.
#[derive(Debug, Default)]
pub struct Feed {
    /// Commits before this place are told.
    told: usize,
    /// The commits that are being told: tickets and places, and from whom they wait.
    flying: Vec<(u64, usize)>,
    /// A gap is announced: all commits before this place are told by it.
    gap_to: Option<usize>,
    next: u64,
    /// Who reads it, and since when that node has been gone.
    reader: usize,
    gone: Option<Micros>,
    /// It stays where it is until then.
    stays_until: Micros,
    /// Until then it stands still.
    pub stalled_until: Micros,
    /// Commits are lost until then.
    pub gap_until: Micros,
    /// Places that are lost.
    lost: bool,
}

impl Feed {
    /// What is there at the start needs no telling.
    pub fn skip_to(&mut self, place: usize) {
        self.told = place;
    }

    /// Whether all is told.
    pub fn is_done(&self, log: usize) -> bool {
        self.told == log
    }
}

/// How long it waits after a refusal.
const REST: Micros = 200_000;

/// For how long a node reads it at least, as long as it can.
const STAYS: Micros = 2_000_000;

/// How many commits are told at once.
const BATCH: usize = 64;

impl World {
    /// Looks for commits to tell.
    pub(super) fn feed_turn(&mut self) {
        let pause = 1_000 + self.options.feed_us / 4;
        self.queue.push(self.now + pause, Happening::FeedTurn);
        if self.now < self.feed.stalled_until {
            return;
        }
        if self.now < self.feed.gap_until {
            self.feed.lost = true;
            return;
        }
        let Some(reader) = self.feed_reader().filter(|_| self.feed.flying.is_empty()) else { return };
        if std::mem::take(&mut self.feed.lost) {
            self.feed.gap_to = Some(self.history.source.log.len());
        }
        if self.feed.gap_to.is_some() {
            self.tell_all(reader);
            return;
        }
        let delay = self.options.feed_us;
        self.pass_what_is_told();
        let log = &self.history.source.log;
        let places: Vec<usize> = (self.feed.told..log.len())
            .take_while(|&place| log[place].at + delay <= self.now)
            .filter(|&place| self.is_to_tell(&log[place]))
            .take(BATCH)
            .collect();
        let own = places.iter().filter(|&&place| log[place].through).count();
        self.counts.add(Count::OwnCommitTold, own as u64);
        for place in places {
            let key = self.history.names.key(self.history.source.log[place].key);
            let scope = Scope::Key((**key).into());
            self.tell_commit(reader, place, scope, Some(Version(place as u64 + 1)));
        }
    }

    /// Whether the feed speaks of a commit. In some worlds it leaves out what the cluster wrote itself, and so knows already; some tables are
    /// not followed.
    fn is_to_tell(&self, commit: &Commit) -> bool {
        let Following { tells_own, .. } = self.options.following;
        self.follows(commit.key) && (!commit.through || tells_own)
    }

    /// Whether the feed tells of what others commit to a key.
    pub(super) fn follows(&self, key: KeyId) -> bool {
        self.options.following.follows(self.history.names.class(key), key)
    }

    fn pass_what_is_told(&mut self) {
        let log = &self.history.source.log;
        let left = log[self.feed.told..].iter().position(|one| self.is_to_tell(one) && one.told.is_none());
        self.feed.told = left.map_or(log.len(), |left| self.feed.told + left);
    }

    /// The node that reads the feed. When it has been gone for some time, the next that can takes over; in some worlds also while it
    /// waits for an answer, as when its session at the source has ended.
    fn feed_reader(&mut self) -> Option<usize> {
        let can = |host: usize| {
            let host = &self.hosts[host];
            !host.is_near && host.acts(self.now) && !host.leaves
        };
        let reader = self.feed.reader;
        let next = (reader + 1..self.hosts.len()).chain(0..reader).find(|&host| can(host));
        if can(reader) {
            self.feed.gone = None;
            let moves = !self.feed.flying.is_empty()
                && self.now >= self.feed.stays_until
                && self.feed_rng.percent(self.options.feed_moves_percent);
            if next.is_none() || !moves {
                return Some(reader);
            }
        } else {
            let gone = *self.feed.gone.get_or_insert(self.now);
            if self.now < gone + self.options.reader_us {
                return None;
            }
        }
        let next = next?;
        (self.feed.reader, self.feed.gone) = (next, None);
        self.counts.add(Count::FeedTakenOver, u64::from(!self.feed.flying.is_empty()));
        self.feed.flying.clear();
        self.feed.stays_until = self.now + STAYS;
        Some(next)
    }

    fn tell_all(&mut self, reader: usize) {
        self.tell(None, |_| "the feed had a gap: everything is invalidated".into());
        self.tell_commit(reader, usize::MAX, Scope::Everything, None);
    }

    fn tell_commit(&mut self, reader: usize, place: usize, scope: Scope, version: Option<Version>) {
        let ticket = TICKETS + self.feed.next;
        self.feed.next += 1;
        self.feed.flying.push((ticket, place));
        self.see(|world| {
            let key = world.history.source.log.get(place)?.key;
            Some(Seen::Fed { reader, key })
        });
        let (scope, effect, cascade, cause) = (Arc::new(scope), Effect::Gone, true, Cause::Commit);
        let invalidation = Invalidation { scope, effect, cascade, version, cause };
        let asked = Invalidate { invalidation, wait: false, depth: 0 };
        self.request(reader, ticket, Request::Invalidate(asked));
    }

    /// An invalidation of the feed was answered.
    pub(super) fn feed_answered(&mut self, ticket: u64, got: Got) {
        let Some(at) = self.feed.flying.iter().position(|&(other, _)| other == ticket) else { return };
        let (_, place) = self.feed.flying.swap_remove(at);
        let now = self.now;
        if !matches!(got, Got::Done { .. }) {
            self.feed.stalled_until = self.feed.stalled_until.max(now + REST);
        } else {
            let log = &mut self.history.source.log;
            if place == usize::MAX {
                let gap_to = self.feed.gap_to.take().unwrap_or(0).max(self.feed.told);
                log[self.feed.told..gap_to]
                    .iter_mut()
                    .for_each(|commit| commit.told = commit.told.or(Some(now)));
                self.feed.told = gap_to;
            } else {
                log[place].told.get_or_insert(now);
                let key = log[place].key;
                self.tell(Some(key), |_| {
                    format!("the feed's invalidation of version {} is acknowledged", place + 1)
                });
            }
        }
        self.pass_what_is_told();
    }
}
