//! The data folder, which one node at a time may have.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// The file whose lock says that the folder is in use, and by which process.
const LOCK: &str = "lock";

/// A node that was just told to stop may hold its folder a little longer.
const PATIENCE: Duration = Duration::from_millis(500);

/// The right to use a data folder; let go of when it is dropped, or when the process ends in whatever way.
#[derive(Debug)]
pub struct DataFolder {
    _lock: File,
}

impl DataFolder {
    /// Takes the folder, which is made when it is missing.
    ///
    /// # Errors
    /// In words: another node has it, or the file system does not allow it.
    pub fn claim(folder: &Path) -> Result<DataFolder, String> {
        let shown = folder.display();
        let failed = |error: std::io::Error| format!("data folder {shown}: {error}");
        std::fs::create_dir_all(folder).map_err(failed)?;
        let path = folder.join(LOCK);
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed)?;
        let deadline = Instant::now() + PATIENCE;
        let mut locked = lock.try_lock();
        while matches!(locked, Err(TryLockError::WouldBlock)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
            locked = lock.try_lock();
        }
        match locked {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                let process = holder(&mut lock).map_or_else(String::new, |id| format!(" (process {id})"));
                return Err(format!(
                    "another node{process} uses the data folder {shown}: stop that one, or give this one a folder of its own with --data"
                ));
            }
        }
        // For whoever is refused; the lock itself does not need it.
        let noted = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| {
            writeln!(lock, "{}", std::process::id())?;
            lock.flush()
        });
        noted.map_err(failed)?;
        Ok(DataFolder { _lock: lock })
    }
}

/// The process that noted itself in the file.
fn holder(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::DataFolder;

    #[test]
    fn a_folder_is_of_one_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("not/there/yet");
        let first = DataFolder::claim(&data).expect("it is free");
        let refused = DataFolder::claim(&data).expect_err("it is taken");
        let process = format!("another node (process {}) uses the data folder", std::process::id());
        assert!(refused.starts_with(&process) && refused.contains("--data"), "{refused}");
        drop(first);
        DataFolder::claim(&data).expect("it is free again");
    }
}
