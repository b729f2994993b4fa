//! What links are told at their start.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clearwell_cluster::Profile;
use clearwell_words::{Addresses, Peer};

use crate::hello::ClusterIdent;
use crate::lane::Lane;
use crate::packet::TEXT_MOST;
use crate::secret::SharedSecret;
use crate::transport::Transport;

/// The wall clock, in milliseconds since 1970.
pub type WallClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Settings of a node's links.
#[derive(Clone)]
pub struct Settings {
    /// Who this node is.
    pub me: Peer,
    /// Which cluster it belongs to, or is to join.
    pub cluster: ClusterIdent,
    /// A hash of the keyspaces' configuration: nodes whose hashes differ refuse one another.
    pub keyspaces: u64,
    /// Where others are listened for. Port 0 takes one that is free.
    pub listen: SocketAddr,
    /// Where others reach this node. Without an address of its links, what is listened on is told, and must be one address then.
    pub announced: Addresses,
    /// What the nodes of the cluster know and nobody else does. Without it, and without TLS, only loopback is spoken to.
    pub secret: Option<SharedSecret>,
    /// Plain or TLS.
    pub transport: Transport,
    /// How many bytes may wait for one peer on each lane, by [`Lane::index`].
    pub queue_bytes: [usize; 3],
    /// After how many ms without a sign a connection counts as dead, and how long a write may take.
    pub dead_ms: u64,
    /// How long opening a connection may take.
    pub connect_ms: u64,
    /// How long a handshake may take.
    pub handshake_ms: u64,
    /// What has waited so long is not sent any more.
    pub keep_ms: u64,
    /// After how many ms without anything to send the connection of [`Lane::Bulk`] is closed.
    pub idle_ms: u64,
    /// The shortest and the longest wait before a peer is dialed anew.
    pub redial_ms: (u64, u64),
    /// By how much the clocks of two nodes may differ.
    pub clock_off_most_ms: u64,
    /// How many handshakes of others may be under way at once.
    pub half_open_most: usize,
    /// How many peers may be known at once.
    pub peers_most: usize,
    /// The wall clock.
    pub wall_clock: WallClock,
}

impl Settings {
    /// The usual ones of a profile.
    pub fn new(me: Peer, cluster: ClusterIdent, listen: SocketAddr, profile: Profile) -> Settings {
        Settings {
            me,
            cluster,
            keyspaces: 0,
            listen,
            announced: Addresses::default(),
            secret: None,
            transport: Transport::Plain,
            queue_bytes: [1 << 20, 8 << 20, 4 << 20],
            dead_ms: match profile {
                Profile::Lan => 3000,
                Profile::Wan => 10_000,
            },
            connect_ms: 3000,
            handshake_ms: 3000,
            keep_ms: 10_000,
            idle_ms: 10_000,
            redial_ms: (50, 2000),
            clock_off_most_ms: 5 * 60 * 1000,
            half_open_most: 64,
            peers_most: 1024,
            wall_clock: Arc::new(wall_ms),
        }
    }

    /// How many bytes may wait on a lane.
    pub(crate) fn queue_bytes(&self, lane: Lane) -> usize {
        self.queue_bytes[lane.index()]
    }

    /// Whether something other than the machine's own border keeps strangers out.
    pub(crate) fn is_proved(&self) -> bool {
        self.secret.is_some() || self.transport.proves()
    }

    /// What is wrong with them.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !self.is_proved() && !self.listen.ip().is_loopback() {
            return Err(beyond_loopback("listening on", self.listen));
        }
        if self.listen.ip().is_unspecified() && self.announced.link.is_empty() {
            let listen = self.listen;
            return Err(format!(
                "listening on {listen} needs an address that others can dial: announce one, such as node1.example:{}",
                listen.port()
            ));
        }
        let texts = [&self.cluster.name, &self.announced.link, &self.announced.resp, &self.announced.http];
        if let Some(long) = texts.into_iter().find(|text| text.len() > TEXT_MOST) {
            return Err(format!("{long:?} is longer than {TEXT_MOST} bytes"));
        }
        Ok(())
    }
}

/// Says what would be right where only loopback is allowed.
pub(crate) fn beyond_loopback(what: &str, address: SocketAddr) -> String {
    format!(
        "{what} {address} needs a secret of the cluster or TLS: without either, anybody who reaches the port could take part; only loopback addresses are allowed"
    )
}

#[expect(clippy::disallowed_methods, reason = "the default of the setting")]
fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("me", &self.me)
            .field("cluster", &self.cluster)
            .field("listen", &self.listen)
            .field("announced", &self.announced)
            .finish_non_exhaustive()
    }
}
