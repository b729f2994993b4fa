//! A small world for stories: members with stores and one source, messages that take 5 ms, and links that can be cut.

#![allow(dead_code)]

mod late;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;

use clearwell_cluster::entry::Entry;
use clearwell_cluster::request::{Ack, Invalidate, Read, Strategy, Write};
use clearwell_cluster::view::Seat;
use clearwell_cluster::*;
use clearwell_words::{Cause, Effect, Invalidation, Millis, Scope, Version};

pub const SLOTS: u16 = 64;

pub enum Process {
    Member(Box<Member>),
    Near(Box<NearCache>),
}

pub struct Node {
    pub process: Process,
    pub store: BTreeMap<Bytes, Entry>,
    pub events: Vec<Event>,
    pub disk: Vec<Persist>,
}

impl Node {
    fn view(&self) -> Option<&Arc<View>> {
        match &self.process {
            Process::Member(member) => member.view(),
            Process::Near(near) => near.view(),
        }
    }
}

pub struct World {
    pub now: u64,
    pub nodes: BTreeMap<Peer, Node>,
    pub source: BTreeMap<Bytes, (Bytes, Version, Vec<Bytes>, Vec<Bytes>)>,
    pub version: u64,
    pub fences: BTreeMap<Slot, Epoch>,
    pub answers: BTreeMap<Ticket, Answer>,
    pub cut: BTreeSet<(NodeId, NodeId)>,
    pub drop: Option<fn(&Message) -> bool>,
    /// Messages of this kind never reach this node.
    pub deaf: BTreeSet<(NodeId, &'static str)>,
    /// Messages of this kind from one node to another are kept until [`World::let_go`].
    pub late: BTreeSet<(NodeId, NodeId, &'static str)>,
    /// What is asked of the source in this way is under way until [`World::finish`].
    pub asks_late: fn(&Ask) -> bool,
    /// What a load says of the row's version.
    pub tells: fn(Version) -> Version,
    pub sent: BTreeMap<&'static str, u64>,
    pub loads: u64,
    pub config: fn(u64, u64) -> Config,
    /// What the source says to a flush of a key, if not that it has it; and how often it did.
    pub refuses: fn(&[u8]) -> Option<Outcome>,
    pub refused: u64,
    queue: BTreeMap<(u64, u64), (Peer, To, Message)>,
    kept: Vec<(Peer, To, Message)>,
    under_way: Vec<(Peer, Job, Ask, Option<Outcome>)>,
    queued: u64,
    tickets: u64,
}

pub fn bytes(text: &str) -> Bytes {
    text.as_bytes().into()
}

fn digest_of(entry: &Entry) -> (Bytes, u64) {
    (entry.key.clone(), digest::digest(&entry.key, entry.version, entry.value.as_deref()))
}

pub fn peer(node: u64) -> Peer {
    Peer { node: NodeId(node), incarnation: 1 }
}

/// What a store has at a key and has not expired.
fn live<'a>(store: &'a BTreeMap<Bytes, Entry>, key: &Bytes, now: u64) -> Option<&'a Entry> {
    store.get(key).filter(|entry| !entry.is_expired(Millis(now)))
}

impl Default for World {
    fn default() -> World {
        World {
            now: 0,
            nodes: BTreeMap::new(),
            source: BTreeMap::new(),
            version: 0,
            fences: BTreeMap::new(),
            answers: BTreeMap::new(),
            cut: BTreeSet::new(),
            drop: None,
            deaf: BTreeSet::new(),
            late: BTreeSet::new(),
            asks_late: |_| false,
            tells: |version| version,
            sent: BTreeMap::new(),
            loads: 0,
            config: World::config,
            refuses: |_| None,
            refused: 0,
            queue: BTreeMap::new(),
            kept: Vec::new(),
            under_way: Vec::new(),
            queued: 0,
            tickets: 0,
        }
    }
}

impl World {
    /// Members 1 to `count` that know one another, with so many replicas.
    pub fn new(count: u64, replicas: u8) -> World {
        World::of(count, replicas, World::config)
    }

    /// The same with settings of their own.
    pub fn of(count: u64, replicas: u8, config: fn(u64, u64) -> Config) -> World {
        let seats = (1..=count).map(|node| Seat { peer: peer(node), weight: 100 }).collect();
        let view = Arc::new(View::first(seats, replicas, SLOTS));
        let mut world = World { now: 1000, config, ..World::default() };
        for node in 1..=count {
            world.start(node, Start { view: Some(Arc::clone(&view)), persisted: Vec::new() }, count);
        }
        world.run(2000);
        world
    }

