//! How a node's part in its cluster ends by itself: it has handed over what it had, or another process has its name.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use clearwell_links::{HelloRefusal, RefusedBy, RefusedLink};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::Cluster;
use crate::node::Node;

/// Why a node's process is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterEnd {
    /// It has left, as it was asked to.
    Left(String),
    /// It must not go on under its name.
    Refused(String),
}

/// A node's way out.
pub(super) struct Departure {
    /// For so long after it has no place any more others may still wait for its word, or forward commands to it: as long as a lease.
    linger: Duration,
    asked: AtomicBool,
    /// Since when it has no place any more.
    out: Mutex<Option<Instant>>,
    end: watch::Sender<Option<ClusterEnd>>,
}

impl Departure {
    pub fn new(owner_lease_ms: u64) -> Departure {
        let (end, _) = watch::channel(None);
        Departure {
            linger: Duration::from_millis(owner_lease_ms),
            asked: AtomicBool::new(false),
            out: Mutex::new(None),
            end,
        }
    }

    /// An operator wants the node to leave.
    pub fn ask(&self) {
        self.asked.store(true, Relaxed);
    }

    fn end(&self, why: ClusterEnd) {
        self.end.send_if_modified(|end| {
            let is_first = end.is_none();
            end.get_or_insert(why);
            is_first
        });
    }
}

impl Node {
    /// Waits until the process is to end because of the cluster; for ever of a node alone.
    pub async fn cluster_end(self: Arc<Self>) -> ClusterEnd {
        if let Some(cluster) = &self.cluster {
            let mut end = cluster.departure.end.subscribe();
            if let Ok(end) = end.wait_for(Option::is_some).await
                && let Some(why) = end.clone()
            {
                return why;
            }
        }
        std::future::pending().await
    }

    /// Ends the node's part when it has asked to leave and has had no place for long enough.
    pub(super) fn depart(&self, cluster: &Cluster) {
        let departure = &cluster.departure;
        if !departure.asked.load(Relaxed) {
            return;
        }
        let me = cluster.identity.peer();
        let has_place = self.host.actor().view().is_none_or(|view| view.needs(me));
        let since = {
            let mut out = departure.out.lock();
            match has_place {
                true => *out = None,
                false => _ = out.get_or_insert_with(Instant::now),
            }
            *out
        };
        if since.is_none_or(|since| since.elapsed() < departure.linger) || departure.end.borrow().is_some() {
            return;
        }
        let name = cluster.identity.name();
        departure.end(match cluster.identity.leave(&cluster.data) {
            Ok(()) => ClusterEnd::Left(format!(
                "node {} has left the cluster {name}: others have what it had",
                me.node.0
            )),
            Err(why) => ClusterEnd::Refused(format!(
                "node {} has left the cluster {name}, which its data folder does not say because it cannot be written to: {why}",
                me.node.0
            )),
        });
    }
}

impl Cluster {
    /// A connection was refused. Another process that runs under this node's name has it, as far as whoever refuses knows, and two must not.
    pub(super) fn refused(&self, refused: &RefusedLink) {
        let me = self.identity.peer();
        let is_me = match refused.why {
            HelloRefusal::NodeIdInUse { node, .. } => node == me.node,
            HelloRefusal::TooOldIncarnation { node, refused, .. } => {
                node == me.node && refused == me.incarnation
            }
            _ => false,
        };
        match is_me && refused.by == RefusedBy::There {
            true => self.departure.end(ClusterEnd::Refused(refused.to_string())),
            false => tracing::warn!("cluster link: {refused}"),
        }
    }
}
