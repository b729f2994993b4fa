//! What a member must find again after a restart, as one log in the order in which it was handed over. A crash leaves a beginning of it
//! (docs/decisions/0051), and never less than was told to last.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clearwell_cluster::{Persist, Persisted};
use clearwell_wire::{decode_persist, encode_persist};
use parking_lot::Mutex;

use super::NEW_NODE;
use crate::journal::{Contents, Damage, Entry, Figures, Journal, JournalError, JournalRecord, Order};

/// How long a disk that did not take something is left alone.
const AGAIN: Duration = Duration::from_millis(100);
/// What lies in front of each record, about.
const FRAME: u64 = 28;

/// When the log is written anew: when it has grown by so many times what counted of it then, and by so many bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Growth {
    pub times: u64,
    pub bytes: u64,
}

const GROWTH: Growth = Growth { times: 3, bytes: 16 << 20 };

type OnLasts = Box<dyn Fn(u64) + Send + Sync>;

/// The disk of a member.
pub struct MemberDisk {
    journal: Journal,
    log: Arc<MemberLog>,
    growth: Growth,
}

/// What is known of the log.
struct MemberLog {
    durable: Mutex<Durable>,
    /// Who hears of what lasts.
    on_lasts: OnceLock<OnLasts>,
    /// Bytes that were handed over since the log was written anew, and what it took then.
    grown: AtomicU64,
    anew: AtomicU64,
    /// Something cannot be kept, now or ever: nothing that is behind it may last.
    ended: AtomicBool,
}

struct Durable {
    /// What counts of all that lasts. Its values are those that the member has in memory.
    persisted: Persisted,
    /// How much lasts of what this process handed over.
    lasting: u64,
    /// The first record of the newest copy of all that counts.
    copied: u64,
}

impl MemberDisk {
    /// Begins the log of a node that is to have an identity: from then on there is a record in it, so that a log that is lost can be told from
    /// one that nobody has written to.
    ///
    /// # Errors
    /// In words: there is the log of another node, or it cannot be written to.
    pub(super) fn begin(data: &Path) -> Result<(), String> {
        let folder = folder(data);
        let failed = |why: String| format!("{}: {why}", folder.display());
        let opened = Journal::open(&folder, Order::Strict { again: AGAIN });
        let (journal, Contents { records, damage }) = opened.map_err(|error| failed(error.0))?;
        judge(&damage).map_err(failed)?;
        let mut first = Vec::new();
        encode_persist(
            &Persist::Slots { slots: Vec::new(), journal: Vec::new(), holds: Vec::new() },
            &mut first,
        );
        if records.iter().any(|record| record.payload != first) {
            return Err(failed(format!(
                "this is the log of a node whose identity is gone: put that back, or {NEW_NODE}"
            )));
        }
        if records.is_empty() {
            let (told, written) = std::sync::mpsc::channel();
            // Whoever waits for it is there.
            journal.append(first, Box::new(move |done| drop(told.send(done))));
            written.recv().unwrap_or(Err(JournalError(String::new()))).map_err(|error| failed(error.0))?;
        }
        Ok(())
    }

