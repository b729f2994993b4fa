//! The history of keys: how the entries that are gone ended, and what of them was refused.
//!
//! An entry carries its own beginning, so nothing is written down for it while it stands and is overwritten: one record of
//! fixed size is written when it ends. Each shard has a ring of them, under the lock that is held for the ending anyhow.

use std::collections::VecDeque;

use crate::freshness::{Verdict, verdict};
use crate::names::{NameKind, last_of};
use crate::shard::{Leaving, Shard};
use crate::shared::EngineShared;
use crate::slot::EntryPlace;
use crate::{Effect, Millis, Seq};

/// The time of what happened at a time that is forgotten.
pub(crate) const UNKNOWN: Millis = Millis(u64::MAX);

/// Fills of one key that are refused within this time for one reason are one line.
const REFUSED_MS: u64 = 1_000;

/// What a record tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HistoryEvent {
    Expired,
    Invalidated,
    /// A plain SET was refused that may be newer.
    Doubted,
    Evicted,
    Removed,
    /// It expired or was invalidated: which came first is forgotten.
    Unclear,
    /// No end: it was marked stale.
    Staled,
    /// No end: a fill was refused.
    Refused,
}

/// How a value came to be in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Made {
    /// A client wrote it.
    #[default]
    Put,
    /// It was loaded, by the node or by a client after its miss.
    Filled,
    /// A load found that the source has no such row.
    Absent,
}

impl Made {
    pub(crate) fn of(put: bool, negative: bool) -> Made {
        match (put, negative) {
            (_, true) => Made::Absent,
            (true, _) => Made::Put,
            (false, _) => Made::Filled,
        }
    }
}

/// What an invalidation reached an entry by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Through {
    /// Its key: alone, by a pattern, or with all others.
    #[default]
    Key,
    /// One of its tags.
    Tag,
    /// A name that it depends on, itself or over others.
    Dependency,
    /// An event that it depends on.
    Event,
}

impl Through {
    pub(crate) fn of(kind: NameKind) -> Through {
        match kind {
            NameKind::Tag => Through::Tag,
            NameKind::Dependency | NameKind::AnyDependency => Through::Dependency,
            NameKind::Event => Through::Event,
        }
    }
}

/// What made an entry old before anything else did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// The invalidation; `None`: it is forgotten which one.
    pub by: Option<Seq>,
    pub through: Through,
}

impl Coverage {
    /// The earlier of two; one that is not known may be the earlier one.
    pub(crate) fn first(self, other: Coverage) -> Coverage {
        if other.by < self.by { other } else { self }
    }
}

/// How an entry leaves its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parting {
    /// What it counts as.
    pub why: Leaving,
    pub what: HistoryEvent,
    /// The invalidation that takes it away, if one does just now.
    pub by: Option<Seq>,
    pub now: Millis,
}

impl Parting {
    pub(crate) fn new(why: Leaving, now: Millis) -> Parting {
        let what = match why {
            Leaving::Evicted => HistoryEvent::Evicted,
            Leaving::Expired => HistoryEvent::Expired,
            Leaving::Invalidated => HistoryEvent::Invalidated,
            Leaving::Removed => HistoryEvent::Removed,
        };
        Parting { why, what, by: None, now }
    }
}

/// One line of the history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HistoryLine {
    pub hash: u64,
    /// When it happened, or [`UNKNOWN`].
    pub at: Millis,
    /// When it was written down.
    pub noted: Millis,
    /// The invalidation behind it; 0: none, or it is forgotten.
    pub by: Seq,
    /// When the entry came to be, and when it got its last value.
    pub first: Millis,
    pub written: Millis,
    /// When it was read last, in seconds, and how often.
    pub read_at: u32,
    pub reads: u32,
    /// How often its value was replaced; of refused fills, how many they were.
    pub writes: u16,
    pub what: HistoryEvent,
    pub through: Through,
    /// How its first and its last value came.
    pub made: Made,
    pub rewritten: Made,
}

/// The ring of one shard.
#[derive(Debug)]
pub(crate) struct ShardHistory {
    records: VecDeque<HistoryLine>,
    most: usize,
    /// When the newest of the forgotten records was written down.
    forgotten: Option<Millis>,
}

