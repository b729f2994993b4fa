//! The thread on which loads run, so that they outlive whoever asked.

use std::io;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A thread with a runtime of its own; dropped, it ends, and so do its tasks.
#[derive(Debug)]
pub struct Tasks {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Tasks {
    /// Starts it.
    ///
    /// # Errors
    /// The system gives no thread or no runtime.
    pub fn start() -> io::Result<Tasks> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            let _told_or_dropped = runtime.block_on(stopped);
        };
        let thread = std::thread::Builder::new().name("tasks".into()).spawn(run)?;
        Ok(Tasks { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Where to spawn.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the tasks' thread had panicked");
        }
    }
}
