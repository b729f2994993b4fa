//! What all tasks of the links share.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use clearwell_words::{Addresses, Millis, NodeId};
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::check::Expectation;
use crate::contact::Contact;
use crate::figures::Figures;
use crate::handshake::{HandshakeError, RefusedBy};
use crate::hello::{ClusterIdent, Hello, Nonce, VERSIONS};
use crate::lane::Lane;
use crate::queue::Dropped;
use crate::receiver::{Notice, Receiver, RefusedLink, Unreached};
use crate::refusal::HelloRefusal;
use crate::secret::SharedSecret;
use crate::settings::Settings;
use crate::{dial, seek};

/// How many refusals are remembered.
const REFUSED_MOST: usize = 16;

/// The middle of all.
pub struct Hub {
    pub settings: Settings,
    pub receiver: Arc<dyn Receiver>,
    pub secret: SharedSecret,
    pub listening: SocketAddr,
    pub turned_away: AtomicU64,
    pub unknown: Mutex<Dropped>,
    pub too_long: Mutex<Dropped>,
    instance: u64,
    cluster: RwLock<ClusterIdent>,
    announced: Addresses,
    contacts: RwLock<BTreeMap<NodeId, Arc<Contact>>>,
    /// Addresses where it is asked who is there, and why that is not known yet.
    seeks: Mutex<BTreeMap<String, Option<Unreached>>>,
    refused: Mutex<VecDeque<RefusedLink>>,
    lanes: [Handle; 3],
    started: Instant,
}

impl Hub {
    pub fn new(
        settings: Settings,
        receiver: Arc<dyn Receiver>,
        listening: SocketAddr,
        instance: u64,
        lanes: [Handle; 3],
    ) -> Hub {
        let mut announced = settings.announced.clone();
        if announced.link.is_empty() {
            announced.link = listening.to_string();
        }
        Hub {
            secret: settings.secret.clone().unwrap_or_else(SharedSecret::none),
            cluster: RwLock::new(settings.cluster.clone()),
            settings,
            receiver,
            listening,
            turned_away: AtomicU64::new(0),
            unknown: Mutex::default(),
            too_long: Mutex::default(),
            instance,
            announced,
            contacts: RwLock::default(),
            seeks: Mutex::default(),
            refused: Mutex::default(),
            lanes,
            started: Instant::now(),
        }
    }

