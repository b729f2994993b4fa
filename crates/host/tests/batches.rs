//! Batches carried out as threads would: one waits for the changes of another, and nobody reads what is not there yet.

use clearwell_cluster::request::{Ack, Answer, Invalidate, Read, Request, Strategy, Write};
use clearwell_cluster::{
    Apply, Ask, Bytes, Config, Input, Level, Member, Meta, NodeId, Outcome, Peer, Start, Ticket, Token,
};
use clearwell_engine::{Cause, Effect, Invalidation, Millis, Scope, Version};
use clearwell_host::{Actor, Batch, Host, Next, Settings};

const NOW: Millis = Millis(2);

struct Alone {
    host: Host,
    tickets: u64,
    /// How much was handed to the disk: as long as nobody says otherwise, it lasts at once.
    handed: u64,
}

/// Keys that begin with `s` have a source.
fn sourced(key: &[u8]) -> bool {
    key.starts_with(b"s")
}

impl Alone {
    fn new(max_entries: u64) -> Alone {
        let config = Config { slots: 16, ..Config::new(Peer { node: NodeId(1), incarnation: 1 }) };
        let mut settings = Settings::new(&config, 7);
        settings.engine.max_entries = max_entries;
        let member = Member::new(config, Start::default(), Millis(1));
        let mut alone =
            Alone { host: Host::new(Actor::Member(Box::new(member)), settings), tickets: 0, handed: 0 };
        alone.step(Input::Tick);
        alone
    }

    fn step(&mut self, input: Input) -> Vec<Next> {
        match self.host.step(NOW, input) {
            Some(batch) => self.carry_out(batch),
            None => Vec::new(),
        }
    }

    fn carry_out(&mut self, mut batch: Batch) -> Vec<Next> {
        let mut done = Vec::new();
        while let Some(next) = self.host.next(NOW, &mut batch, &sourced) {
            if matches!(next, Next::Persist(_)) {
                self.handed += 1;
                self.host.lasts(self.handed);
            }
            done.push(next);
        }
        done
    }

    fn request(&mut self, request: Request) -> Batch {
        self.tickets += 1;
        self.host.step(NOW, Input::Request(Ticket(self.tickets), request)).expect("there is something to do")
    }

    fn write(&mut self, key: &str, value: &str) -> Batch {
        self.write_with(Strategy::CacheOnly, key, value)
    }

    fn write_with(&mut self, strategy: Strategy, key: &str, value: &str) -> Batch {
        self.request(Request::Write(Write {
            key: key.as_bytes().into(),
            value: Some(value.as_bytes().into()),
            tags: [].into(),
            dependencies: [].into(),
            events: [].into(),
            ttl_ms: None,
            meta: Meta::default(),
            strategy,
            ack: Ack::Replicas,
            id: 1,
        }))
    }

    fn invalidate(&mut self, scope: Scope) -> Batch {
        let (effect, cause) = (Effect::Gone, Cause::Command);
        let scope = scope.into();
        let invalidation = Invalidation { scope, effect, cascade: true, version: None, cause };
        self.request(Request::Invalidate(Invalidate { invalidation, wait: false, depth: 0 }))
    }

    fn read(&mut self, key: &str) -> Batch {
        let (key, token) = (Bytes::from(key.as_bytes()), Token::default());
        self.request(Request::Read(Read { key, level: Level::Strong, token, hold: false }))
    }

    fn look(&self, key: &str, level: Level) -> Option<(Option<Vec<u8>>, Option<u64>)> {
        let read = |view: &clearwell_engine::View<'_>, age| (view.value().map(Vec::from), age);
        self.host.look(NOW, key.as_bytes(), level, &Token::default(), read)
    }
}

fn value(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_vec())
}