    /// Whether a log was begun in a data folder.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn is_begun(data: &Path) -> std::io::Result<bool> {
        match std::fs::read_dir(folder(data)) {
            Ok(mut files) => files.try_fold(false, |found, file| {
                Ok(found || Path::new(&file?.file_name()).extension().is_some_and(|end| end == "journal"))
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens the log in a data folder and reads what was persisted, in order and without what later records took away. There are so many slots.
    ///
    /// # Errors
    /// In words: another process has the folder; it cannot be read; or acknowledged records are damaged, with which the node must not go on under
    /// its name.
    pub fn open(data: &Path, slots: u16) -> Result<(MemberDisk, Vec<Persist>), String> {
        let folder = folder(data);
        let opened = Journal::open(&folder, Order::Strict { again: AGAIN });
        MemberDisk::over(opened, slots, GROWTH).map_err(|why| format!("{}: {why}", folder.display()))
    }

    /// The same with a journal that is open.
    pub(super) fn over(
        opened: Result<(Journal, Contents), JournalError>,
        slots: u16,
        growth: Growth,
    ) -> Result<(MemberDisk, Vec<Persist>), String> {
        let (journal, Contents { records, damage }) = opened.map_err(|error| error.0)?;
        judge(&damage)?;
        let persisted = read(records, slots)?;
        let there = persisted.read().collect();
        let log = MemberLog {
            durable: Mutex::new(Durable { persisted, lasting: 0, copied: 0 }),
            on_lasts: OnceLock::new(),
            grown: AtomicU64::new(0),
            anew: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        };
        let disk = MemberDisk { journal, log: Arc::new(log), growth };
        disk.write_anew();
        Ok((disk, there))
    }

    /// Tells, from now on, how much lasts of all that was handed over ([`clearwell_host::Host::lasts`]). It is called on the journal's thread. The
    /// first who asks is told.
    pub fn on_lasts(&self, tell: impl Fn(u64) + Send + Sync + 'static) {
        if self.log.on_lasts.set(Box::new(tell)).is_ok() {
            self.log.tell();
        }
    }

    /// Hands something over, behind all that was handed over before. A disk that is full or fails holds it up, and all that comes after it.
    pub fn hand(&self, what: Persist) {
        if self.log.ended.load(Relaxed) {
            return;
        }
        let mut payload = Vec::new();
        encode_persist(&what, &mut payload);
        let bytes = payload.len() as u64 + FRAME;
        let log = Arc::clone(&self.log);
        self.journal.append(payload, Box::new(move |written| log.written(what, written)));
        let grown = self.log.grown.fetch_add(bytes, Relaxed) + bytes;
        let most = self.growth.bytes.max(self.growth.times * self.log.anew.load(Relaxed));
        if grown > most {
            self.write_anew();
        }
    }

    /// What the disk did, and whether it takes nothing now.
    pub fn figures(&self) -> &Figures {
        &self.journal.figures
    }

    /// Copies what counts to the log's end and lets go of what is before it. What the disk does not take of that is tried again when the log has grown
    /// once more.
    fn write_anew(&self) {
        self.log.grown.store(0, Relaxed);
        let log = Arc::clone(&self.log);
        self.journal.rewrite(move || log.copies());
        let log = Arc::clone(&self.log);
        self.journal.trim(move || Some(log.durable.lock().copied));
    }
}

impl MemberLog {
    /// On the journal's thread: the disk has taken something.
    fn written(&self, what: Persist, written: Result<u64, JournalError>) {
        match written {
            Ok(_) => {
                let mut durable = self.durable.lock();
                durable.persisted.keep(what);
                durable.lasting += 1;
                drop(durable);
                self.tell();
            }
            Err(error) => {
                if !self.ended.swap(true, Relaxed) {
                    tracing::error!(%error, "what the cluster's member decided cannot be kept");
                }
            }
        }
    }

    fn tell(&self) {
        if let Some(tell) = self.on_lasts.get() {
            let lasting = self.durable.lock().lasting;
            tell(lasting);
        }
    }

    /// All that counts, on the journal's thread.
    fn copies(self: Arc<MemberLog>) -> Vec<Entry> {
        let mut copies: Vec<Entry> = Vec::new();
        let mut bytes = 0;
        for what in self.durable.lock().persisted.read() {
            let mut payload = Vec::new();
            encode_persist(&what, &mut payload);
            bytes += payload.len() as u64 + FRAME;
            copies.push(Entry { payload, then: Box::new(|_| ()) });
        }
        self.anew.store(bytes, Relaxed);
        if let Some(first) = copies.first_mut() {
            // They are taken together or not at all.
            first.then = Box::new(move |written| {
                if let Ok(place) = written {
                    self.durable.lock().copied = place;
                }
            });
        }
        copies
    }
}

fn folder(data: &Path) -> PathBuf {
    data.join("cluster").join("member")
}

/// Whether a log that is damaged so may be used.
fn judge(damage: &[Damage]) -> Result<(), String> {
    for damage in damage {
        match damage {
            Damage::Lost { .. } => {
                return Err(format!(
                    "{damage}. What this node promised to its cluster is not known any more, so it must not go on under its name: put the folder back as \
                     it was, or {NEW_NODE}. Writes that no source and no other node has are lost with it"
                ));
            }
            Damage::Torn { .. } | Damage::Header { .. } => {
                tracing::warn!("the log of the cluster's member: {damage}");
            }
        }
    }
    Ok(())
}

fn read(records: Vec<JournalRecord>, slots: u16) -> Result<Persisted, String> {
    let mut persisted = Persisted::new(slots);
    for JournalRecord { seq, payload } in records {
        let what = decode_persist(&payload).map_err(|error| {
            format!("record {seq} of the log of the cluster's member cannot be read ({error}): was it written by a newer version of this program?")
        })?;
        persisted.keep(what);
    }
    Ok(persisted)
}
