//! What makes EXEC atomic among connections on several threads.
//!
//! Each worker holds its own gate while it runs a batch: an uncontended lock that nobody else touches. Who must be alone
//! takes all gates, in their order.

use parking_lot::{Mutex, MutexGuard};

/// One gate a worker.
pub struct Gates(Box<[Gate]>);

/// On a cache line of its own, so that workers do not disturb each other.
#[repr(align(128))]
#[derive(Default)]
struct Gate(Mutex<()>);

impl Gates {
    /// Gates for so many workers.
    pub fn new(workers: usize) -> Gates {
        Gates((0..workers).map(|_| Gate::default()).collect())
    }

    /// Lets a worker run commands on single keys beside the others.
    pub fn enter(&self, worker: usize) -> MutexGuard<'_, ()> {
        self.0[worker].0.lock()
    }

    /// Keeps every worker out. The caller must hold no gate.
    pub fn alone(&self) -> Vec<MutexGuard<'_, ()>> {
        self.0.iter().map(|gate| gate.0.lock()).collect()
    }
}
