//! Outputs of the member for links and disk, and what comes from those.

use std::sync::Weak;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use clearwell_cluster::{Input, Message, NodeId, Peer};
use clearwell_host::{Batch, Next};
use clearwell_links::{Notice, Receiver};
use clearwell_wire::Kind;
use clearwell_words::Addresses;

use super::Cluster;
use crate::node::Node;

/// A node as its links call it.
pub(super) struct LinkEnd(pub Weak<Node>);

impl Receiver for LinkEnd {
    fn receive(&self, from: Peer, message: Message) {
        if let Some(node) = self.0.upgrade() {
            if let (Message::Feed(word), Some(cluster)) = (&message, &node.cluster) {
                return node.hear_of_feed(cluster, from, word.clone());
            }
            node.step(node.clock.tick_awake(), Input::Message(from, message));
            node.wake_for_work();
        }
    }

    fn notice(&self, notice: Notice) {
        match notice {
            Notice::Refused(refused) => match self.0.upgrade() {
                Some(node) => node.cluster.iter().for_each(|cluster| cluster.refused(&refused)),
                None => tracing::warn!("cluster link: {refused}"),
            },
            notice => tracing::debug!(?notice, "cluster link"),
        }
    }
}

impl Cluster {
    /// What the member wants of links, disk and those who asked.
    pub(in crate::node) fn carry_out(&self, next: Next) {
        match next {
            Next::Persist(what) => self.disk.hand(what),
            Next::Send(to, message) => {
                if let Some(links) = self.links.get() {
                    self.counts.sent(Kind::of(&message));
                    links.send(to, &message);
                }
            }
            Next::Answer(ticket, answer) => self.answer(ticket, answer),
            Next::Did { .. } => {}
            Next::Ask(..)
            | Next::Waits
            | Next::Unsynced
            | Next::Done(..)
            | Next::Tell(_)
            | Next::Invalidated(..) => unreachable!("done by the node"),
        }
    }

    /// How often the disk has told that more lasts. Looked at before a batch is found to wait for that.
    pub(in crate::node) fn synced(&self) -> u64 {
        self.syncs.load(Acquire)
    }

    /// Puts a batch aside until more lasts. It comes back when that has happened already.
    pub(in crate::node) fn park(&self, batch: Batch, synced: u64) -> Option<Batch> {
        let mut unsynced = self.unsynced.lock();
        if self.synced() != synced {
            return Some(batch);
        }
        unsynced.push(batch);
        None
    }
}

impl Node {
    /// So much lasts of what was handed to the disk: what waited for it goes on.
    pub(super) fn lasts(&self, count: u64) {
        let Some(cluster) = &self.cluster else { return };
        self.host.lasts(count);
        let waited = {
            let mut unsynced = cluster.unsynced.lock();
            cluster.syncs.fetch_add(1, Release);
            std::mem::take(&mut *unsynced)
        };
        for batch in waited {
            self.carry_out(self.clock.tick(), batch, None);
        }
        self.go_on();
    }

    /// Walks over the store go on with the next turn of the member's thread.
    pub(super) fn wake_for_work(&self) {
        let Some(thread) = self.cluster.as_ref().and_then(|cluster| cluster.thread.get()) else { return };
        if self.host.has_work() {
            thread.unpark();
        }
    }

    /// Tells the links where others are.
    fn learn_places(&self, cluster: &Cluster) {
        let told = self.host.member_addresses();
        let mut known = cluster.known.lock();
        // A process of which only a view is known has the addresses of the one before it.
        let named = |(peer, addresses): (Peer, Addresses)| {
            let older = known.iter().find(|(other, _)| other.node == peer.node);
            match older.filter(|_| addresses.link.is_empty()) {
                Some((_, older)) => (peer, older.clone()),
                None => (peer, addresses),
            }
        };
        let told: Vec<(Peer, Addresses)> = told.into_iter().map(named).collect();
        if *known == told {
            return;
        }
        if let Some(links) = cluster.links.get() {
            for (peer, addresses) in told.iter().filter(|(_, addresses)| !addresses.link.is_empty()) {
                if let Err(why) = links.learn(peer.node, std::slice::from_ref(&addresses.link)) {
                    tracing::warn!(node = peer.node.0, why, "a node's address is not learned");
                }
            }
            // Gossip speaks no more of nodes that are gone for long. Who is back calls.
            let is_told = |node: NodeId| told.iter().any(|(peer, _)| peer.node == node);
            known
                .iter()
                .filter(|(peer, _)| !is_told(peer.node))
                .for_each(|(peer, _)| links.forget(peer.node));
        }
        let others = told.iter().filter(|(peer, _)| *peer != cluster.identity.peer());
        let links = others.filter(|(_, addresses)| !addresses.link.is_empty());
        let written = cluster.book.write(links.map(|(peer, addresses)| (peer.node, &*addresses.link)));
        if let Err(why) = written {
            tracing::warn!(%why, "where the other nodes are is not written down");
        }
        *known = told;
    }
}

/// The member's thread: its time, and walks over the store between other work.
pub(super) fn run(node: &Weak<Node>, tick: Duration) {
    let mut due = std::time::Instant::now();
    loop {
        {
            let Some(node) = node.upgrade() else { return };
            let Some(cluster) = &node.cluster else { return };
            if std::time::Instant::now() >= due {
                due = std::time::Instant::now() + tick;
                node.step(node.clock.tick_awake(), Input::Tick);
                node.learn_places(cluster);
                node.choose_feed_readers(cluster);
                node.depart(cluster);
            }
            while node.host.has_work() && std::time::Instant::now() < due {
                let now = node.clock.tick();
                for (job, outcome) in node.host.work(now) {
                    node.step(now, Input::Done(job, outcome));
                }
            }
        }
        std::thread::park_timeout(due.saturating_duration_since(std::time::Instant::now()));
    }
}