    pub fn config(node: u64, members: u64) -> Config {
        let seeds = (1..=members).map(NodeId).collect();
        Config { slots: SLOTS, seeds, ..Config::of(peer(node), Profile::Wan) }
    }

    pub fn start(&mut self, node: u64, start: Start, members: u64) {
        let member = Member::new((self.config)(node, members), start, Millis(self.now));
        self.put(peer(node), Process::Member(Box::new(member)));
    }

    pub fn near(&mut self, node: u64, members: u64) {
        let near = NearCache::new(World::config(node, members), Millis(self.now));
        self.put(peer(node), Process::Near(Box::new(near)));
        self.run(1000);
    }

    fn put(&mut self, peer: Peer, process: Process) {
        let node = Node { process, store: BTreeMap::new(), events: Vec::new(), disk: Vec::new() };
        self.nodes.insert(peer, node);
    }

    pub fn member(&self, node: u64) -> &Member {
        match &self.nodes[&peer(node)].process {
            Process::Member(member) => member,
            Process::Near(_) => panic!("{node} is a near cache"),
        }
    }

    pub fn epoch(&self, node: u64) -> Option<Epoch> {
        self.nodes[&peer(node)].view().map(|view| view.epoch)
    }

    pub fn owner(&self, key: &str) -> u64 {
        let views = self.nodes.values().filter_map(Node::view);
        let view = views.max_by_key(|view| view.epoch);
        view.unwrap().owner(slot::slot_of(key.as_bytes(), SLOTS)).node.0
    }

    /// A name beginning so whose owner is `node`.
    pub fn name_at(&self, node: u64, prefix: &str) -> String {
        let view = self.member(node).view().unwrap();
        let owned = |name: &String| view.owner(slot::slot_of(name.as_bytes(), SLOTS)).node.0 == node;
        (0..).map(|n| format!("{prefix}{n}")).find(owned).unwrap()
    }

    pub fn set_source(&mut self, key: &str, value: &str, tags: &[&str], dependencies: &[&str]) {
        self.version += 1;
        let list = |names: &[&str]| names.iter().map(|name| bytes(name)).collect::<Vec<_>>();
        let row = (bytes(value), Version(self.version), list(tags), list(dependencies));
        self.source.insert(bytes(key), row);
    }

    pub fn step(&mut self, at: Peer, input: Input) {
        let mut out = Outbox::default();
        let now = Millis(self.now);
        match self.nodes.get_mut(&at).map(|node| &mut node.process) {
            Some(Process::Member(member)) => member.step(now, input, &mut out),
            Some(Process::Near(near)) => near.step(now, input, &mut out),
            None => return,
        }
        let node = self.nodes.get_mut(&at).expect("stepped above");
        node.disk.extend(out.persist);
        out.apply.into_iter().for_each(|apply| node.apply(apply));
        node.events.extend(out.tell);
        self.answers.extend(out.answer);
        for (to, message) in out.send {
            *self.sent.entry(kind(&message)).or_default() += 1;
            self.queued += 1;
            self.queue.insert((self.now + 5, self.queued), (at, to, message));
        }
        for (job, ask) in out.ask {
            if (self.asks_late)(&ask) {
                // What is read is read at once; what is written, later.
                let reads = matches!(ask, Ask::Load { .. } | Ask::Export { .. });
                let read = reads.then(|| self.ask(at, ask.clone()));
                self.under_way.push((at, job, ask, read));
                continue;
            }
            let outcome = self.ask(at, ask);
            self.step(at, Input::Done(job, outcome));
        }
        let process = self.nodes.get(&at).map(|node| &node.process);
        if matches!(process, Some(Process::Member(member)) if member.has_more()) {
            self.step(at, Input::More);
        }
    }

