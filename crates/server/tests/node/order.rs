//! The one road: whoever takes values away, the cluster's member gives it a place in its log first.

use clearwell::node::{Demand, Node, Put, Removal};
use clearwell::road::{InvalidationRequest, Mode};
use clearwell_engine::{Cause, Change, Event, Glob, Origin, Scope, Seq};

use crate::source::Scripted;

fn key(name: &str) -> Scope {
    Scope::Key(name.as_bytes().into())
}

fn deployed() -> Event {
    Event::new("deployed", Vec::new()).expect("a word")
}

/// The place that the next record gets, and takes.
fn next(node: &Node) -> u64 {
    node.invalidate(InvalidationRequest::now(vec![key("probe")], Cause::Command)).reached.ordered.0
}

#[tokio::test]
async fn every_cause_and_every_scope_has_a_place_in_the_log() {
    let (node, source) = Scripted::node();
    let mut before = next(&node);
    let mut records = |node: &Node, what: &str, expected: u64| {
        let after = next(node);
        assert_eq!(after - before - 1, expected, "{what}");
        before = after;
    };
    for scope in [
        key("a"),
        Scope::Tag(b"t"[..].into()),
        Scope::Dependents(b"a"[..].into()),
        Scope::Prefix(b"a"[..].into()),
        Scope::Pattern(Glob::new(b"a*").expect("a pattern")),
        Scope::Event(deployed()),
        Scope::Everything,
    ] {
        node.invalidate(InvalidationRequest::now(vec![scope.clone()], Cause::Command));
        records(&node, &format!("{scope:?}"), 1);
    }
    node.invalidate(InvalidationRequest::now(vec![key("a"), key("b"), Scope::Everything], Cause::Command));
    records(&node, "three scopes", 3);
    let put = Put { value: b"one".to_vec().into(), ..Put::default() };
    node.set(b"post:1", put, Origin::default()).wait().await.expect("written");
    records(&node, "an own write's commit", 1);
    source.commit(2, "two", 7);
    records(&node, "a commit that the feed told of: a key and a tag", 2);
    node.remove(vec![b"post:1"[..].into()], Removal::Row(None)).wait().await.expect("removed");
    records(&node, "a removal in the source", 1);
    node.remove(vec![b"a"[..].into(), b"b"[..].into()], Removal::Declared).wait().await.expect("removed");
    records(&node, "removals in memory", 2);
    node.event(deployed());
    records(&node, "an event", 1);
}

/// What only memory holds is written inside the engine, under the key's lock; what is taken away by it has its place as well.
#[tokio::test]
async fn what_a_write_into_memory_takes_away_has_a_place_in_the_log() {
    let (node, _source) = Scripted::node();
    let mut before = next(&node);
    let mut records = |node: &Node, what: &str, expected: u64| {
        let after = next(node);
        assert_eq!(after - before - 1, expected, "{what}");
        before = after;
    };
    let put = |dependencies: &[&[u8]]| Put {
        value: b"1".to_vec().into(),
        dependencies: dependencies.iter().map(|&name| name.into()).collect(),
        ..Put::default()
    };
    let set = async |key: &[u8], put| node.set(key, put, Origin::default()).wait().await.expect("stored");
    let is_there = async |key| node.read(key, Demand::PLAIN).wait().await.expect("an answer").value.is_some();
    set(b"page", put(&[b"part"])).await;
    set(b"other", put(&[])).await;
    set(b"other", put(&[])).await;
    records(&node, "nothing depends on what was written", 0);

    set(b"part", put(&[])).await;
    records(&node, "a SET, by which another entry is old", 1);
    assert!(!is_there(b"page").await);
    set(b"page", put(&[b"part"])).await;
    let now = node.clock().now();
    node.update(b"part", now, |_| (Change::Value(b"2".to_vec()), ())).expect("it fits");
    records(&node, "a command that looks first, by which another entry is old", 1);
    assert!(!is_there(b"page").await);

    set(b"page", put(&[b"part"])).await;
    node.update(b"part", now, |_| (Change::Keep, ())).expect("nothing to do");
    records(&node, "a command that looks and changes nothing", 0);
    node.update(b"part", now, |_| (Change::Remove, ())).expect("removed");
    records(&node, "a removal by a command that looks first, with what depends on it", 1);
    assert!(!is_there(b"page").await);
    let began = node.lease(node.seq());
    node.fill(b"part", &began, put(&[])).expect("filled");
    records(&node, "a fill", 0);
}

