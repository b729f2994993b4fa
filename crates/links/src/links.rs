//! The links of a node, as the node uses them.

use std::net::SocketAddr;
use std::sync::Arc;

use clearwell_cluster::{Message, To};
use clearwell_wire::{Kind, encode};
use clearwell_words::NodeId;
use tokio::net::TcpListener;

use crate::figures::Figures;
use crate::hub::Hub;
use crate::lane::Lane;
use crate::receiver::Receiver;
use crate::settings::Settings;
use crate::threads::Threads;
use crate::{chance, door};

/// The links of a node to its peers. They end when it is dropped, or stopped.
pub struct Links {
    hub: Arc<Hub>,
    threads: Threads,
}

impl Links {
    /// Listens for peers. Nobody is dialed until it is said where somebody is.
    ///
    /// # Errors
    /// In words: settings that cannot be, an address that cannot be listened on.
    pub fn start(settings: Settings, receiver: Arc<dyn Receiver>) -> Result<Links, String> {
        settings.check()?;
        let listen = settings.listen;
        let failed = |error: std::io::Error| format!("links cannot listen on {listen}: {error}");
        let listener = std::net::TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let listening = listener.local_addr().map_err(failed)?;

        let threads = Threads::new();
        let began = |error: std::io::Error| format!("links cannot begin: {error}");
        let door = threads.begin("links-door").map_err(began)?;
        let lane = |lane: Lane| threads.begin(&format!("links-{}", lane.name())).map_err(began);
        let lanes = [lane(Lane::Control)?, lane(Lane::Stream)?, lane(Lane::Bulk)?];
        let instance = chance::number().map_err(began)?;
        let hub = Arc::new(Hub::new(settings, receiver, listening, instance, lanes));
        let listener = {
            let _here = door.enter();
            TcpListener::from_std(listener).map_err(failed)?
        };
        door.spawn(door::run(hub.clone(), listener));
        Ok(Links { hub, threads })
    }

    /// Where it listens.
    pub fn listening(&self) -> SocketAddr {
        self.hub.listening
    }

    /// Puts a message into the queue of a peer. It never waits. A message that finds no room, or nobody, is dropped and counted:
    /// the protocol says again what matters.
    pub fn send(&self, to: To, message: &Message) {
        let kind = Kind::of(message);
        let (node, incarnation) = match to {
            To::Peer(peer) => (peer.node, Some(peer.incarnation)),
            To::Node(node) => (node, None),
        };
        let Some(contact) = self.hub.contact(node) else { return self.hub.unknown.lock().count(kind) };
        let mut frame = Vec::with_capacity(64);
        if encode(message, &mut frame).is_err() {
            return self.hub.too_long.lock().count(kind);
        }
        let track = contact.track(Lane::of(kind));
        track.queue.lock().push(frame, kind, incarnation, self.hub.now());
        track.wake.notify_one();
    }

    /// Learns where a node is: hosts or addresses with ports, the best first. They come before those that are known.
    ///
    /// # Errors
    /// In words: too many peers are known.
    pub fn learn(&self, node: NodeId, addresses: &[String]) -> Result<(), String> {
        if node == self.hub.settings.me.node {
            return Ok(());
        }
        let contact = self.hub.contact_or_new(node).map_err(|refusal| refusal.to_string())?;
        if contact.learn(addresses) {
            contact.redial();
        }
        Ok(())
    }

    /// Asks at an address, or at all addresses of a name, who is there, until a peer says so: it is known then, and the receiver is told.
    /// An address of this node's own is no harm.
    pub fn seek(&self, address: &str) {
        self.hub.seek(address.to_owned());
    }

    /// Closes the connections to a node and drops what waits for it. If it calls again it is known again.
    pub fn forget(&self, node: NodeId) {
        self.hub.forget(node);
    }

    /// The cluster that this node belongs to has this number: it joined, or began it.
    pub fn joined(&self, cluster: u64) {
        self.hub.joined(cluster);
    }

    /// How all stands.
    pub fn figures(&self) -> Figures {
        self.hub.figures()
    }

    #[cfg(test)]
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Closes all connections and waits until no message is given to the receiver any more, unless it is the receiver who calls.
    pub fn stop(&self) {
        self.threads.stop();
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links").field("listening", &self.hub.listening).finish_non_exhaustive()
    }
}