    fn ask(&mut self, at: Peer, ask: Ask) -> Outcome {
        let store = &self.nodes[&at].store;
        match ask {
            Ask::Load { key, validate } => {
                let row = self.source.get(&key);
                if let Some(entry) = live(store, &key, self.now).filter(|_| !validate || row.is_none()) {
                    return Outcome::Loaded { entry: Some(entry.clone()), stored: true };
                }
                self.loads += 1;
                let entry = row.map(|(value, version, tags, dependencies)| Entry {
                    key: key.clone(),
                    value: Some(value.clone()),
                    version: (self.tells)(*version),
                    tags: tags.clone().into(),
                    dependencies: dependencies.clone().into(),
                    events: Arc::new([]),
                    expiry: None,
                    meta: Meta::default(),
                });
                // A key without a row has no source, as far as its host knows: its value is the one that lies here.
                Outcome::Loaded { entry, stored: row.is_none() }
            }
            Ask::Find { key } => {
                Outcome::Loaded { entry: live(store, &key, self.now).cloned(), stored: true }
            }
            Ask::Commit { key, value, fence, .. } => self.commit(key, value, fence),
            Ask::Flush { entry, fence } => match (self.refuses)(&entry.key) {
                Some(outcome) => {
                    self.refused += 1;
                    outcome
                }
                None => self.commit(entry.key, entry.value, Some(fence)),
            },
            Ask::Fence { slots, epoch } => {
                for slot in slots {
                    let fence = self.fences.entry(slot).or_default();
                    *fence = (*fence).max(epoch);
                }
                Outcome::Fenced
            }
            Ask::Export { slots, .. } => {
                let within = |key: &&Bytes| slots.contains(&slot::slot_of(key, SLOTS));
                let within = store.keys().filter(within);
                let entries = within.filter_map(|key| live(store, key, self.now).cloned()).collect();
                Outcome::Exported { entries, end: None }
            }
            Ask::Digest { part, most } => {
                let place = |entry: &&Entry| (slot::slot_of(&entry.key, SLOTS), entry.key.clone());
                let mut within: Vec<&Entry> =
                    store.values().filter(|entry| part.has(&entry.key, SLOTS)).collect();
                within.sort_by_key(place);
                let end = (within.len() > most).then(|| place(&within[most - 1]));
                Outcome::Digested { digests: within.into_iter().take(most).map(digest_of).collect(), end }
            }
            Ask::DigestOf { keys } => {
                let digests = keys.iter().filter_map(|key| store.get(key)).map(digest_of).collect();
                Outcome::Digested { digests, end: None }
            }
        }
    }

    fn commit(&mut self, key: Bytes, value: Option<Bytes>, fence: Option<(Slot, Epoch)>) -> Outcome {
        let refuses =
            |(slot, number): (Slot, Epoch)| self.fences.get(&slot).is_some_and(|fence| *fence > number);
        if fence.is_some_and(refuses) {
            return Outcome::Failed;
        }
        self.version += 1;
        let version = Version(self.version);
        match value {
            Some(value) => {
                let (tags, dependencies) =
                    self.source.get(&key).map(|row| (row.2.clone(), row.3.clone())).unwrap_or_default();
                self.source.insert(key, (value, version, tags, dependencies));
            }
            None => {
                self.source.remove(&key);
            }
        }
        Outcome::Committed(version)
    }

    /// Lets so many milliseconds pass.
    pub fn run(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.now < end {
            self.now += 5;
            while let Some(entry) = self.queue.first_entry()
                && entry.key().0 <= self.now
            {
                let (from, to, message) = entry.remove();
                self.deliver(from, to, message);
            }
            if self.now.is_multiple_of(50) {
                let peers: Vec<Peer> = self.nodes.keys().copied().collect();
                peers.into_iter().for_each(|peer| self.step(peer, Input::Tick));
            }
        }
    }

    fn deliver(&mut self, from: Peer, to: To, message: Message) {
        let (node, to) = match to {
            To::Peer(peer) => (peer.node, Some(peer)),
            To::Node(node) => (node, self.nodes.keys().copied().find(|peer| peer.node == node)),
        };
        if self.late.contains(&(from.node, node, kind(&message))) {
            return self.kept.push((from, to.map_or(To::Node(node), To::Peer), message));
        }
        let dropped =
            self.drop.is_some_and(|drop| drop(&message)) || self.deaf.contains(&(node, kind(&message)));
        if let Some(to) = to.filter(|_| !dropped && !self.cut.contains(&(from.node, node))) {
            self.step(to, Input::Message(from, message));
        }
    }

    pub fn part(&mut self, left: &[u64], right: &[u64]) {
        for (&l, &r) in left.iter().flat_map(|l| right.iter().map(move |r| (l, r))) {
            self.cut.insert((NodeId(l), NodeId(r)));
            self.cut.insert((NodeId(r), NodeId(l)));
        }
    }