    /// The time of the links.
    pub fn now(&self) -> Millis {
        Millis(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// This node's hello for one connection.
    pub fn hello(&self, lane: Option<Lane>, nonce: Nonce) -> Hello {
        Hello {
            versions: VERSIONS,
            cluster: self.cluster.read().clone(),
            peer: self.settings.me,
            instance: self.instance,
            lane,
            addresses: self.announced.clone(),
            keyspaces: self.settings.keyspaces,
            wall_ms: (self.settings.wall_clock)(),
            nonce,
        }
    }

    /// The cluster that this node belongs to has this number.
    pub fn joined(&self, id: u64) {
        self.cluster.write().id = Some(id);
    }

    /// Judges the hello of whoever is on the other end, and takes it for the peer's latest process. Nothing is kept of one that is
    /// refused.
    pub fn judge(
        self: &Arc<Self>,
        mine: &Hello,
        theirs: &Hello,
        node: Option<NodeId>,
    ) -> Result<(), HelloRefusal> {
        let clock_off_most_ms = self.settings.clock_off_most_ms;
        Expectation { mine, node, clock_off_most_ms }.judge(theirs)?;
        self.contact_or_new(theirs.peer.node)?.admit(theirs)
    }

    /// The same for somebody who calls. Whoever only asks who is there does not become known by that: it may be a node that has no name yet.
    pub fn judge_caller(self: &Arc<Self>, mine: &Hello, theirs: &Hello) -> Result<(), HelloRefusal> {
        if theirs.lane.is_some() || self.contact(theirs.peer.node).is_some() {
            return self.judge(mine, theirs, None);
        }
        let clock_off_most_ms = self.settings.clock_off_most_ms;
        Expectation { mine, node: None, clock_off_most_ms }.judge(theirs)
    }

    /// A peer's hello was accepted: it is there, and says where.
    pub fn met(self: &Arc<Self>, hello: Hello) {
        if let Some(contact) = self.contact(hello.peer.node) {
            contact.hear(self.now());
            contact.announces(&hello.addresses);
            if contact.learn(std::slice::from_ref(&hello.addresses.link)) {
                contact.redial();
            }
        }
        self.receiver.notice(Notice::Met(Box::new(hello)));
    }

    /// A connection failed in its handshake. `node` was dialed, if it is known who should be there.
    pub fn failed(
        &self,
        error: &HandshakeError,
        node: Option<NodeId>,
        address: SocketAddr,
    ) -> Option<RefusedLink> {
        let HandshakeError::Refused { refusal, by, hello } = error else { return None };
        let node = node.or(hello.as_ref().map(|hello| hello.peer.node));
        Some(self.refused(refusal.clone(), *by, node, address))
    }

    /// A connection was refused: it is remembered, and told unless the last word on the same caller was the same.
    pub fn refused(
        &self,
        why: HelloRefusal,
        by: RefusedBy,
        node: Option<NodeId>,
        address: SocketAddr,
    ) -> RefusedLink {
        let refused = RefusedLink { node, address, by, why, at_ms: (self.settings.wall_clock)() };
        let contact = node.and_then(|node| self.contact(node));
        let is_new = {
            let mut all = self.refused.lock();
            let is_new = match contact {
                Some(contact) => contact.refused(&refused),
                None => !all.iter().any(|last| last.node == node && last.is_like(&refused)),
            };
            if all.len() == REFUSED_MOST {
                all.pop_front();
            }
            all.push_back(refused.clone());
            is_new
        };
        if is_new && refused.why != HelloRefusal::Oneself {
            self.receiver.notice(Notice::Refused(refused.clone()));
        }
        refused
    }

    /// A peer of which something is known.
    pub fn contact(&self, node: NodeId) -> Option<Arc<Contact>> {
        self.contacts.read().get(&node).cloned()
    }

    /// A peer, known from now on.
    pub fn contact_or_new(self: &Arc<Self>, node: NodeId) -> Result<Arc<Contact>, HelloRefusal> {
        if let Some(contact) = self.contact(node) {
            return Ok(contact);
        }
        let mut contacts = self.contacts.write();
        if let Some(contact) = contacts.get(&node) {
            return Ok(contact.clone());
        }
        if contacts.len() >= self.settings.peers_most {
            return Err(HelloRefusal::Full {
                most: u32::try_from(self.settings.peers_most).unwrap_or(u32::MAX),
            });
        }
        let contact = Arc::new(Contact::new(node, &self.settings));
        for lane in Lane::ALL {
            let task = self.lane(lane).spawn(dial::run(self.clone(), contact.clone(), lane));
            contact.track(lane).dials(task.abort_handle());
        }
        contacts.insert(node, contact.clone());
        Ok(contact)
    }

    /// Nothing is sent to the node any more, and nothing heard of it until it calls again.
    pub fn forget(&self, node: NodeId) {
        if let Some(contact) = self.contacts.write().remove(&node) {
            contact.end();
        }
    }

    /// The thread of a lane.
    pub fn lane(&self, lane: Lane) -> &Handle {
        &self.lanes[lane.index()]
    }

    /// Asks at an address who is there, until somebody says it.
    pub fn seek(self: &Arc<Self>, address: String) {
        if let Entry::Vacant(place) = self.seeks.lock().entry(address) {
            self.lane(Lane::Control).spawn(seek::run(self.clone(), place.key().clone()));
            place.insert(None);
        }
    }

    /// Nobody need ask at the address any more.
    pub fn found(&self, address: &str) {
        self.seeks.lock().remove(address);
    }

    /// It is still not known who is at the address.
    pub fn sought(&self, address: &str, why: Unreached) {
        if let Some(last) = self.seeks.lock().get_mut(address) {
            *last = Some(why);
        }
    }

    /// How all stands.
    pub fn figures(&self) -> Figures {
        let now = self.now();
        let contacts: Vec<Arc<Contact>> = self.contacts.read().values().cloned().collect();
        Figures {
            listening: self.listening,
            peers: contacts.iter().map(|contact| contact.figures(now)).collect(),
            seeking: self
                .seeks
                .lock()
                .iter()
                .map(|(address, last)| (address.clone(), last.clone()))
                .collect(),
            refused: self.refused.lock().iter().cloned().collect(),
            turned_away: self.turned_away.load(Relaxed),
            unknown: self.unknown.lock().clone(),
            too_long: self.too_long.lock().clone(),
        }
    }
}
