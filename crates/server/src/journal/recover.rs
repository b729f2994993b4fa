//! From the files of a folder back to records: what a start does, and what is wrong with the files.
//!
//! A segment's records from the next segment's first on are void: they were written and refused, because the disk failed, and
//! their numbers were given again.

use std::fmt;
use std::io;

use super::disk::JournalDisk;
use super::frame::{BadHeader, Header};
use super::scan::{Scan, scan};
use super::{JournalError, Order, SUFFIX};

/// One record as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRecord {
    /// Its number.
    pub seq: u64,
    /// What was appended.
    pub payload: Vec<u8>,
}

/// Something that is wrong with a journal's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// The last segment's last group is not whole: most likely a write that a crash cut, which nobody was told of. The
    /// segment is kept.
    Torn {
        /// The segment.
        file: String,
        /// Bytes behind the last undamaged record.
        bytes: usize,
    },
    /// Records are damaged or missing: acknowledged writes are lost. The segment is kept.
    Lost {
        /// The segment, or the one before which a segment is missing.
        file: String,
        /// How many records.
        records: u64,
    },
    /// A copy of a header is damaged; nothing is lost by it.
    Header {
        /// The segment.
        file: String,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Torn { file, bytes } => {
                write!(
                    f,
                    "{file}: its last write is not whole ({bytes} bytes are left over): it was cut by a crash, or is damaged"
                )
            }
            Damage::Lost { file, records } => {
                write!(f, "{file}: {records} acknowledged records are damaged or missing")
            }
            Damage::Header { file } => write!(f, "{file}: a copy of the header is damaged, nothing is lost"),
        }
    }
}

/// A segment on the disk that is no longer written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its file.
    pub name: String,
    /// One past its last record.
    pub end: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Whether it is renamed, not removed, when it is no longer needed: something in it could not be read.
    pub aside: bool,
}

/// All that a folder holds.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Undamaged records in their order.
    pub records: Vec<JournalRecord>,
    /// What is wrong.
    pub damage: Vec<Damage>,
    pub(super) segments: Vec<Segment>,
    pub(super) next: u64,
}

/// A segment's name, by its first record.
pub fn name(first: u64) -> String {
    format!("{first:016x}{SUFFIX}")
}

/// Reads all segments, and makes durable what was read.
pub fn recover(disk: &mut dyn JournalDisk, order: Order) -> Result<Recovered, JournalError> {
    let failed =
        |what: &str, error: io::Error| JournalError(format!("the journal cannot be read: {what}: {error}"));
    let mut files = Vec::new();
    for file in disk.list().map_err(|error| failed("its folder", error))? {
        let first = file.strip_suffix(SUFFIX).and_then(|first| u64::from_str_radix(first, 16).ok());
        files.extend(first.map(|first| (first, file)));
    }
    files.sort();
    let mut recovered =
        Recovered { next: files.first().map_or(1, |(first, _)| *first), ..Recovered::default() };
    for (place, (first, file)) in files.iter().enumerate() {
        let bytes = disk.read(file).map_err(|error| failed(file, error))?;
        let until = files.get(place + 1).map(|(first, _)| *first);
        recovered.take(file, *first, until, &bytes)?;
    }
    if order != Order::Apart {
        recovered.cut_at_hole(files.first().map_or(1, |(first, _)| *first));
    }
    if let Some((_, file)) = files.last() {
        // What is counted on from now on must not vanish with a power failure that follows.
        disk.sync(file).and_then(|()| disk.sync_folder()).map_err(|error| failed(file, error))?;
    }
    Ok(recovered)
}

impl Recovered {
    /// Takes in one segment; `until` is the next one's first record.
    fn take(&mut self, file: &str, first: u64, until: Option<u64>, bytes: &[u8]) -> Result<(), JournalError> {
        let named = || file.to_owned();
        if first > self.next {
            self.damage.push(Damage::Lost { file: named(), records: first - self.next });
        }
        self.next = first;
        let damaged_before = self.damage.len();
        let scanned = match Header::decode(bytes) {
            Ok((header, damaged)) => {
                if damaged {
                    self.damage.push(Damage::Header { file: named() });
                }
                scan(bytes, first, header.salt)
            }
            Err(BadHeader::Damaged) => Scan::default(),
            Err(BadHeader::Version(version)) => {
                return Err(JournalError(format!(
                    "{file} is of version {version} of the journal, which this program does not read"
                )));
            }
        };
        let (lost, cut) = self.take_records(until, &scanned);
        if lost > 0 {
            self.damage.push(Damage::Lost { file: named(), records: lost });
        }
        let tail = &bytes[scanned.end..];
        if until.is_none() && (cut || tail.iter().any(|byte| *byte != 0)) {
            self.damage.push(Damage::Torn { file: named(), bytes: tail.len() });
        }
        let aside = self.damage.len() > damaged_before;
        let bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.segments.push(Segment { name: named(), end: self.next, bytes, aside });
        Ok(())
    }

    /// Gives up what stands behind a hole in the last group, which a crash made: the numbers from there on are given again, and the segment that
    /// begins with the next record makes void what has them.
    fn cut_at_hole(&mut self, first: u64) {
        let is_lost = self.damage.iter().any(|damage| matches!(damage, Damage::Lost { .. }));
        let whole = self.records.iter().zip(first..).take_while(|(record, seq)| record.seq == *seq).count();
        if is_lost || whole == self.records.len() {
            return;
        }
        self.records.truncate(whole);
        self.next = self.records.last().map_or(first, |record| record.seq + 1);
        if let Some(segment) = self.segments.last_mut() {
            segment.end = self.next;
        }
    }

    /// Takes in a segment's records. How many that were acknowledged are not among them, and whether some are not that
    /// belong to the last group: of those nobody can say whether they were.
    fn take_records(&mut self, until: Option<u64>, scanned: &Scan<'_>) -> (u64, bool) {
        let records =
            scanned.records.iter().take_while(|record| until.is_none_or(|until| record.seq < until));
        let durable = until.or(records.clone().map(|record| record.group).max()).unwrap_or(self.next);
        let (mut lost, mut cut) = (0, false);
        let mut missing = |from: u64, to: u64| {
            lost += to.min(durable).saturating_sub(from);
            cut |= to > durable.max(from);
        };
        for record in records {
            missing(self.next, record.seq);
            self.next = record.seq + 1;
            self.records.push(JournalRecord { seq: record.seq, payload: record.payload.to_vec() });
        }
        if let Some(until) = until.filter(|until| *until > self.next) {
            missing(self.next, until);
            self.next = until;
        }
        (lost, cut)
    }
}
