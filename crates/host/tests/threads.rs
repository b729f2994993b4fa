//! A host that threads share: each carries out its own batches, and waits where another's come first.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use clearwell_cluster::request::{Ack, Answer, Read, Request, Strategy, Write};
use clearwell_cluster::{Bytes, Config, Input, Level, Member, Meta, NodeId, Peer, Start, Ticket, Token};
use clearwell_engine::{
    Cause, Change, Departure, Departures, Draft, Effect, Glob, Invalidation, Millis, Scope, Version,
};
use clearwell_host::{Actor, Batch, Host, Next, Settings};

const NOW: Millis = Millis(2);
const THREADS: u64 = 4;
const EACH: u64 = 2_000;
const KEYS: u64 = 3;

fn member() -> (Member, Settings) {
    let config = Config { slots: 16, ..Config::new(Peer { node: NodeId(1), incarnation: 1 }) };
    let settings = Settings::new(&config, 7);
    (Member::new(config, Start::default(), Millis(1)), settings)
}

/// A host whose threads share a disk that is as fast as memory.
struct Driven {
    host: Host,
    handed: AtomicU64,
}

impl Deref for Driven {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl Driven {
    fn over(host: Host) -> Driven {
        Driven { host, handed: AtomicU64::new(0) }
    }
}

/// Carries a batch out as a thread of a server does; the answer, once it is given.
fn carry_out(host: &Driven, batch: Option<Batch>) -> Option<Answer> {
    let mut batch = batch?;
    let mut answered = None;
    while let Some(next) = host.next(NOW, &mut batch, &|_| false) {
        match next {
            Next::Waits => host.wait(&batch),
            Next::Persist(_) => host.lasts(host.handed.fetch_add(1, Ordering::Relaxed) + 1),
            // Another thread is about to hand over what comes before.
            Next::Unsynced => thread::yield_now(),
            Next::Answer(_, answer) => answered = Some(answer),
            Next::Done(job, outcome) => {
                let answer = carry_out(host, host.step(NOW, Input::Done(job, outcome)));
                answered = answered.or(answer);
            }
            Next::Did { refused: false } | Next::Invalidated(..) | Next::Tell(_) => {}
            other => panic!("{other:?}"),
        }
    }
    answered
}

fn key(n: u64) -> Bytes {
    format!("c{n}").as_bytes().into()
}

fn write(host: &Driven, ticket: u64, n: u64) -> Version {
    let write = Write {
        key: key(n),
        value: Some(ticket.to_string().as_bytes().into()),
        tags: [].into(),
        dependencies: [].into(),
        events: [].into(),
        ttl_ms: None,
        meta: Meta::default(),
        strategy: Strategy::CacheOnly,
        ack: Ack::Replicas,
        id: ticket,
    };
    let asked = Input::Request(Ticket(ticket), Request::Write(write));
    let Some(Answer::Written(done)) = carry_out(host, host.step(NOW, asked)) else { panic!("it is written") };
    done.version.expect("a write has one")
}

fn read(host: &Driven, ticket: u64, n: u64) -> Version {
    let read = Read { key: key(n), level: Level::Strong, token: Token::default(), hold: false };
    let asked = Input::Request(Ticket(ticket), Request::Read(read));
    let Some(Answer::Value { entry: Some(entry), .. }) = carry_out(host, host.step(NOW, asked)) else {
        panic!("it is there")
    };
    entry.version
}

/// The last of all writes of a key, in the log's order, lies in the store; and a read sees nothing older than a write that was answered
/// before the read began.
#[test]
fn writes_lie_in_the_store_in_the_order_of_the_log_whoever_carries_them_out() {
    let (member, settings) = member();
    let host = Driven::over(Host::new(Actor::Member(Box::new(member)), settings));
    carry_out(&host, host.step(NOW, Input::Tick));
    let newest = thread::scope(|scope| {
        let one = |thread: u64| {
            let host = &host;
            move || {
                let mut newest = [Version::default(); KEYS as usize];
                for n in 0..EACH {
                    let ticket = 2 * (thread * EACH + n);
                    let which = n % KEYS;
                    let written = write(host, ticket, which);
                    assert!(read(host, ticket + 1, which) >= written);
                    newest[which as usize] = written;
                }
                newest
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(one(thread))).collect();
        let all = threads.into_iter().map(|thread| thread.join().expect("no panic"));
        all.reduce(|one, other| std::array::from_fn(|n| one[n].max(other[n]))).expect("there are threads")
    });
    for n in 0..KEYS {
        let version = host.live(NOW, &key(n)).expect("nothing took it away").version;
        assert_eq!(version, newest[n as usize]);
        let look = |view: &clearwell_engine::View<'_>, age: Option<u64>| (view.version(), age);
        assert_eq!(
            host.look(NOW, &key(n), Level::Session, &Token::default(), look),
            Some((Some(version), Some(0)))
        );
    }
    host.check().expect("the books are right");
}

struct Nobody;

impl Departures for Nobody {
    fn departed(&self, _: &[u8], _: Departure) {}
}

fn invalidate(host: &Driven, scope: Scope) -> Answer {
    let (effect, cause) = (Effect::Gone, Cause::Command);
    let gone = Invalidation { scope: scope.into(), effect, cascade: true, version: None, cause };
    carry_out(host, host.invalidate(NOW, gone).1).expect("alone it answers at once")
}

/// Changes under a key's lock ask for their order while other threads decide, judge and take away: nobody waits for anybody for ever,
/// and who depends on a written key is gone when the write returns.
#[test]
fn changes_under_a_key_are_ordered_beside_invalidations() {
    let (member, settings) = member();
    let host = Driven::over(Host::alone(member, settings, Arc::new(Nobody)));
    carry_out(&host, host.step(NOW, Input::Tick));
    let engine = host.engine();
    let draft = |value: &'static [u8]| Draft { value: Some(value), ..Draft::default() };
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..EACH {
                let page = Draft { dependencies: &[b"part"], tags: &[b"tag"], ..draft(b"made of it") };
                engine.put(b"page", &page, NOW).expect("it fits");
                engine.put(b"part", &draft(b"1"), NOW).expect("it fits");
                assert!(engine.peek(b"page", NOW, |_| ()).is_none(), "it was made of the part before");
            }
        });
        scope.spawn(|| {
            for _ in 0..EACH {
                engine.update(b"part", NOW, |_| (Change::Remove, ())).expect("it fits");
                let _ = host
                    .look(NOW, b"part", Level::Strong, &Token::default(), |view, _| view.value().is_some());
            }
        });
        scope.spawn(|| {
            for _ in 0..EACH / 10 {
                invalidate(&host, Scope::Pattern(Glob::new(b"p*").expect("it is a glob")));
                carry_out(&host, host.step(NOW, Input::Tick));
            }
        });
        for _ in 0..EACH {
            let answer = invalidate(&host, Scope::Key(b"part"[..].into()));
            assert!(matches!(answer, Answer::Invalidated(_)), "{answer:?}");
        }
    });
    host.check().expect("the books are right");
}
