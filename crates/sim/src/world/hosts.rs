//! Hosts begin, crash, start again and end.

use std::sync::Arc;

use clearwell_cluster::view::Seat;
use clearwell_cluster::{Config, Input, Member, NearCache, NodeId, Operation, Peer, Start, View};
use clearwell_host::{Actor, Host, Settings};

use super::{Happening, World};
use crate::history::Got;
use crate::host::{Machine, State, node_of};
use crate::options::SECOND;
use crate::rng::mix;
use crate::seen::Seen;

impl World {
    pub(super) fn begin_hosts(&mut self) {
        let nodes = usize::from(self.options.nodes);
        for index in 0..nodes + usize::from(self.options.near) {
            self.hosts.push(Machine::new(index, index >= nodes, self.options.slots, self.clock_for(index)));
        }
        let seat = |index| Seat { peer: Peer { node: node_of(index), incarnation: 1 }, weight: 100 };
        let view = (!self.options.gossip_start).then(|| {
            Arc::new(View::first((0..nodes).map(seat).collect(), self.options.replicas, self.options.slots))
        });
        for index in 0..self.hosts.len() {
            let view = view.clone().filter(|_| index < nodes);
            self.start_with(index, view);
        }
    }

    /// Another host begins.
    pub(super) fn add_host(&mut self, is_near: bool) -> usize {
        let index = self.hosts.len();
        self.hosts.push(Machine::new(index, is_near, self.options.slots, self.clock_for(index)));
        self.start_with(index, None);
        self.tell(None, |_| format!("{} {index} begins", if is_near { "near cache" } else { "node" }));
        index
    }

    /// A host that crashed starts again.
    pub(super) fn start(&mut self, index: usize) {
        if self.hosts[index].state == State::Down {
            self.start_with(index, None);
            self.tell(None, |_| format!("node {index} is back"));
        }
    }

    fn start_with(&mut self, index: usize, view: Option<Arc<View>>) {
        let begins_alone = self.options.gossip_start && index == 0 && self.now == 0;
        let config = self.config(index, begins_alone);
        let host = &mut self.hosts[index];
        host.peer.incarnation += 1;
        host.state = State::Up;
        host.stopped_until = self.now;
        let config = Config { me: host.peer, ..config };
        let now = host.clock.read(self.now);
        let usual = Settings::new(&config, mix(config.seed));
        let settings = match self.options.walk_us {
            0 => Settings { engine: engine(self.options.keys), ..usual },
            _ => Settings { engine: engine(self.options.keys), slice: 1, index_ms: 500, ..usual },
        };
        let actor = match host.is_near {
            true => Actor::Near(Box::new(NearCache::new(config, now))),
            false => {
                let start = Start { view, persisted: host.disk.read() };
                Actor::Member(Box::new(Member::new(config, start, now)))
            }
        };
        host.host = Some(Host::new(actor, settings));
        let incarnation = host.peer.incarnation;
        let first =
            self.now + mix(self.options.seed ^ index as u64) % (self.options.profile.tick_ms() * 1000);
        self.queue.push(first, Happening::Tick { host: index as u32, incarnation });
        self.see(|_| Some(Seen::Up(index)));
    }

    fn config(&self, index: usize, begins_alone: bool) -> Config {
        let options = &self.options;
        let nodes: Vec<NodeId> = (0..self.hosts.len())
            .filter(|&other| {
                other != index && !self.hosts[other].is_near && self.hosts[other].state != State::Gone
            })
            .map(node_of)
            .collect();
        let nodes = match begins_alone {
            true => Vec::new(),
            false => nodes.into_iter().take(5).collect(),
        };
        let usual = Config::of(self.hosts[index].peer, options.profile);
        Config {
            seeds: nodes,
            seed: mix(options.seed ^ (index as u64) << 32 ^ self.now),
            slots: options.slots,
            part_bytes: options.part_bytes,
            told_most: options.told_most,
            taken_most: options.taken_most,
            replicas: options.replicas,
            hints_most: options.hints_most,
            tail_most: options.tail_most,
            digest_ms: options.digest_ms,
            fences: options.following.fences(),
            planted: options.planted,
            request_ms: if self.hosts[index].is_near { options.near_request_ms } else { usual.request_ms },
            ..usual
        }
    }

    /// The process dies. Its memory is gone; who waited for it never hears.
    pub(super) fn crash(&mut self, index: usize) {
        let keeps_disk = self.hosts[index].fuse.take().is_none_or(|(_, disk)| disk);
        let host = &mut self.hosts[index];
        if host.state != State::Up {
            return;
        }
        host.state = if keeps_disk { State::Down } else { State::Gone };
        host.host = None;
        self.crash_disk(index);
        let host = &mut self.hosts[index];
        host.works = false;
        host.stored = false;
        host.late.clear();
        let waiting = std::mem::take(&mut host.waiting);
        self.see(|_| Some(Seen::Down(index)));
        self.tell(None, |_| format!("host {index} is down"));
        for ticket in waiting {
            self.answered(ticket, Got::Nothing, None);
        }
    }

    /// An operator says that a node will not come back, if that is so: another crash may have come before the one that was to take its disk.
    pub(super) fn forget(&mut self, index: usize) {
        if self.hosts[index].state != State::Gone {
            return;
        }
        let other = (0..self.hosts.len())
            .find(|&o| o != index && !self.hosts[o].is_near && self.hosts[o].acts(self.now));
        if let Some(other) = other {
            self.tell(None, |_| format!("an operator has node {other} forget node {index}"));
            self.hosts[index].forgotten = true;
            self.step(other, Input::Operate(Operation::Forget(node_of(index))));
        }
    }

    /// A host is switched off when it has left.
    pub(super) fn stop_when_left(&mut self, index: usize) {
        let host = &self.hosts[index];
        let stays = host.view().is_some_and(|view| view.needs(host.peer));
        match stays || (host.state == State::Down && !self.healed) {
            true => self.queue.push(self.now + SECOND, Happening::Stop { host: index as u32 }),
            false => self.stop(index),
        }
    }

    /// A host ends.
    pub(super) fn stop(&mut self, index: usize) {
        self.hosts[index].fuse = Some((0, false));
        self.crash(index);
    }

    /// Nodes that are not gone for ever and stay.
    pub(super) fn staying(&self) -> usize {
        self.hosts.iter().filter(|host| !host.is_near && host.state != State::Gone && !host.leaves).count()
    }
}

/// A store that has room for everything, in few shards; nobody asks for the history of keys.
fn engine(keys: u32) -> clearwell_engine::Config {
    const ENTRY_BYTES: u64 = 4096;
    const LEAST: u64 = 512 << 10;
    let max_memory = (u64::from(keys) * ENTRY_BYTES).max(LEAST);
    clearwell_engine::Config { max_memory, history_memory: Some(0), ..clearwell_engine::Config::default() }
}
