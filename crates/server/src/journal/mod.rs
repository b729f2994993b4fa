//! A journal: what was acknowledged before its effect is anywhere else, so that a crash does not lose it.
//!
//! Records are numbered, framed with a CRC and appended to segments; one thread writes all that waits and syncs once for it.
//! Segments go away when nothing in them is needed. A start reads back every record, cuts what a crash tore at the end, and
//! tells of anything else that is not as it was written: see [`Damage`]. `docs/decisions/0011-journal.md` says why it is our own.

mod disk;
#[cfg(test)]
pub(crate) mod faults;
mod frame;
mod log;
mod recover;
mod scan;
#[cfg(test)]
mod tests;
mod thread;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

pub use disk::{Folder, JournalDisk};
pub use recover::{Damage, JournalRecord};

const SUFFIX: &str = ".journal";
/// A segment is ended when it has so many bytes.
const SEGMENT_BYTES: u64 = 16 << 20;
/// How long a start waits for an earlier process to let go of the folder.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// Why a record is not in the journal: in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalError(pub String);

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for JournalError {}

/// Called on the journal's thread, in the order of the records: with the record's number once it is durable.
pub type Then = Box<dyn FnOnce(Result<u64, JournalError>) + Send>;

/// A record to be appended.
pub struct Entry {
    /// What is to be kept.
    pub payload: Vec<u8>,
    /// What is to happen then.
    pub then: Then,
}

/// What those who append to a journal count on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Each record stands for itself: what the disk does not take is refused, and what comes later may be taken.
    Apart,
    /// None is durable unless all before it are. What the disk does not take is written again, before anything else, until it is taken or nobody is
    /// left who could append; and a start reads up to the first record that is not there.
    Strict {
        /// How long to wait before it is written again.
        again: Duration,
    },
}

enum Job {
    Append(Entry),
    Rewrite(Box<dyn FnOnce() -> Vec<Entry> + Send>),
    Trim(Box<dyn FnOnce() -> Option<u64> + Send>),
}

/// What a journal did since it was opened.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct Figures {
    pub records: AtomicU64,
    pub syncs: AtomicU64,
    /// How often the disk did not take a group.
    pub failures: AtomicU64,
    /// Whether the last group was refused, or waits for a disk that does not take it.
    pub failing: AtomicBool,
    /// Bytes on the disk.
    pub bytes: AtomicU64,
}

/// The journal's thread, as others reach it. It ends when this is dropped and what waits is written.
pub struct Journal {
    jobs: Sender<Job>,
    /// What it did.
    pub figures: Arc<Figures>,
}

/// What an opened journal holds.
#[derive(Debug)]
pub struct Contents {
    /// Undamaged records in their order.
    pub records: Vec<JournalRecord>,
    /// What is wrong with the files.
    pub damage: Vec<Damage>,
}

impl Journal {
    /// Opens the journal in a folder, making it when it is missing. Nothing is written before the first record.
    ///
    /// # Errors
    /// Another process has it, a file cannot be read, or the system gives no thread.
    pub fn open(folder: &Path, order: Order) -> Result<(Journal, Contents), JournalError> {
        let began = Instant::now();
        let folder_error = |error| JournalError(format!("journal {}: {error}", folder.display()));
        let disk = loop {
            match Folder::open(folder) {
                Ok(disk) => break disk,
                Err(error)
                    if error.kind() == std::io::ErrorKind::WouldBlock && began.elapsed() < LOCK_PATIENCE =>
                {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(error) => return Err(folder_error(error)),
            }
        };
        Journal::over(Box::new(disk), SEGMENT_BYTES, order)
    }

    /// Opens a journal over any disk.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn over(
        disk: Box<dyn JournalDisk>,
        segment_bytes: u64,
        order: Order,
    ) -> Result<(Journal, Contents), JournalError> {
        let (log, records, damage) = log::Log::open(disk, segment_bytes, order, fastrand::Rng::new())?;
        let figures = Arc::new(Figures::default());
        figures.bytes.store(log.bytes(), std::sync::atomic::Ordering::Relaxed);
        let (jobs, taken) = channel();
        let told = figures.clone();
        std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || thread::run(log, taken, &told, order))
            .map_err(|error| JournalError(format!("no thread for the journal: {error}")))?;
        Ok((Journal { jobs, figures }, Contents { records, damage }))
    }

    /// Appends a record. `then` is called when it is durable, or with why it is not; also when the thread is gone.
    pub fn append(&self, payload: Vec<u8>, then: Then) {
        if u32::try_from(payload.len()).is_err() {
            return then(Err(JournalError("a record of more than 4 GiB does not fit the journal".into())));
        }
        if let Err(gone) = self.jobs.send(Job::Append(Entry { payload, then }))
            && let Job::Append(entry) = gone.0
        {
            (entry.then)(Err(JournalError("the journal has stopped".into())));
        }
    }

    /// Appends records that `entries` makes on the journal's thread, when all that was appended before is durable and its
    /// `then` has been called: for copying what is still needed to the journal's end. A copy that the disk does not take is refused, in whatever
    /// order.
    pub fn rewrite(&self, entries: impl FnOnce() -> Vec<Entry> + Send + 'static) {
        // A thread that is gone has nothing to copy.
        let _gone = self.jobs.send(Job::Rewrite(Box::new(entries)));
    }

    /// Lets go of records before the number that `keep` answers, as a whole segment at a time; of all when it answers
    /// `None`. It is asked on the journal's thread, in the order of the appends.
    pub fn trim(&self, keep: impl FnOnce() -> Option<u64> + Send + 'static) {
        let _gone = self.jobs.send(Job::Trim(Box::new(keep)));
    }
}
