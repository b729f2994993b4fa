//! Whether somebody writes to a database's files, as the system tells it (inotify).
//!
//! A commit writes to the WAL file first and can be seen a little later; so what is told here says when to look, not what is
//! there. A system that tells nothing costs the writer's thread its looks at every `feed_poll`, and nothing else.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Watches over the folder of a database while it is kept.
pub struct Watch {
    alive: Arc<AtomicBool>,
    #[cfg(target_os = "linux")]
    _folder: linux::WatchedFolder,
}

impl Watch {
    /// Begins to watch over the files of the database at `path`. `stirred` is called when one of them was written to, made or
    /// moved, at most once a `pause`. `None`: the system does not tell of that.
    pub fn begin(path: &Path, pause: Duration, stirred: impl Fn() + Send + 'static) -> Option<Watch> {
        #[cfg(target_os = "linux")]
        return linux::begin(path, pause, stirred);
        #[cfg(not(target_os = "linux"))]
        return None;
    }

    /// Whether it still watches: a folder that is moved takes the watch away with it.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

    use super::*;

    /// The watch on a folder. Taken away, it ends the thread that reads from it.
    pub struct WatchedFolder {
        inotify: Arc<OwnedFd>,
        number: i32,
    }

    impl Drop for WatchedFolder {
        fn drop(&mut self) {
            // The folder itself may be gone, and the watch with it.
            let _gone = inotify::remove_watch(&self.inotify, self.number);
        }
    }

    pub fn begin(path: &Path, pause: Duration, stirred: impl Fn() + Send + 'static) -> Option<Watch> {
        // A link leads to the files that are written to.
        let path = path.canonicalize().ok()?;
        let (folder, name) = (path.parent()?, path.file_name()?.as_encoded_bytes().to_vec());
        let inotify = Arc::new(inotify::init(CreateFlags::CLOEXEC).ok()?);
        let what = WatchFlags::MODIFY
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        let number = inotify::add_watch(&inotify, folder, what).ok()?;
        let alive = Arc::new(AtomicBool::new(true));
        let watch =
            Watch { alive: alive.clone(), _folder: WatchedFolder { inotify: inotify.clone(), number } };
        let run = move || {
            listen(&inotify, &name, pause, &stirred);
            alive.store(false, Ordering::Release);
            // What came last may have been lost.
            stirred();
        };
        std::thread::Builder::new().name("file watch".into()).spawn(run).ok()?;
        Some(watch)
    }

    /// Reads until the watch is taken away or can no longer be trusted.
    fn listen(inotify: &OwnedFd, name: &[u8], pause: Duration, stirred: &impl Fn()) {
        const OVER: ReadFlags = ReadFlags::IGNORED.union(ReadFlags::MOVE_SELF).union(ReadFlags::UNMOUNT);
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(inotify, &mut buffer);
        let mut stir = false;
        loop {
            match reader.next() {
                Ok(event) if event.events().intersects(OVER) => return,
                // One without a name says that too much happened.
                Ok(event) => stir |= event.file_name().is_none_or(|file| is_of(file.to_bytes(), name)),
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return,
            }
            if reader.is_buffer_empty() {
                if std::mem::take(&mut stir) {
                    stirred();
                }
                // What happens in the meantime is read in one go.
                std::thread::sleep(pause);
            }
        }
    }

    /// The database itself, or what SQLite keeps beside it under its name.
    fn is_of(file: &[u8], name: &[u8]) -> bool {
        file.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest[0] == b'-')
    }
}
