//! What is late, and looking at what has come of it.

use clearwell_cluster::{Input, Job, Peer, slot};
use clearwell_words::Millis;

use super::{SLOTS, World, bytes, live, peer};

impl World {
    /// The source carries out what is under way, and whoever asked and is still there hears of it.
    pub fn finish(&mut self) {
        for (at, job, ask, read) in std::mem::take(&mut self.under_way) {
            let outcome = read.unwrap_or_else(|| self.ask(at, ask));
            self.step(at, Input::Done(job, outcome));
        }
    }

    /// The same for what is under way for longest.
    pub fn finish_first(&mut self) {
        let (at, job, ask, read) = self.under_way.remove(0);
        let outcome = read.unwrap_or_else(|| self.ask(at, ask));
        self.step(at, Input::Done(job, outcome));
    }

    /// Nobody hears of what is under way for longest. Who asked for it.
    pub fn forget_first(&mut self) -> (Peer, Job) {
        let (at, job, ..) = self.under_way.remove(0);
        (at, job)
    }

    /// How much a node has under way.
    pub fn under_way_of(&self, node: u64) -> usize {
        self.under_way.iter().filter(|(at, ..)| *at == peer(node)).count()
    }

    /// How much is under way.
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// How many messages are kept.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// What was late arrives now, and nothing is late any more.
    pub fn let_go(&mut self) {
        self.late.clear();
        for (from, to, message) in std::mem::take(&mut self.kept) {
            self.deliver(from, to, message);
        }
    }

    /// Who holds a key's slot in a member's view: its owner first.
    pub fn holders(&self, node: u64, key: &str) -> Vec<u64> {
        let slot = slot::slot_of(key.as_bytes(), SLOTS);
        self.member(node).view().unwrap().holders(slot).map(|peer| peer.node.0).collect()
    }

    /// Whether a member may act as the owner of a key at this moment.
    pub fn owns(&self, node: u64, key: &str) -> bool {
        self.member(node).owns(Millis(self.now), slot::slot_of(key.as_bytes(), SLOTS))
    }

    /// Lets time pass, up to half a minute, until something is so.
    pub fn until(&mut self, what: &str, is_so: impl Fn(&World) -> bool) {
        for _ in 0..6_000 {
            if is_so(self) {
                return;
            }
            self.run(5);
        }
        panic!("never: {what}");
    }

    /// What lies at a node under a key, whether it may be served or not.
    pub fn lies(&self, node: u64, key: &str) -> Option<String> {
        let entry = live(&self.nodes[&peer(node)].store, &bytes(key), self.now)?;
        entry.value.as_ref().map(|value| String::from_utf8(value.to_vec()).unwrap())
    }
}
