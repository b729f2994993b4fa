//! What happened lately: the invalidations applied, for the page, SSE and «why is this key gone».

use std::collections::VecDeque;
use std::sync::Arc;

use clearwell_engine::{Invalidation, Millis};
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::road::Position;

/// One applied invalidation.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its place in the log.
    pub position: Position,
    /// When.
    pub at: Millis,
    /// What.
    pub invalidation: Invalidation,
    /// How many entries it reached.
    pub reached: u64,
}

/// A bounded ring of the latest items, and a channel for whoever listens. A listener that falls behind is told
/// how much it missed and must reset.
pub struct News {
    ring: Mutex<VecDeque<Arc<Item>>>,
    sender: broadcast::Sender<Arc<Item>>,
}

const KEPT: usize = 1024;

impl News {
    /// Nothing yet.
    pub fn new() -> News {
        News { ring: Mutex::new(VecDeque::with_capacity(KEPT)), sender: broadcast::channel(KEPT).0 }
    }

    /// Tells it.
    pub fn tell(&self, item: Item) {
        let item = Arc::new(item);
        let mut ring = self.ring.lock();
        if ring.len() == KEPT {
            ring.pop_front();
        }
        ring.push_back(item.clone());
        let _nobody_listens = self.sender.send(item);
    }

    /// The latest `most` items, newest last.
    pub fn latest(&self, most: usize) -> Vec<Arc<Item>> {
        let ring = self.ring.lock();
        ring.iter().skip(ring.len().saturating_sub(most)).cloned().collect()
    }

    /// The items after `position` that are still kept (`None`: some are forgotten, reset), and a listener for what follows
    /// without a gap.
    pub fn listen(
        &self,
        after: Option<Position>,
    ) -> (Option<Vec<Arc<Item>>>, broadcast::Receiver<Arc<Item>>) {
        let ring = self.ring.lock();
        let receiver = self.sender.subscribe();
        let Some(after) = after else { return (Some(Vec::new()), receiver) };
        let known = match (ring.front(), ring.back()) {
            (Some(first), Some(last)) => {
                first.position.0 <= after.0.saturating_add(1) && after <= last.position
            }
            _ => after == Position(0),
        };
        (known.then(|| ring.iter().filter(|item| item.position > after).cloned().collect()), receiver)
    }
}

impl Default for News {
    fn default() -> Self {
        News::new()
    }
}
