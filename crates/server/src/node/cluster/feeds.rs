//! Feeds that one node of the cluster reads for all: who that is, and what nodes say to one another of it.

use std::sync::{Arc, Weak};

use clearwell_cluster::message::FeedWord;
use clearwell_cluster::slot::slot_of;
use clearwell_cluster::{Message, Peer, Slot, To};

use clearwell_source::{FeedExchange, FeedMark};

use super::Cluster;
use crate::node::Node;

/// A node as its sources call it, where they speak to other nodes.
pub(in crate::node) struct NodeExchange(pub Weak<Node>);

impl FeedExchange for NodeExchange {
    fn tell(&self, source: &str, mark: &FeedMark) {
        let Some(node) = self.0.upgrade() else { return };
        let Some(cluster) = &node.cluster else { return };
        let word = told(source, mark);
        let known = cluster.known.lock().clone();
        for (peer, _) in known.iter().filter(|(peer, _)| *peer != cluster.identity.peer()) {
            cluster.say(*peer, word.clone());
        }
    }

    fn ask(&self, source: &str) {
        let Some(node) = self.0.upgrade() else { return };
        let Some(cluster) = &node.cluster else { return };
        if let Some(reader) = node.feed_reader(cluster, source) {
            cluster.say(reader, FeedWord::Ask { source: source.as_bytes().into() });
        }
    }
}

impl Cluster {
    fn say(&self, peer: Peer, word: FeedWord) {
        if let Some(links) = self.links.get() {
            links.send(To::Peer(peer), &Message::Feed(word));
        }
    }

    /// The slot whose owner reads a source's feed. Its lease is the reader's.
    fn slot_of_feed(&self, source: &str) -> Slot {
        slot_of(format!("clearwell feed {source}").as_bytes(), self.slots)
    }
}

impl Node {
    /// Who else reads a source's feed, as far as this node knows.
    fn feed_reader(&self, cluster: &Cluster, source: &str) -> Option<Peer> {
        let owner = self.host.actor().view()?.owner(cluster.slot_of_feed(source));
        (owner != cluster.identity.peer() && owner != Peer::default()).then_some(owner)
    }

    /// Whoever owns a feed's slot reads the feed.
    pub(super) fn choose_feed_readers(&self, cluster: &Cluster) {
        let now = self.clock.tick_awake();
        for (name, source) in self.feeds.sources() {
            let reads = self.host.actor().owns(now, cluster.slot_of_feed(name));
            source.read_for_all(reads);
        }
    }

    /// Another node says something of a feed.
    pub(super) fn hear_of_feed(&self, cluster: &Cluster, from: Peer, word: FeedWord) {
        match word {
            FeedWord::Ask { source } => {
                let Ok(name) = std::str::from_utf8(&source) else { return };
                if let Some(mark) = self.feeds.source(name).and_then(|source| source.asked()) {
                    cluster.say(from, told(name, &mark));
                }
            }
            FeedWord::Told { source, server, position, problem } => {
                let Ok(name) = std::str::from_utf8(&source) else { return };
                // A former reader's word is true as well, but what it does not know yet is not.
                if self.feed_reader(cluster, name) != Some(from) {
                    return;
                }
                let text = |bytes: &[u8]| Arc::<str>::from(&*String::from_utf8_lossy(bytes));
                let mark =
                    FeedMark { server: text(&server), position, problem: problem.as_deref().map(text) };
                if let Some(source) = self.feeds.source(name) {
                    source.heard(mark);
                }
            }
        }
    }
}

fn told(source: &str, mark: &FeedMark) -> FeedWord {
    FeedWord::Told {
        source: source.as_bytes().into(),
        server: mark.server.as_bytes().into(),
        position: mark.position,
        problem: mark.problem.as_ref().map(|why| why.as_bytes().into()),
    }
}
