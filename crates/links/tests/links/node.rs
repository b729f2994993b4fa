//! A node of a test: links, and all that they gave it.

use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use clearwell_cluster::message::{Applied, Compared, Digests, Enlist};
use clearwell_cluster::{Epoch, Message, Name, NodeId, Peer, Position, Profile, Ticket, To};
use clearwell_links::{
    ClusterIdent, Figures, Lane, Links, Notice, PeerFigures, Receiver, RefusedLink, Settings, SharedSecret,
};
use clearwell_wire::Kind;
use clearwell_words::Millis;

/// Until when something that must happen has happened. A test that waits for it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// What links told.
pub struct Told {
    messages: Sender<(Peer, Message)>,
    notices: Sender<Notice>,
    /// The lanes on which nothing is taken for now.
    held: Mutex<Vec<Lane>>,
    freed: Condvar,
}

impl Receiver for Told {
    fn receive(&self, from: Peer, message: Message) {
        let lane = Lane::of(Kind::of(&message));
        let held = self.held.lock().unwrap();
        drop(self.freed.wait_while(held, |held| held.contains(&lane)).unwrap());
        // The test may be over.
        let _ = self.messages.send((from, message));
    }

    fn notice(&self, notice: Notice) {
        let _ = self.notices.send(notice);
    }
}

pub struct Node {
    pub links: Links,
    pub peer: Peer,
    told: Arc<Told>,
    messages: Inbox<(Peer, Message)>,
    notices: Inbox<Notice>,
}

/// Settings that tests begin with: quick to dial anew, one cluster, one secret.
pub fn settings(node: u64) -> Settings {
    let me = Peer { node: NodeId(node), incarnation: 1 };
    let cluster = ClusterIdent { name: "test".into(), id: Some(7) };
    let mut settings = Settings::new(me, cluster, "127.0.0.1:0".parse().unwrap(), Profile::Lan);
    settings.secret = Some(SharedSecret::new(b"a secret that only tests know").unwrap());
    settings.redial_ms = (1, 20);
    settings
}

impl Node {
    pub fn start(settings: Settings) -> Node {
        let (messages, messages_in) = channel();
        let (notices, notices_in) = channel();
        let (held, freed) = (Mutex::default(), Condvar::new());
        let told = Arc::new(Told { messages, notices, held, freed });
        let peer = settings.me;
        let links = Links::start(settings, told.clone()).unwrap();
        Node { links, peer, told, messages: messages_in, notices: notices_in }
    }

    pub fn address(&self) -> String {
        self.links.listening().to_string()
    }

    /// Says to both where the other one is.
    pub fn meets(&self, other: &Node) {
        self.links.learn(other.peer.node, &[other.address()]).unwrap();
        other.links.learn(self.peer.node, &[self.address()]).unwrap();
    }

    pub fn send(&self, to: &Node, message: &Message) {
        self.links.send(To::Node(to.peer.node), message);
    }

    /// The next message.
    pub fn next(&self) -> (Peer, Message) {
        self.messages.recv_timeout(PATIENCE).expect("a message")
    }

    /// Whether no message is there.
    pub fn has_nothing(&self) -> bool {
        self.messages.try_recv().is_err()
    }

    /// Whether no notice is there.
    pub fn has_no_notice(&self) -> bool {
        self.notices.try_recv().is_err()
    }

    /// What `wanted` makes of the first notice that it takes.
    pub fn noticed<T>(&self, wanted: impl Fn(&Notice) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let notice = self.notices.recv_timeout(left).expect("a notice");
            if let Some(found) = wanted(&notice) {
                return found;
            }
        }
    }

    /// Waits until a lane to a peer is open.
    pub fn opened(&self, other: &Node, lane: Lane) {
        self.noticed(|notice| (*notice == Notice::Opened(other.peer, lane)).then_some(()));
    }

    /// The next refusal.
    pub fn refused(&self) -> RefusedLink {
        self.noticed(|notice| match notice {
            Notice::Refused(refused) => Some(refused.clone()),
            _ => None,
        })
    }

    /// What a peer's figures are.
    pub fn figures_of(&self, other: &Node) -> PeerFigures {
        let Figures { peers, .. } = self.links.figures();
        peers.into_iter().find(|peer| peer.node == other.peer.node).expect("the peer is known")
    }

    /// Waits until its links' figures are so.
    pub fn stands(&self, so: impl Fn(&Figures) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !so(&self.links.figures()) {
            assert!(Instant::now() < until, "it never came so: {:?}", self.links.figures());
            std::thread::yield_now();
        }
    }

    /// Takes nothing on a lane from now on, as a process that stands still.
    pub fn hold(&self, lane: Lane) {
        self.told.held.lock().unwrap().push(lane);
    }

    /// Takes all again.
    pub fn free(&self) {
        self.told.held.lock().unwrap().clear();
        self.told.freed.notify_all();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.free();
    }
}

/// A message of the control lane.
pub fn control(number: u64) -> Message {
    Message::Applied(Applied { subscription: 1, watermark: Position(number) })
}

/// A message of the stream: somebody asks.
pub fn stream(number: u64) -> Message {
    wide_stream(number, 0)
}

/// The same with so many bytes in it.
pub fn wide_stream(number: u64, bytes: usize) -> Message {
    let peer = Peer { node: NodeId(1), incarnation: 1 };
    let names = vec![(Name::Key(vec![0; bytes].into()), peer, Position(0))];
    Message::Enlist(Enlist { ticket: Ticket(number), sent: Millis(0), names, epoch: Epoch(1) })
}

/// A message of the bulk lane, with so many bytes in it.
pub fn bulk(number: u64, bytes: usize) -> Message {
    let of = Compared::Keys(vec![(vec![0; bytes].into(), 0)]);
    Message::Digests(Digests { subscription: number, at: Position(0), of })
}
