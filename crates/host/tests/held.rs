//! Values that are decided while the engine holds their keys: the owner's store, its log and its replica agree, whichever threads change
//! what.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use clearwell_cluster::request::Answer;
use clearwell_cluster::view::{Seat, View};
use clearwell_cluster::{
    Bytes, Config, Entry, Input, Member, Message, NodeId, Peer, Slot, Start, Ticket, To,
};
use clearwell_engine::{
    Cause, Change, Departure, Departures, Draft, Effect, Invalidation, Millis, Origin, Scope, Seq, TooLarge,
};
use clearwell_host::{Batch, Host, Next, Settings};
use parking_lot::Mutex;

const SLOTS: u16 = 4;
const KEYS: u64 = 3;
const EACH: u64 = 1_500;

struct Nobody;

impl Departures for Nobody {
    fn departed(&self, _: &[u8], _: Departure) {}
}

/// A node: its host, a disk that is as fast as memory, and what it has sent.
struct Node {
    host: Host,
    handed: AtomicU64,
    answers: Mutex<Vec<(Ticket, Answer)>>,
}

/// Two of them, with a link that loses nothing. Node 0 owns all slots or not, as the view says.
struct Pair {
    nodes: [Node; 2],
    link: Mutex<VecDeque<(usize, usize, Message)>>,
    clock: AtomicU64,
}

fn peer(node: usize) -> Peer {
    Peer { node: NodeId(node as u64 + 1), incarnation: 1 }
}

impl Pair {
    /// A pair that has settled: both have their leases, and follow what the other owns.
    fn new() -> Pair {
        let seats = [0, 1].map(|node| Seat { peer: peer(node), weight: 100 }).to_vec();
        let view = Arc::new(View::first(seats, 1, SLOTS));
        let nodes = [0, 1].map(|node| {
            let config = Config { slots: SLOTS, seeds: vec![peer(1 - node).node], ..Config::new(peer(node)) };
            let settings = Settings::new(&config, 7 + node as u64);
            let start = Start { view: Some(view.clone()), ..Start::default() };
            let host = Host::shared(Member::new(config, start, Millis(1)), settings, Arc::new(Nobody));
            Node { host, handed: AtomicU64::new(0), answers: Mutex::default() }
        });
        let pair = Pair { nodes, link: Mutex::default(), clock: AtomicU64::new(1) };
        pair.pass(10_000);
        pair
    }

    fn now(&self) -> Millis {
        Millis(self.clock.load(Ordering::Relaxed))
    }

    /// Time passes, with all that happens in it.
    fn pass(&self, ms: u64) {
        for _ in 0..ms / 50 {
            self.clock.fetch_add(50, Ordering::Relaxed);
            for node in [0, 1] {
                self.step(node, Input::Tick);
            }
            self.deliver();
            self.compare_what_is_served();
        }
    }

    /// What is served is known without the member's lock as with it, also when its lease will have ended.
    fn compare_what_is_served(&self) {
        for host in self.nodes.iter().map(|node| &node.host) {
            let ended = host.actor().member().map_or(Millis(0), |member| member.serves().until);
            for (slot, now) in (0..SLOTS).flat_map(|slot| [(Slot(slot), self.now()), (Slot(slot), ended)]) {
                assert_eq!(host.serves(now, slot), host.actor().owns(now, slot), "{slot:?} at {now:?}");
            }
            let view = host.actor().view().map(|view| (view.epoch, !view.is_settled()));
            assert_eq!(Some(host.view_moves()), view);
        }
    }

    /// What was sent arrives, and what is sent for it.
    fn deliver(&self) {
        loop {
            let Some((from, to, message)) = self.link.lock().pop_front() else { return };
            self.step(to, Input::Message(peer(from), message));
        }
    }

    fn step(&self, node: usize, input: Input) {
        let batch = self.nodes[node].host.step(self.now(), input);
        self.carry_out(node, batch);
        self.go_on(node);
    }

    fn go_on(&self, node: usize) {
        let carry_out = |_, batch| self.carry_out(node, Some(batch));
        self.nodes[node].host.go_on(|| self.now(), carry_out);
    }

