//! A disk in memory that fails and crashes when a test says so.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use fastrand::Rng;
use parking_lot::Mutex;

use super::JournalDisk;

/// What happens to one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// EIO: nothing is done (a sync may have done part of it).
    Io,
    /// ENOSPC: as much as half of it is done.
    Full,
    /// Fewer bytes are taken than were given, without an error.
    Short,
}

#[derive(Debug, Clone, Default)]
struct FaultyFile {
    /// What a reader sees.
    now: Vec<u8>,
    /// What a crash leaves for sure.
    durable: Vec<u8>,
    /// Whether zeros may stand behind it.
    ahead: bool,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<u64, FaultyFile>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    next_file: u64,
    /// Operations that change something, from now on, and what becomes of them.
    faults: BTreeMap<u64, DiskFault>,
    done: u64,
    /// Bytes that all files together may have.
    capacity: Option<usize>,
    /// From this operation on nothing that changes something is done any more.
    dies_at: Option<u64>,
}

/// Clones are handles of one disk.
#[derive(Debug, Clone, Default)]
pub struct FaultyDisk(Arc<Mutex<State>>);

impl FaultyDisk {
    /// The operation `after` this many that change something fails.
    pub fn fail(&self, after: u64, fault: DiskFault) {
        let mut state = self.0.lock();
        let at = state.done + after;
        state.faults.insert(at, fault);
    }

    /// All files together may have so many bytes.
    pub fn limit(&self, capacity: Option<usize>) {
        self.0.lock().capacity = capacity;
    }

    /// The process dies before the operation `after` this many that change something: neither that one nor any later one is done, until it is
    /// [revived](FaultyDisk::revive).
    pub fn die(&self, after: u64) {
        let mut state = self.0.lock();
        state.dies_at = Some(state.done + after);
    }

    /// Whether it has died.
    pub fn is_dead(&self) -> bool {
        self.0.lock().is_dead()
    }

    /// Another process has the disk, which is as the last one left it.
    pub fn revive(&self) {
        let mut state = self.0.lock();
        state.faults.clear();
        state.dies_at = None;
    }

    /// The power fails: what was not synced is there, or half of it, or garbage in its place.
    pub fn crash(&self, rng: &mut Rng) {
        let mut state = self.0.lock();
        state.faults.clear();
        if rng.bool() {
            state.names = state.durable_names.clone();
        }
        for file in state.files.values_mut() {
            let kept = file.durable.len();
            if file.now.len() < kept {
                if rng.bool() {
                    file.now.clone_from(&file.durable);
                }
            } else {
                let end = rng.usize(kept..=file.now.len());
                file.now.truncate(end);
                if end > kept && rng.bool() {
                    let at = rng.usize(kept..end);
                    file.now[at] ^= rng.u8(1..);
                }
            }
            // Zeros were there before the records were.
            if file.ahead && rng.bool() {
                file.now.resize(file.now.len() + rng.usize(..200), 0);
            }
            file.durable.clone_from(&file.now);
            file.ahead = false;
        }
        state.durable_names = state.names.clone();
    }

    /// A file's bytes.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        self.read(name).expect("the file is there")
    }

    /// A disk with these files, all of them durable.
    pub fn holding<'f>(files: impl Iterator<Item = (&'f String, &'f Vec<u8>)>) -> FaultyDisk {
        let disk = FaultyDisk::default();
        let mut state = disk.0.lock();
        for (name, bytes) in files {
            let id = state.next_file;
            state.next_file += 1;
            state.files.insert(id, FaultyFile { now: bytes.clone(), durable: bytes.clone(), ahead: false });
            state.names.insert(name.clone(), id);
        }
        state.durable_names = state.names.clone();
        drop(state);
        disk
    }
}

impl State {
    fn fault(&mut self) -> Option<DiskFault> {
        let fault = self.faults.remove(&self.done);
        self.done += 1;
        fault
    }

    fn is_dead(&self) -> bool {
        self.dies_at.is_some_and(|at| self.done >= at)
    }

    fn change(&mut self) -> io::Result<()> {
        if self.is_dead() {
            return Err(error(DiskFault::Io));
        }
        match self.fault() {
            None | Some(DiskFault::Short) => Ok(()),
            Some(fault) => Err(error(fault)),
        }
    }

    fn file(&mut self, name: &str) -> io::Result<&mut FaultyFile> {
        let id = self.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        self.files.get_mut(id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn error(fault: DiskFault) -> io::Error {
    io::Error::from_raw_os_error(if fault == DiskFault::Full { 28 } else { 5 })
}

impl JournalDisk for FaultyDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().names.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.0.lock().file(name).map(|file| file.now.clone())
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.change()?;
        if let Ok(file) = state.file(name) {
            file.now.clear();
            return Ok(());
        }
        let id = state.next_file;
        state.next_file += 1;
        state.files.insert(id, FaultyFile::default());
        state.names.insert(name.to_owned(), id);
        Ok(())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        if state.is_dead() {
            return Err(error(DiskFault::Io));
        }
        let used: usize = state.names.values().map(|id| state.files[id].now.len()).sum();
        let room = state.capacity.map_or(usize::MAX, |most| most.saturating_sub(used));
        let fault = match state.fault() {
            None if room == 0 => Some(DiskFault::Full),
            fault => fault,
        };
        let taken = if fault.is_some() { bytes.len() / 2 } else { bytes.len().min(room) };
        let file = state.file(name)?;
        file.now.extend_from_slice(&bytes[..taken]);
        file.ahead = true;
        match fault {
            Some(DiskFault::Short) if taken == 0 => Err(io::ErrorKind::Interrupted.into()),
            None | Some(DiskFault::Short) => Ok(taken),
            Some(fault) => Err(error(fault)),
        }
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.change()?;
        let file = state.file(name)?;
        file.durable.clone_from(&file.now);
        Ok(())
    }

    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        let mut state = self.0.lock();
        state.change()?;
        let file = state.file(name)?;
        file.now.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        file.ahead = false;
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.change()?;
        let id = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.change()?;
        state.names.remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.change()?;
        state.durable_names = state.names.clone();
        Ok(())
    }
}
