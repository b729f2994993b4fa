//! What a step leaves to those that follow: the thread that took the step goes on with it.

use std::sync::{Arc, Mutex};
use std::thread;

use clearwell_cluster::message::{Applied, State, StateTaken, Taking};
use clearwell_cluster::request::{Ack, Answer, Request, Strategy, Write};
use clearwell_cluster::slot::slot_of;
use clearwell_cluster::view::Seat;
use clearwell_cluster::{
    Bytes, Config, Input, Member, Message, Meta, NodeId, Peer, Position, Start, Ticket, To, View,
};
use clearwell_engine::Millis;
use clearwell_host::{Actor, Batch, Host, Next, Settings};

const NOW: Millis = Millis(1_000);
const SLOTS: u16 = 16;
const ME: Peer = Peer { node: NodeId(1), incarnation: 1 };
const OTHER: Peer = Peer { node: NodeId(2), incarnation: 1 };
const WRITES: u64 = 100;

/// What became of the host's outputs.
#[derive(Default)]
struct Seen {
    synced: u64,
    answered: Vec<Ticket>,
    /// Up to where the other was sent the log, and by which subscription.
    sent: Position,
    subscription: u64,
}

/// A host whose writes are answered when the other, which only the test plays, has them.
struct Owner {
    host: Host,
    view: Arc<View>,
    seen: Mutex<Seen>,
}

impl Owner {
    fn new() -> Owner {
        let seats = [ME, OTHER].map(|peer| Seat { peer, weight: 100 }).to_vec();
        let view = Arc::new(View::first(seats, 1, SLOTS));
        let config = Config { slots: SLOTS, ..Config::new(ME) };
        let settings = Settings::new(&config, 7);
        let start = Start { view: Some(Arc::clone(&view)), persisted: Vec::new() };
        let host = Host::new(Actor::Member(Box::new(Member::new(config, start, NOW))), settings);
        let owner = Owner { host, view, seen: Mutex::default() };
        owner.take(Input::Tick);
        owner
    }

    /// One input's whole way, as a thread of a server goes it.
    fn take(&self, input: Input) {
        if let Some(batch) = self.host.step(NOW, input) {
            self.carry_out(batch);
        }
        self.host.go_on(|| NOW, |_, batch| self.carry_out(batch));
    }

    fn carry_out(&self, mut batch: Batch) {
        let mut back = Vec::new();
        while let Some(next) = self.host.next(NOW, &mut batch, &|_| false) {
            match next {
                Next::Waits => self.host.wait(&batch),
                Next::Unsynced => thread::yield_now(),
                Next::Persist(_) => {
                    let mut seen = self.seen();
                    seen.synced += 1;
                    self.host.lasts(seen.synced);
                }
                Next::Done(job, outcome) => back.push(Input::Done(job, outcome)),
                Next::Answer(ticket, Answer::Written(_)) => self.seen().answered.push(ticket),
                Next::Send(To::Peer(OTHER), message) => back.extend(self.hear(message)),
                Next::Did { refused: false } | Next::Invalidated(..) | Next::Send(..) | Next::Tell(_) => {}
                other => panic!("{other:?}"),
            }
        }
        back.into_iter().for_each(|input| self.take(input));
    }

    /// What the other says to a message at once.
    fn hear(&self, message: Message) -> Option<Input> {
        match message {
            Message::State(state) => {
                let State { subscription, ticket, .. } = *state;
                self.seen().subscription = subscription;
                let taken = StateTaken { subscription, ticket, taking: Taking::Stored };
                Some(Input::Message(OTHER, Message::StateTaken(taken)))
            }
            Message::Records(records) => {
                let last = records.records.last().map_or(Position(0), |last| last.position);
                let mut seen = self.seen();
                seen.sent = seen.sent.max(last);
                None
            }
            _ => None,
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().expect("no thread panicked")
    }

    fn write(&self, ticket: u64) {
        let mine = |key: &Bytes| self.view.owner(slot_of(key, SLOTS)) == ME;
        let keys = (0..).map(|n| Bytes::from(format!("{ticket}.{n}").as_bytes()));
        let write = Write {
            key: keys.into_iter().find(mine).expect("it owns half of all"),
            value: Some(b"value"[..].into()),
            tags: [].into(),
            dependencies: [].into(),
            events: [].into(),
            ttl_ms: None,
            meta: Meta::default(),
            strategy: Strategy::CacheOnly,
            ack: Ack::Replicas,
            id: ticket,
        };
        self.take(Input::Request(Ticket(ticket), Request::Write(write)));
    }

    /// The other has applied all that it was sent.
    fn confirm(&self) {
        let applied = {
            let seen = self.seen();
            Applied { subscription: seen.subscription, watermark: seen.sent }
        };
        self.take(Input::Message(OTHER, Message::Applied(applied)));
    }
}

#[test]
fn all_that_one_word_confirms_is_answered_without_another_input() {
    let owner = Owner::new();
    (0..WRITES).for_each(|ticket| owner.write(ticket));
    assert_eq!(owner.seen().answered, [], "the other has none of them");
    owner.confirm();
    let seen = owner.seen();
    assert!(seen.answered.len() as u64 == WRITES && seen.answered.is_sorted(), "{:?}", seen.answered);
    assert!(!owner.host.has_more());
}

/// Whichever thread takes the last step: nothing is left when all have returned.
#[test]
fn threads_that_take_steps_at_once_leave_nothing() {
    const ROUNDS: u64 = 50;
    const THREADS: u64 = 4;
    let owner = &Owner::new();
    for round in 0..ROUNDS {
        (0..WRITES).for_each(|n| owner.write(2 * round * WRITES + n));
        thread::scope(|scope| {
            scope.spawn(|| owner.confirm());
            for thread in 1..THREADS {
                scope.spawn(move || owner.write((2 * round + 1) * WRITES + thread));
            }
        });
        assert!(!owner.host.has_more());
        owner.confirm();
        let all = (round + 1) * (WRITES + THREADS - 1);
        assert_eq!(owner.seen().answered.len() as u64, all, "round {round}");
    }
    owner.host.check().expect("the books are right");
}