#[tokio::test]
async fn what_is_held_has_a_place_only_when_it_takes_effect() {
    let (node, _source) = Scripted::node();
    let put = Put { value: b"held".to_vec().into(), ..Put::default() };
    node.set(b"a", put, Origin::default()).wait().await.expect("stored");
    let before = next(&node);
    let hold =
        |mode| InvalidationRequest { mode, ..InvalidationRequest::now(vec![key("a")], Cause::Command) };
    let held = node.invalidate(hold(Mode::parse(b"on-event:deployed").expect("a mode"))).reached;
    assert_eq!((held.held, held.ordered.0, held.seq), (1, 0, Seq(0)));
    node.invalidate(hold(Mode::Delayed(3_600_000)));
    assert_eq!((next(&node), node.held()), (before + 1, 2));
    assert!(node.read(b"a", Demand::PLAIN).wait().await.expect("an answer").value.is_some());
    let released = node.event(deployed()).reached;
    assert_eq!((released.entries, released.ordered.0), (1, before + 3), "what was held, then the event");
    assert_eq!((next(&node), node.held()), (before + 4, 1));
}

/// Many at once, with the member's ticks between: none is lost, refused or given a place twice, and when one has returned
/// what it covers is gone.
#[test]
fn places_are_given_once_each_whoever_asks_at_once() {
    const EACH: u64 = 500;
    let (node, _source) = Scripted::node();
    let places = std::thread::scope(|scope| {
        let ask = |thread: u64| {
            let node = &node;
            move || {
                let one = |n: u64| {
                    let scopes = match n % 50 {
                        49 => vec![Scope::Event(deployed())],
                        _ => vec![Scope::Tag(format!("{thread}").into_bytes().into())],
                    };
                    let before = node.seq();
                    let reached = node.invalidate(InvalidationRequest::now(scopes, Cause::Command)).reached;
                    assert!(reached.seq > before, "applied before it returned");
                    reached.ordered.0
                };
                (0..EACH).map(one).collect::<Vec<u64>>()
            }
        };
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(ask(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no refusal")).collect::<Vec<u64>>()
    });
    let mut sorted = places.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=4 * EACH).collect::<Vec<u64>>());
    for thread in places.chunks(EACH as usize) {
        assert!(thread.is_sorted(), "one thread's records stand in its own order");
    }
}

/// The keeper is asleep, and knew of nothing that was due so soon.
#[test]
fn what_is_delayed_wakes_the_keeper_in_time() {
    let (node, _) = Scripted::node();
    let soonest = (0..10).map(|_| {
        let began = std::time::Instant::now();
        node.invalidate(InvalidationRequest {
            mode: Mode::Delayed(5),
            ..InvalidationRequest::now(vec![key("k")], Cause::Command)
        });
        while node.held() > 0 {
            assert!(began.elapsed().as_secs() < 20, "the delayed invalidation is never released");
            std::thread::park_timeout(std::time::Duration::from_micros(500));
        }
        began.elapsed()
    });
    // A busy machine may be late now and then; a keeper that sleeps out is late each time.
    let soonest = soonest.min().expect("ten rounds");
    // The clock counts whole milliseconds: one that had begun already counts as well.
    assert!((4..50).contains(&soonest.as_millis()), "{soonest:?}");
}