    /// Asks a node.
    pub fn send(&mut self, node: u64, request: Request) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.step(peer(node), Input::Request(ticket, request));
        ticket
    }

    /// Asks a node and lets up to four seconds pass until it answers.
    pub fn ask_at(&mut self, node: u64, request: Request) -> Answer {
        let ticket = self.send(node, request);
        for _ in 0..800 {
            if let Some(answer) = self.answers.remove(&ticket) {
                return answer;
            }
            self.run(5);
        }
        panic!("no answer");
    }

    /// A read through a node: from its store when that may be served.
    pub fn read(&mut self, node: u64, key: &str, level: Level) -> Option<String> {
        let text = |value: &Bytes| String::from_utf8(value.to_vec()).unwrap();
        if let Some(entry) = live(&self.nodes[&peer(node)].store, &bytes(key), self.now)
            && self.serves(node, entry, level)
        {
            return entry.value.as_ref().map(text);
        }
        let read = Read { key: bytes(key), level, token: Token::default(), hold: true };
        match self.ask_at(node, Request::Read(read)) {
            Answer::Value { entry, .. } => entry.and_then(|entry| entry.value).as_ref().map(text),
            other => Some(format!("{other:?}")),
        }
    }

    fn serves(&self, node: u64, entry: &Entry, level: Level) -> bool {
        let Entry { key, tags, dependencies, .. } = entry;
        let (now, token) = (Millis(self.now), Token::default());
        let service = match &self.nodes[&peer(node)].process {
            Process::Member(m) => m.may_serve(now, key, tags, dependencies, level, &token),
            Process::Near(n) => n.may_serve(now, key, tags, dependencies, level, &token),
        };
        service != Service::Ask
    }

    /// Whether a node may serve its own copy at a level.
    pub fn holds(&self, node: u64, key: &str, level: Level) -> bool {
        let entry = live(&self.nodes[&peer(node)].store, &bytes(key), self.now);
        entry.is_some_and(|entry| self.serves(node, entry, level))
    }

    pub fn write(&mut self, node: u64, key: &str, value: &str, strategy: Strategy) -> Answer {
        self.write_for(node, key, value, strategy, None)
    }

    /// The same for a value that is to live for so many milliseconds.
    pub fn write_for(
        &mut self,
        node: u64,
        key: &str,
        value: &str,
        strategy: Strategy,
        ttl_ms: Option<NonZeroU64>,
    ) -> Answer {
        let write = self.write_of(key, value, strategy, ttl_ms);
        self.ask_at(node, write)
    }

    fn write_of(
        &mut self,
        key: &str,
        value: &str,
        strategy: Strategy,
        ttl_ms: Option<NonZeroU64>,
    ) -> Request {
        self.tickets += 1;
        Request::Write(Write {
            key: bytes(key),
            value: Some(bytes(value)),
            tags: Arc::new([]),
            dependencies: Arc::new([]),
            events: Arc::new([]),
            ttl_ms,
            meta: Meta { priority: 3, content_type: Some("text/plain".into()), ..Meta::default() },
            strategy,
            ack: Ack::Replicas,
            id: self.tickets,
        })
    }

    /// Asks a node for a write and lets no time pass.
    pub fn send_write(&mut self, node: u64, key: &str, value: &str, strategy: Strategy) -> Ticket {
        let write = self.write_of(key, value, strategy, None);
        self.send(node, write)
    }

    pub fn invalidate(&mut self, node: u64, scope: Scope, wait: bool) -> Answer {
        self.order(node, scope, Cause::Command, None, wait)
    }

    /// Tells a node what the source's feed would: that a key was changed last by the source's newest commit.
    pub fn feed(&mut self, node: u64, key: &str) -> Answer {
        let scope = Scope::Key((*bytes(key)).into());
        self.order(node, scope, Cause::Commit, Some(Version(self.version)), true)
    }

    fn order(
        &mut self,
        node: u64,
        scope: Scope,
        cause: Cause,
        version: Option<Version>,
        wait: bool,
    ) -> Answer {
        let scope = Arc::new(scope);
        let invalidation = Invalidation { scope, effect: Effect::Gone, cascade: true, version, cause };
        self.ask_at(node, Request::Invalidate(Invalidate { invalidation, wait, depth: 0 }))
    }
}

fn kind(message: &Message) -> &'static str {
    match message {
        Message::Gossip(_) => "gossip",
        Message::Decree(_) => "decree",
        Message::View(..) | Message::ViewAsk(_) => "view",
        Message::LeaseAsk(_) | Message::LeaseGrant(_) => "lease",
        Message::Request(..) | Message::Reply(..) => "request",
        Message::Heartbeat(_) | Message::Beat(_) => "heartbeat",
        Message::Records(_) => "records",
        Message::Applied(_) => "applied",
        Message::Enlist(_) | Message::Enlisted(_) => "enlist",
        Message::State(_) | Message::StateTaken(_) => "state",
        Message::Digests(_) | Message::Differ(_) => "digests",
        Message::Operate(_) => "operate",
        Message::Feed(_) => "feed",
    }
}