#[test]
fn a_read_that_was_decided_after_a_write_waits_for_the_write_to_lie_in_the_store() {
    let mut alone = Alone::new(u64::MAX);
    let first = alone.write("c1", "old");
    alone.carry_out(first);
    let (mut write, mut read) = (alone.write("c1", "new"), alone.read("c1"));
    assert!(matches!(alone.host.next(NOW, &mut read, &sourced), Some(Next::Waits)));
    while write.next_apply().is_some() {
        let done = alone.host.next(NOW, &mut write, &sourced);
        assert!(matches!(done, Some(Next::Did { refused: false } | Next::Invalidated(..))), "{done:?}");
    }
    // The read need not wait for the write's answer.
    let Some(Next::Done(_, Outcome::Loaded { entry: Some(entry), stored: true })) =
        alone.host.next(NOW, &mut read, &sourced)
    else {
        panic!("the store has it")
    };
    assert_eq!(entry.value.as_deref(), Some(&b"new"[..]));
    let rest = alone.carry_out(write);
    assert!(matches!(&rest[..], [Next::Answer(_, Answer::Written(_))]), "{rest:?}");
}

#[test]
fn two_writes_lie_in_the_store_in_the_order_in_which_they_were_decided() {
    let mut alone = Alone::new(u64::MAX);
    let (mut one, mut two) = (alone.write("c1", "1"), alone.write("c1", "2"));
    assert!(matches!(alone.host.next(NOW, &mut two, &sourced), Some(Next::Waits)));
    while one.next_apply().is_some() {
        alone.host.next(NOW, &mut one, &sourced);
    }
    alone.carry_out(two);
    alone.carry_out(one);
    assert_eq!(alone.look("c1", Level::Session), Some((value("2"), Some(0))));
}

/// A walk over all entries takes seconds: who takes one key away does not wait for it. Who reads for others, or stores, does.
#[test]
fn an_invalidation_is_done_and_answered_beside_one_that_takes_long() {
    let mut alone = Alone::new(u64::MAX);
    for key in ["c1", "c2"] {
        let write = alone.write(key, "old");
        alone.carry_out(write);
    }
    let (slow, quick) = (alone.invalidate(Scope::Everything), alone.invalidate(Scope::Key(b"c1"[..].into())));
    let (mut read, mut write) = (alone.read("c2"), alone.write("c2", "new"));
    let done = alone.carry_out(quick);
    assert!(
        matches!(&done[..], [Next::Invalidated(..), Next::Answer(_, Answer::Invalidated(_))]),
        "{done:?}"
    );
    assert_eq!(alone.look("c1", Level::Eventual), None);
    for waits in [&mut read, &mut write] {
        assert!(matches!(alone.host.next(NOW, waits, &sourced), Some(Next::Waits)));
    }
    alone.carry_out(slow);
    let done = alone.carry_out(read);
    assert!(matches!(&done[..], [Next::Done(_, Outcome::Loaded { entry: None, .. })]), "{done:?}");
    let mut after = alone.invalidate(Scope::Key(b"c2"[..].into()));
    assert!(matches!(alone.host.next(NOW, &mut after, &sourced), Some(Next::Waits)), "the write comes first");
    alone.carry_out(write);
    alone.carry_out(after);
    assert_eq!(alone.look("c2", Level::Eventual), None);
}

/// What the member can prove is not yet true of the store.
#[test]
fn nothing_is_proven_while_changes_are_on_their_way() {
    let mut alone = Alone::new(u64::MAX);
    let old = alone.write("c1", "old");
    alone.carry_out(old);
    assert_eq!(alone.look("c1", Level::Bounded(100)), Some((value("old"), Some(0))));
    let write = alone.write("c1", "new");
    assert_eq!(alone.look("c1", Level::Session), None);
    assert_eq!(alone.look("c1", Level::Bounded(100)), None);
    assert_eq!(alone.look("c1", Level::Eventual), Some((value("old"), None)));
    alone.carry_out(write);
    assert_eq!(alone.look("c1", Level::Session), Some((value("new"), Some(0))));
}

