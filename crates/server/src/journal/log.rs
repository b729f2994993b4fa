//! The log as one thread sees it: groups of records go into segments, and segments go away.

use std::collections::VecDeque;
use std::io;

use super::disk::JournalDisk;
use super::frame::{self, Framed, Header};
use super::recover::{Recovered, Segment, name, recover};
use super::{Damage, JournalError, JournalRecord, Order};

/// What is kept of the buffer for the next group: a copy of all that is needed may be much longer than usual.
const BUFFER_BYTES: usize = 16 << 20;

/// A log over a folder.
pub struct Log {
    disk: Box<dyn JournalDisk>,
    segments: VecDeque<Segment>,
    /// The salt of the last segment, while it is written to.
    active: Option<u64>,
    next: u64,
    segment_bytes: u64,
    rng: fastrand::Rng,
    buffer: Vec<u8>,
}

impl Log {
    /// Reads what the folder holds. A segment is ended when it has `segment_bytes`.
    pub fn open(
        mut disk: Box<dyn JournalDisk>,
        segment_bytes: u64,
        order: Order,
        rng: fastrand::Rng,
    ) -> Result<(Log, Vec<JournalRecord>, Vec<Damage>), JournalError> {
        let Recovered { records, damage, segments, next } = recover(&mut *disk, order)?;
        let log = Log {
            disk,
            segments: segments.into(),
            active: None,
            next,
            segment_bytes,
            rng,
            buffer: Vec::new(),
        };
        Ok((log, records, damage))
    }

    /// The number that the next record gets.
    #[cfg(test)]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Appends records with one sync for all; the number of the first. When it fails, none of them is acknowledged and
    /// what was written before stays.
    pub fn write<'p>(&mut self, payloads: impl Iterator<Item = &'p [u8]>) -> Result<u64, JournalError> {
        let first = self.next;
        self.group(payloads).map_err(|error| {
            self.retire();
            JournalError(format!("the journal cannot take it: {error}"))
        })?;
        Ok(first)
    }

    fn group<'p>(&mut self, payloads: impl Iterator<Item = &'p [u8]>) -> io::Result<()> {
        let full = self.segments.back().is_none_or(|segment| segment.bytes >= self.segment_bytes);
        if full {
            self.active = None;
        }
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES);
        let (salt, is_new) = match self.active {
            Some(salt) => (salt, false),
            None => (self.begin()?, true),
        };
        let mut next = self.next;
        for payload in payloads {
            frame::encode(&mut self.buffer, salt, &Framed { seq: next, group: self.next, payload });
            next += 1;
        }
        let Some(segment) = self.segments.back_mut() else { return Err(io::ErrorKind::NotFound.into()) };
        let mut rest = &self.buffer[..];
        while !rest.is_empty() {
            match self.disk.append(&segment.name, rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.disk.sync(&segment.name)?;
        if is_new {
            self.disk.sync_folder()?;
        }
        segment.bytes += u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        segment.end = next;
        self.next = next;
        Ok(())
    }

    /// Begins a segment: its file, and its header in the buffer.
    fn begin(&mut self) -> io::Result<u64> {
        let (name, salt) = (name(self.next), self.rng.u64(..));
        // A file of this name is what an attempt that failed left; nothing in it was acknowledged.
        self.segments.retain(|segment| segment.name != name);
        self.disk.create(&name)?;
        Header { first: self.next, salt }.encode(&mut self.buffer);
        self.segments.push_back(Segment { name, end: self.next, bytes: 0, aside: false });
        self.active = Some(salt);
        Ok(salt)
    }

    /// After a failure nobody knows what the file holds behind its last acknowledged record: it is cut there, as far as
    /// the disk allows, and no more is written to it. What cannot be cut is void once the next segment stands.
    fn retire(&mut self) {
        let Some(segment) = self.segments.back().filter(|_| self.active.take().is_some()) else { return };
        let cut = match segment.bytes {
            0 => self.disk.remove(&segment.name),
            bytes => self.disk.truncate(&segment.name, bytes).and_then(|()| self.disk.sync(&segment.name)),
        };
        if let Err(error) = cut {
            tracing::warn!(file = segment.name, %error, "what a failed write left in the journal cannot be cut off");
        } else if segment.bytes == 0 {
            self.segments.pop_back();
        }
    }

    /// Removes segments of which no record from `keep` on is in; those that could not be read whole are set aside.
    pub fn trim(&mut self, keep: u64) -> Result<(), JournalError> {
        let last = self.segments.len().saturating_sub(1);
        if self
            .segments
            .get(last)
            .is_some_and(|segment| segment.end <= keep && segment.bytes >= self.segment_bytes / 4)
        {
            self.active = None;
        }
        let failed = |error: io::Error| JournalError(format!("a segment cannot be removed: {error}"));
        while let Some(segment) = self.segments.front().filter(|segment| segment.end <= keep) {
            if self.segments.len() == 1 && self.active.is_some() {
                return Ok(());
            }
            let removed = match segment.aside {
                true => self.disk.rename(&segment.name, &format!("{}.damaged", segment.name)),
                false => self.disk.remove(&segment.name),
            };
            // In order on the disk too: a hole in the numbers would read as a loss.
            removed.and_then(|()| self.disk.sync_folder()).map_err(failed)?;
            self.segments.pop_front();
        }
        Ok(())
    }
}
