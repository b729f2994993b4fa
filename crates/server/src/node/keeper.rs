//! The node's own thread: it moves the clock, frees what is over, releases what was held until now, and gives the cluster's
//! member its time.

use std::sync::{Arc, Weak};
use std::time::Duration;

use clearwell_engine::Millis;

use super::Node;

/// Entries that one round of maintenance looks at; a round ends well within the millisecond of a tick.
const ROUND: usize = 2_000;
/// How often the cluster's member is told that time has passed.
const MEMBER_MS: u64 = 100;

/// Starts the thread; it ends when the node is gone.
pub(super) fn start(node: &Arc<Node>) -> std::io::Result<()> {
    let node = Arc::downgrade(node);
    std::thread::Builder::new().name("keeper".into()).spawn(move || keep(&node)).map(drop)
}

fn keep(node: &Weak<Node>) {
    let mut told = Millis(0);
    loop {
        let Some(node) = node.upgrade() else { return };
        let now = node.listen_for_silence();
        if now.since(told) >= MEMBER_MS {
            node.part.tick(now);
            told = now;
        }
        node.release_due();
        node.engine.maintain(now, ROUND);
        drop(node);
        std::thread::sleep(Duration::from_millis(1));
    }
}
