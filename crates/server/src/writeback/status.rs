//! Figures of write-back.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::WriteBack;

/// How much is unflushed, and how that goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Keys with an unflushed write.
    pub dirty: u64,
    /// Bytes of them.
    pub dirty_bytes: u64,
    /// How old the oldest of them is.
    pub oldest_ms: u64,
    /// Writes that a source refused and that wait for a decision.
    pub parked: u64,
    /// Writes that sources took.
    pub flushed: u64,
    /// Writes that sources refused.
    pub refused: u64,
    /// Parked writes that fell because the source took a newer one of their key.
    pub superseded: u64,
    /// Records that were appended to the journal.
    pub journal_records: u64,
    /// Syncs of the journal.
    pub journal_syncs: u64,
    /// Groups of writes that the journal refused.
    pub journal_failures: u64,
    /// Bytes of the journal on the disk.
    pub journal_bytes: u64,
    /// Things that were wrong with the journal's files when the node started.
    pub journal_damaged: u64,
    /// Why the last flush failed, while it does.
    pub error: Option<String>,
}

/// What a forced flush did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Writes that the sources took meanwhile.
    pub flushed: u64,
    /// Writes that they refused meanwhile: those are parked.
    pub refused: u64,
    /// Writes that are parked now, those of earlier flushes too: the sources do not have them.
    pub parked: u64,
}

impl Flushed {
    /// The figures by name.
    pub fn figures(&self) -> [(&'static str, u64); 3] {
        [("flushed", self.flushed), ("refused", self.refused), ("parked", self.parked)]
    }
}

impl Status {
    /// The figures by name.
    pub fn figures(&self) -> [(&'static str, u64); 12] {
        [
            ("dirty", self.dirty),
            ("dirty_bytes", self.dirty_bytes),
            ("oldest_ms", self.oldest_ms),
            ("parked", self.parked),
            ("flushed", self.flushed),
            ("refused", self.refused),
            ("superseded", self.superseded),
            ("journal_records", self.journal_records),
            ("journal_syncs", self.journal_syncs),
            ("journal_failures", self.journal_failures),
            ("journal_bytes", self.journal_bytes),
            ("journal_damaged", self.journal_damaged),
        ]
    }
}

impl WriteBack {
    /// The figures of now.
    pub fn status(&self) -> Status {
        let journal = &self.journal.figures;
        let mut status = Status {
            parked: self.parked.count() as u64,
            superseded: self.superseded.load(Relaxed),
            journal_records: journal.records.load(Relaxed),
            journal_syncs: journal.syncs.load(Relaxed),
            journal_failures: journal.failures.load(Relaxed),
            journal_bytes: journal.bytes.load(Relaxed),
            journal_damaged: self.damaged,
            ..Status::default()
        };
        let mut oldest = Duration::ZERO;
        for lane in &self.lanes {
            status.dirty += lane.rows() as u64;
            status.dirty_bytes += lane.held();
            status.flushed += lane.flushed.load(Relaxed);
            status.refused += lane.refused.load(Relaxed);
            oldest = oldest.max(lane.oldest().map_or(Duration::ZERO, |oldest| oldest.elapsed()));
            status.error = status.error.or_else(|| lane.error());
        }
        status.oldest_ms = u64::try_from(oldest.as_millis()).unwrap_or(u64::MAX);
        status
    }
}
