//! The threads of the links: one for each lane, and one that takes connections.

use std::io;
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// Threads that run until they are told to stop.
#[derive(Debug)]
pub struct Threads {
    stop: watch::Sender<bool>,
    all: Mutex<Vec<JoinHandle<()>>>,
}

impl Threads {
    pub fn new() -> Threads {
        Threads { stop: watch::Sender::new(false), all: Mutex::default() }
    }

    /// Begins one with a runtime of its own.
    pub fn begin(&self, name: &str) -> io::Result<Handle> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let handle = runtime.handle().clone();
        let mut stop = self.stop.subscribe();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            // It ends with the sender as well.
            let _ = runtime.block_on(stop.wait_for(|is_over| *is_over));
            // A name that is being looked up is not waited for.
            runtime.shutdown_background();
        })?;
        self.all.lock().push(thread);
        Ok(handle)
    }

    /// Ends all of them, and waits until they have ended if it is not one of them that calls.
    pub fn stop(&self) {
        self.stop.send_replace(true);
        let here = thread::current().id();
        // One of them may call as well meanwhile, and must not wait for this lock.
        let all = std::mem::take(&mut *self.all.lock());
        for thread in all.into_iter().filter(|thread| thread.thread().id() != here) {
            // One that panicked has ended too.
            let _ = thread.join();
        }
    }
}
