//! The folder that a journal writes to, behind one small trait so that tests can inject faults.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A flat folder of files. Nothing is durable before `sync` (bytes) and `sync_folder` (names).
pub trait JournalDisk: Send {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// A whole file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// Makes an empty file; one of that name loses its content.
    fn create(&mut self, name: &str) -> io::Result<()>;
    /// Writes some of `bytes` behind what was appended to a created file; how many. May be fewer than given. What follows
    /// on the disk is nothing, or zeros.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<usize>;
    /// Makes a file's bytes durable.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Cuts a file to `len` bytes.
    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()>;
    /// Renames a file.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Makes names durable.
    fn sync_folder(&mut self) -> io::Result<()>;
}

/// A folder of the file system, which one process at a time may have.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    open: HashMap<String, Open>,
    /// Holds the folder's lock as long as it is open.
    _lock: File,
}

/// Zeros are written ahead of the records in pieces of this many bytes: the sync of bytes that replace others has no length and
/// no blocks of the file to note, and is many times as fast (docs/decisions/0011).
const AHEAD: u64 = 1 << 20;

/// A file that is written to.
#[derive(Debug)]
struct Open {
    file: File,
    /// Where what was appended ends.
    end: u64,
    /// Where the zeros behind it end.
    room: u64,
    /// The disk has no room for zeros.
    tight: bool,
}

impl Open {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let needed = self.end.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if needed > self.room && !self.tight && self.extend(needed).is_err() {
            self.tight = true;
            self.truncate(self.end)?;
        }
        self.file.seek(SeekFrom::Start(self.end))?;
        let written = self.file.write(bytes)?;
        self.end += u64::try_from(written).unwrap_or(0);
        Ok(written)
    }

    fn extend(&mut self, needed: u64) -> io::Result<()> {
        let room = needed.next_multiple_of(AHEAD);
        self.file.seek(SeekFrom::Start(self.room))?;
        io::copy(&mut io::repeat(0).take(room - self.room), &mut self.file)?;
        self.room = room;
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        (self.end, self.room) = (len, len);
        Ok(())
    }
}

/// The file whose lock says that the folder is in use.
const LOCK: &str = "lock";

impl Folder {
    /// Opens the folder, making it when it is missing.
    ///
    /// # Errors
    /// Another process has it, or the file system fails.
    pub fn open(path: &Path) -> io::Result<Folder> {
        std::fs::create_dir_all(path)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(io::ErrorKind::WouldBlock, "another node uses this folder"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
        Ok(Folder { path: path.to_owned(), open: HashMap::new(), _lock: lock })
    }

    fn file(&mut self, name: &str) -> io::Result<&mut Open> {
        if !self.open.contains_key(name) {
            let file = OpenOptions::new().write(true).open(self.path.join(name))?;
            let end = file.metadata()?.len();
            self.open.insert(name.to_owned(), Open { file, end, room: end, tight: false });
        }
        self.open.get_mut(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl JournalDisk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for file in std::fs::read_dir(&self.path)? {
            names.extend(file?.file_name().into_string().ok().filter(|name| name != LOCK));
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path.join(name))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        drop(File::create(self.path.join(name))?);
        self.open.remove(name);
        self.file(name).map(drop)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<usize> {
        self.file(name)?.append(bytes)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.file(name)?.file.sync_data()
    }

    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        self.file(name)?.truncate(len)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.open.remove(from);
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.open.remove(name);
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}