    fn carry_out(&self, node: usize, batch: Option<Batch>) {
        let Some(mut batch) = batch else { return };
        let Node { host, handed, answers } = &self.nodes[node];
        while let Some(next) = host.next(self.now(), &mut batch, &|_| false) {
            match next {
                Next::Waits => host.wait(&batch),
                Next::Persist(_) => host.lasts(handed.fetch_add(1, Ordering::Relaxed) + 1),
                Next::Unsynced => thread::yield_now(),
                Next::Answer(ticket, answer) => answers.lock().push((ticket, answer)),
                Next::Done(job, outcome) => self.step(node, Input::Done(job, outcome)),
                Next::Send(to, message) => {
                    let to = match to {
                        To::Peer(peer) => peer.node,
                        To::Node(node) => node,
                    };
                    self.link.lock().push_back((node, to.0 as usize - 1, message));
                }
                Next::Did { refused: false } | Next::Invalidated(..) | Next::Tell(_) => {}
                other => panic!("{other:?}"),
            }
        }
        for (job, outcome) in host.work(self.now()) {
            self.step(node, Input::Done(job, outcome));
        }
    }

    /// The node that owns a key.
    fn owner(&self, key: &[u8]) -> usize {
        let slot = clearwell_cluster::slot::slot_of(key, SLOTS);
        let owner = (0..2).find(|&node| self.nodes[node].host.actor().owns(self.now(), slot));
        owner.expect("the pair has settled")
    }

    fn live(&self, node: usize, key: &[u8]) -> Option<Entry> {
        self.nodes[node].host.live(self.now(), key)
    }

    /// What a client that changed a key is answered.
    fn settled(&self, node: usize, key: &[u8]) -> Option<Answer> {
        let (ticket, batch) = self.nodes[node].host.settle(self.now(), key.into());
        self.carry_out(node, batch);
        self.deliver();
        let answers = self.nodes[node].answers.lock();
        answers.iter().find(|(answered, _)| *answered == ticket).map(|(_, answer)| answer.clone())
    }
}

fn key(n: u64) -> Bytes {
    format!("c{n}").as_bytes().into()
}

fn number(value: Option<&[u8]>) -> u64 {
    let text = value.map(|value| std::str::from_utf8(value).expect("it is a number"));
    text.map_or(0, |text| text.parse().expect("it is a number"))
}

/// As a replica has it: an expiry is of each node's own clock.
fn kept(entry: Option<Entry>) -> Option<(Option<Bytes>, u64, bool)> {
    entry.map(|entry| (entry.value, entry.version.0, entry.expiry.is_some()))
}

fn gone(scope: Scope) -> Invalidation {
    let (effect, cause) = (Effect::Gone, Cause::Command);
    Invalidation { scope: scope.into(), effect, cascade: true, version: None, cause }
}

#[test]
fn counts_of_many_threads_are_whole_and_lie_with_the_replica() {
    let pair = Pair::new();
    thread::scope(|scope| {
        for thread in 0..4u64 {
            let pair = &pair;
            scope.spawn(move || {
                for n in 0..EACH {
                    let key = key((n + thread) % KEYS);
                    let owner = pair.owner(&key);
                    let counted = pair.nodes[owner].host.engine().update(&key, pair.now(), |view| {
                        let value = number(view.and_then(|view| view.value())) + 1;
                        (Change::Value(value.to_string().into_bytes()), ())
                    });
                    counted.expect("it is the owner");
                    pair.go_on(owner);
                    pair.deliver();
                }
            });
        }
    });
    pair.pass(2_000);
    let total: u64 = (0..KEYS)
        .map(|n| {
            let (key, owner) = (key(n), pair.owner(&key(n)));
            let entry = pair.live(owner, &key).expect("nothing took it away");
            assert_eq!(kept(pair.live(1 - owner, &key)), kept(Some(entry.clone())), "the replica has it");
            number(entry.value.as_deref())
        })
        .sum();
    assert_eq!(total, 4 * EACH, "no count was lost");
    pair.nodes.iter().for_each(|node| node.host.check().expect("the books are right"));
}

/// One change of a key by one of many threads.
fn change(pair: &Pair, owner: usize, key: &Bytes, rng: &mut fastrand::Rng) {
    let (host, now, value) = (&pair.nodes[owner].host, pair.now(), rng.u32(..).to_string());
    let draft = Draft { value: Some(value.as_bytes()), ..Draft::default() };
    let update = |change| host.engine().update(key, now, |_| (change, ())).expect("it is the owner");
    match rng.u32(..7) {
        0 => {
            host.engine().offer(key, Origin::default(), &draft, now);
        }
        1 | 2 => {
            host.take_away(now, &gone(Scope::Key((**key).into())));
        }
        3 => update(Change::Expires(Some(now.plus(600_000)))),
        4 => update(Change::Remove),
        _ => host.engine().put(key, &draft, now).expect("it is the owner"),
    }
    pair.go_on(owner);
}