impl ShardHistory {
    /// An empty one, which takes at most so many bytes.
    pub(crate) fn new(bytes: u64) -> ShardHistory {
        let most = (bytes / size_of::<HistoryLine>() as u64) as usize;
        ShardHistory { records: VecDeque::new(), most, forgotten: None }
    }

    pub(crate) fn push(&mut self, record: HistoryLine) {
        if self.most == 0 {
            self.forget(record.noted);
            return;
        }
        if self.records.len() == self.most
            && let Some(oldest) = self.records.pop_front()
        {
            self.forget(oldest.noted);
        }
        if self.records.len() == self.records.capacity() {
            let more = self.records.len().max(16);
            self.records.reserve_exact(more.min(self.most - self.records.len()));
        }
        self.records.push_back(record);
    }

    /// Something that happened until now is not known well enough to be written down.
    fn forget(&mut self, now: Millis) {
        self.forgotten = self.forgotten.max(Some(now));
    }

    /// Writes down that a fill was refused; one more of the same, as the last line says, is counted there for a while.
    pub(crate) fn refused(&mut self, hash: u64, by: Seq, through: Through, now: Millis) {
        if let Some(last) = self.records.back_mut()
            && (last.hash, last.what, last.by, last.through) == (hash, HistoryEvent::Refused, by, through)
            && now.since(last.at) < REFUSED_MS
        {
            last.writes = last.writes.saturating_add(1);
            (last.written, last.noted) = (now, now);
            return;
        }
        self.push(HistoryLine {
            writes: 1,
            through,
            by,
            ..HistoryLine::blank(hash, HistoryEvent::Refused, now)
        });
    }

    /// What is written down of a key, in the order of writing.
    pub(crate) fn of(&self, hash: u64) -> impl Iterator<Item = &HistoryLine> {
        self.records.iter().filter(move |record| record.hash == hash)
    }

    /// All that was written down after this is known; `None`: nothing is forgotten.
    pub(crate) fn forgotten(&self) -> Option<Millis> {
        self.forgotten
    }

    /// Bytes taken beyond the structure itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.records.capacity() * size_of::<HistoryLine>()
    }

    /// Recounts; says what differs.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.records.len() > self.most {
            return Err(format!("{} records where {} are allowed", self.records.len(), self.most));
        }
        Ok(())
    }
}

impl HistoryLine {
    fn blank(hash: u64, what: HistoryEvent, now: Millis) -> HistoryLine {
        HistoryLine {
            hash,
            at: now,
            noted: now,
            by: Seq(0),
            first: now,
            written: now,
            read_at: 0,
            reads: 0,
            writes: 0,
            what,
            through: Through::Key,
            made: Made::Put,
            rewritten: Made::Put,
        }
    }

    /// A line about an entry.
    fn of(slot: &EntryPlace, what: HistoryEvent, now: Millis) -> HistoryLine {
        HistoryLine {
            first: slot.first,
            written: slot.created,
            read_at: slot.accessed_s(),
            reads: slot.access_count(),
            writes: slot.writes,
            made: slot.made,
            rewritten: Made::of(slot.put, slot.negative),
            ..HistoryLine::blank(slot.hash, what, now)
        }
    }

    /// An entry is stale, and it is forgotten since when.
    pub(crate) fn stale_unknown(slot: &EntryPlace, now: Millis) -> HistoryLine {
        HistoryLine { at: UNKNOWN, ..HistoryLine::of(slot, HistoryEvent::Staled, now) }
    }

    /// What the line says of an entry that still stands: its end, if something has ended it already for its readers.
    pub(crate) fn standing(slot: &EntryPlace, now: Millis, shared: &EngineShared) -> (HistoryLine, bool) {
        let stands = HistoryEvent::Staled;
        let record = HistoryLine::ended(slot, stands, None, now, shared);
        (record, record.what != stands)
    }