/// What does not last on disk is said to nobody, by this batch or a later one; the store is changed meanwhile, and proves nothing.
#[test]
fn a_slow_disk_holds_back_what_is_said_and_not_the_store() {
    let mut alone = Alone::new(u64::MAX);
    let (mut back, mut later) = (alone.write_with(Strategy::Back, "b1", "v"), alone.write("c1", "w"));
    assert!(matches!(alone.host.next(NOW, &mut back, &sourced), Some(Next::Persist(_))));
    for batch in [&mut back, &mut later] {
        while batch.next_apply().is_some() {
            let did = alone.host.next(NOW, batch, &sourced);
            assert!(matches!(did, Some(Next::Did { refused: false } | Next::Invalidated(..))), "{did:?}");
        }
        assert!(matches!(alone.host.next(NOW, batch, &sourced), Some(Next::Unsynced)));
    }
    assert_eq!(alone.look("b1", Level::Session), None);
    assert_eq!(alone.look("c1", Level::Eventual), Some((value("w"), None)));
    alone.handed += 1;
    alone.host.lasts(alone.handed);
    assert_eq!(alone.look("b1", Level::Session), Some((value("v"), Some(0))));
    let rest = alone.carry_out(later);
    assert!(matches!(&rest[..], [Next::Answer(_, Answer::Written(_))]), "{rest:?}");
    let rest = alone.carry_out(back);
    assert!(rest.iter().any(|next| matches!(next, Next::Answer(_, Answer::Written(_)))), "{rest:?}");
}

/// A load counts from before its source is asked: what is invalidated meanwhile is newer than what the load brings.
#[test]
fn a_load_is_kept_only_when_nothing_came_since_it_was_asked_for() {
    let mut alone = Alone::new(u64::MAX);
    for late in [false, true] {
        let read = alone.read("s1");
        let asked = alone.carry_out(read);
        let [Next::Ask(job, Ask::Load { key, validate: true })] = &asked[..] else { panic!("{asked:?}") };
        if late {
            let batch = alone.invalidate(Scope::Tag(b"t"[..].into()));
            alone.carry_out(batch);
        }
        let entry = Some(clearwell_cluster::Entry {
            key: key.clone(),
            value: Some(b"row"[..].into()),
            version: Version(5),
            tags: [Bytes::from(&b"t"[..])].into(),
            dependencies: [].into(),
            events: [].into(),
            expiry: None,
            meta: Meta::default(),
        });
        alone.step(Input::Done(*job, Outcome::Loaded { entry, stored: false }));
        assert_eq!(alone.look("s1", Level::Weak).is_some(), !late);
        alone.step(Input::Tick);
    }
}

#[test]
fn an_absent_key_without_source_is_answered_by_the_store_alone() {
    let mut alone = Alone::new(u64::MAX);
    let read = alone.read("c9");
    let done = alone.carry_out(read);
    assert!(matches!(&done[..], [Next::Done(_, Outcome::Loaded { entry: None, stored: true })]), "{done:?}");
}

#[test]
fn what_is_evicted_is_gone_and_the_books_are_right() {
    let mut alone = Alone::new(2);
    for n in 0..10 {
        let write = alone.write(&format!("c{n}"), "v");
        alone.carry_out(write);
    }
    let there = (0..10).filter(|n| alone.look(&format!("c{n}"), Level::Session).is_some()).count();
    assert_eq!(there, 2);
    alone.host.check().expect("the books are right");
}

#[test]
fn a_change_can_be_seen_before_it_is_made() {
    let mut alone = Alone::new(u64::MAX);
    let write = alone.write("c1", "1");
    let Some(Apply::Invalidate(first)) = write.next_apply() else { panic!("dependents go first") };
    assert_eq!(*first.scope, Scope::Dependents(b"c1"[..].into()));
    assert!(!write.is_settled());
}