/// Writes, removals, expiries and invalidations of one key by several threads at one moment, again and again: what the owner has behind each
/// such moment its replica has, too.
#[test]
fn owner_and_replica_agree_whatever_threads_do_to_a_key() {
    const THREADS: u64 = 3;
    const ROUNDS: u64 = 2_000;
    let pair = Pair::new();
    let (key, owner) = (key(0), pair.owner(&key(0)));
    let (begins, ended) = (Barrier::new(THREADS as usize + 1), Barrier::new(THREADS as usize + 1));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (pair, key, begins, ended) = (&pair, &key, &begins, &ended);
            let mut rng = fastrand::Rng::with_seed(thread);
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    begins.wait();
                    change(pair, owner, key, &mut rng);
                    change(pair, owner, key, &mut rng);
                    ended.wait();
                }
            });
        }
        let mut differed = None;
        for round in 0..ROUNDS {
            begins.wait();
            ended.wait();
            pair.deliver();
            let both = || [0, 1].map(|node| kept(pair.live(node, &key)));
            let are_one = |[one, other]: &[_; 2]| one == other;
            if !are_one(&both()) {
                // Records that overtook one another on their way are sent again when time passes.
                pair.pass(2_000);
            }
            // The threads are waited for to the end in any case.
            if !are_one(&both()) {
                differed.get_or_insert((round, both()));
            }
        }
        assert_eq!(differed, None);
    });
}

#[test]
fn whoever_is_not_the_owner_changes_nothing() {
    let pair = Pair::new();
    let other = 1 - pair.owner(&key(0));
    let engine = pair.nodes[other].host.engine();
    let draft = Draft { value: Some(b"v"), ..Draft::default() };
    assert_eq!(engine.put(&key(0), &draft, pair.now()), Err(TooLarge::Elsewhere));
    let value = engine.update(&key(0), pair.now(), |_| (Change::Value(b"v".to_vec()), ()));
    assert_eq!(value, Err(TooLarge::Elsewhere));
    assert!(pair.live(other, &key(0)).is_none() && pair.live(1 - other, &key(0)).is_none());
}

#[test]
fn a_change_is_settled_when_the_replica_has_it_and_not_before() {
    let pair = Pair::new();
    let (key, owner) = (key(0), pair.owner(&key(0)));
    let draft = Draft { value: Some(b"v"), ..Draft::default() };
    pair.nodes[owner].host.engine().put(&key, &draft, pair.now()).expect("it is the owner");
    pair.go_on(owner);
    let (ticket, batch) = pair.nodes[owner].host.settle(pair.now(), key.clone());
    pair.carry_out(owner, batch);
    let is_answered = || pair.nodes[owner].answers.lock().iter().any(|(answered, _)| *answered == ticket);
    assert!(!is_answered() && pair.live(1 - owner, &key).is_none(), "its record is on its way");
    pair.deliver();
    assert!(is_answered() && pair.live(1 - owner, &key).is_some());
    let survives = |answer| matches!(answer, Some(Answer::Written(done)) if done.survives);
    assert!(survives(pair.settled(owner, &key)));
}

#[test]
fn a_value_that_was_read_elsewhere_is_no_newer_than_its_miss() {
    let pair = Pair::new();
    let (key, owner) = (key(0), pair.owner(&key(0)));
    let host = &pair.nodes[owner].host;
    let began = host.engine().seq();
    let draft = Draft { value: Some(b"old"), ..Draft::default() };
    host.take_away(pair.now(), &gone(Scope::Key((*key).into())));
    pair.go_on(owner);
    host.engine().bring(&key, began, &draft, pair.now());
    pair.pass(500);
    assert!([0, 1].iter().all(|&node| pair.live(node, &key).is_none()), "it came too late");
    host.engine().bring(&key, host.engine().seq(), &draft, pair.now());
    pair.go_on(owner);
    pair.pass(500);
    assert!(
        [0, 1].iter().all(|&node| pair.live(node, &key).is_some()),
        "it is kept, with the replica as well"
    );
    let tagged = Draft { tags: &[b"tag"], ..draft };
    host.engine().bring(b"c1", Seq(u64::MAX), &tagged, pair.now());
    assert!(pair.live(owner, b"c1").is_none(), "nobody knows what came to its tag");
}