    /// The line of an entry that leaves: what made it unreadable first, of its time, its marks, and what takes it away now.
    fn ended(
        slot: &EntryPlace,
        what: HistoryEvent,
        by: Option<Seq>,
        now: Millis,
        shared: &EngineShared,
    ) -> HistoryLine {
        let mut record = HistoryLine { by: by.unwrap_or_default(), ..HistoryLine::of(slot, what, now) };
        // Of everything, the mark is raised before the entries are walked over.
        let earlier = shared.cover(slot, Effect::Gone).filter(|cover| by.is_none() || cover.by != by);
        if let Some(cover) = earlier {
            (record.at, record.what) = (shared.covered_at(cover, now), HistoryEvent::Invalidated);
            (record.by, record.through) = (cover.by.unwrap_or_default(), cover.through);
        }
        if slot.expired(now) && record.at == UNKNOWN {
            record.what = HistoryEvent::Unclear;
        } else if slot.expired(now) && slot.expires <= record.at.0 {
            (record.at, record.what, record.by) = (Millis(slot.expires), HistoryEvent::Expired, Seq(0));
            record.through = Through::Key;
        }
        record
    }
}

impl Shard {
    /// Writes down how an entry ends.
    pub(crate) fn note_end(&mut self, place: u32, parting: Parting, shared: &EngineShared) {
        let Parting { what, by, now, .. } = parting;
        let slot = &self.slab[place];
        let record = HistoryLine::ended(slot, what, by, now, shared);
        match stale_names(slot, now, shared) {
            Some(stale) if stale.at == UNKNOWN || record.at == UNKNOWN => self.history.forget(now),
            Some(stale) if stale.at < record.at => self.history.push(stale),
            _ => {}
        }
        self.history.push(record);
    }

    /// Writes down that an entry was marked stale, which only its marks know as yet, before they are let go.
    pub(crate) fn note_stale_names(&mut self, place: u32, now: Millis, shared: &EngineShared) {
        if let Some(stale) = stale_names(&self.slab[place], now, shared) {
            self.history.push(stale);
        }
    }

    /// Writes down that an entry was marked stale itself.
    pub(crate) fn note_stale(&mut self, place: u32, by: Seq, now: Millis, shared: &EngineShared) {
        self.note_stale_names(place, now, shared);
        let slot = &self.slab[place];
        if !slot.stale && verdict(slot.began, last_of(slot.held())) == Verdict::Fresh {
            let record = HistoryLine { by, ..HistoryLine::of(slot, HistoryEvent::Staled, now) };
            self.history.push(record);
        }
    }
}

/// The line about an entry whose marks say that it is stale, or was before it ended, and which does not say so itself.
pub(crate) fn stale_names(slot: &EntryPlace, now: Millis, shared: &EngineShared) -> Option<HistoryLine> {
    if slot.stale || slot.held().is_empty() || last_of(slot.held()).stale <= slot.began {
        return None;
    }
    let cover = shared.cover(slot, Effect::Stale)?;
    let (at, by) = (shared.covered_at(cover, now), cover.by.unwrap_or_default());
    Some(HistoryLine { at, by, through: cover.through, ..HistoryLine::of(slot, HistoryEvent::Staled, now) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_takes_a_cache_line() {
        assert_eq!(size_of::<HistoryLine>(), 64);
    }

    #[test]
    fn the_oldest_is_forgotten_and_said_to_be() {
        let mut history = ShardHistory::new(3 * 64);
        for n in 0..5 {
            history.push(HistoryLine::blank(n % 2, HistoryEvent::Evicted, Millis(n)));
        }
        assert_eq!(history.of(0).map(|record| record.at.0).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(history.forgotten(), Some(Millis(1)));
        assert_eq!(history.memory_bytes(), 3 * 64);
        history.check().unwrap();
    }

    #[test]
    fn a_history_without_memory_says_that_it_knows_nothing() {
        let mut history = ShardHistory::new(63);
        history.push(HistoryLine::blank(1, HistoryEvent::Evicted, Millis(7)));
        assert_eq!((history.of(1).count(), history.forgotten()), (0, Some(Millis(7))));
        assert_eq!(history.memory_bytes(), 0);
    }

    #[test]
    fn refused_fills_of_one_reason_are_one_line() {
        let mut history = ShardHistory::new(1 << 10);
        for now in 0..100 {
            history.refused(1, Seq(4), Through::Tag, Millis(now));
        }
        history.refused(1, Seq(5), Through::Tag, Millis(100));
        let times: Vec<_> = history.of(1).map(|record| (record.writes, record.at.0)).collect();
        assert_eq!(times, [(100, 0), (1, 100)]);
    }
}
