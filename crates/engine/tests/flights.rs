//! One load a key, and who is told what.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use clearwell_engine::{
    Ask, Cause, Config, Draft, Effect, Engine, FillLease, Filled, Invalidation, Landing, Loaded, Lookup,
    Millis, OnMiss, Outcome, Scope, Tolerate, Waiting,
};

const NOW: Millis = Millis(1_000);

fn lookup(engine: &Engine, tolerate: Tolerate, now: Millis, early_refresh: f64) -> Lookup<Vec<u8>> {
    let ask = Ask { now, tolerate, on_miss: OnMiss::Load, early_refresh, chance: 0.5, class: 0 };
    engine.lookup(b"k", ask, |view| view.value().unwrap_or_default().to_vec())
}

fn lead(engine: &Engine) -> FillLease {
    match lookup(engine, Tolerate::Fresh, NOW, 0.0) {
        Lookup::Lead(lease) => lease,
        other => panic!("{other:?}"),
    }
}

fn wait(engine: &Engine) -> Waiting {
    match lookup(engine, Tolerate::Fresh, NOW, 0.0) {
        Lookup::Wait(waiting) => waiting,
        other => panic!("{other:?}"),
    }
}

fn told(waiting: Waiting) -> Option<Landing> {
    match pin!(waiting).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(landing) => Some(landing),
        Poll::Pending => None,
    }
}

fn invalidate(engine: &Engine, scope: Scope) {
    let invalidation = Invalidation {
        scope: scope.into(),
        effect: Effect::Gone,
        cascade: false,
        version: None,
        cause: Cause::Commit,
    };
    engine.apply(&invalidation, NOW);
}

fn land(engine: &Engine, lease: FillLease, tags: &[&[u8]]) -> Filled {
    let draft = Draft { value: Some(b"v"), tags, ..Draft::default() };
    engine.land(lease, Outcome::Value((*b"v").into()), &draft, NOW)
}

#[test]
fn those_who_wait_are_told() {
    let engine = Engine::new(Config::default(), 1);
    let lease = lead(&engine);
    let waiting = wait(&engine);
    assert_eq!(land(&engine, lease, &[]), Filled::Stored);
    assert!(matches!(told(waiting), Some(Landing::Landed(Loaded { outcome: Outcome::Value(_), .. }))));
    engine.check().expect("the books are right");
}

#[test]
fn a_load_given_up_is_led_again() {
    let engine = Engine::new(Config::default(), 1);
    let lease = lead(&engine);
    let waiting = wait(&engine);
    drop(lease);
    assert!(matches!(told(waiting), Some(Landing::Abandoned)));
    let failed = Outcome::Failed(Arc::new(std::fmt::Error));
    let lease = lead(&engine);
    let waiting = wait(&engine);
    assert_eq!(engine.land(lease, failed, &Draft::default(), NOW), Filled::Refused);
    assert!(matches!(told(waiting), Some(Landing::Landed(Loaded { outcome: Outcome::Failed(_), .. }))));
    drop(lead(&engine));
    engine.check().expect("the books are right");
}

#[test]
fn a_reader_does_not_join_a_load_older_than_an_invalidation_of_its_key() {
    let engine = Engine::new(Config::default(), 1);
    let old = lead(&engine);
    let early = wait(&engine);
    invalidate(&engine, Scope::Key((*b"k").into()));
    let new = lead(&engine);
    assert_eq!(land(&engine, old, &[]), Filled::Refused);
    assert!(matches!(told(early), Some(Landing::Landed(_))), "it asked before the invalidation");
    let late = wait(&engine);
    assert_eq!(land(&engine, new, &[]), Filled::Stored);
    assert!(matches!(told(late), Some(Landing::Landed(_))));
    engine.check().expect("the books are right");
}

#[test]
fn who_asked_after_what_refused_the_load_asks_again() {
    let engine = Engine::new(Config::default(), 1);
    let lease = lead(&engine);
    let early = wait(&engine);
    invalidate(&engine, Scope::Tag((*b"t").into()));
    let late = wait(&engine);
    assert_eq!(land(&engine, lease, &[b"t"]), Filled::Refused);
    assert!(matches!(told(early), Some(Landing::Landed(_))));
    assert!(matches!(told(late), Some(Landing::Abandoned)));
    engine.check().expect("the books are right");
}

#[test]
fn stale_and_nearly_expired_entries_are_refreshed_by_one() {
    let engine = Engine::new(Config::default(), 1);
    let draft = Draft { value: Some(b"v"), expires: Some(Millis(2_000)), load_ms: 100, ..Draft::default() };
    engine.fill(b"k", engine.seq(), &draft, NOW);
    let refreshes = |tolerate, now| match lookup(&engine, tolerate, now, 1.0) {
        Lookup::Hit { refresh, stale, .. } => (stale, refresh),
        other => panic!("{other:?}"),
    };
    assert!(refreshes(Tolerate::Fresh, Millis(1_900)).1.is_none(), "70 ms ahead at a chance of a half");
    let (_, first) = refreshes(Tolerate::Fresh, Millis(1_950));
    assert!(first.is_some() && refreshes(Tolerate::Fresh, Millis(1_950)).1.is_none());
    drop(first);
    let mut lazy = Invalidation {
        scope: Scope::Key((*b"k").into()).into(),
        effect: Effect::Stale,
        cascade: false,
        version: None,
        cause: Cause::Commit,
    };
    engine.apply(&lazy, NOW);
    let (stale, first) = refreshes(Tolerate::Stale, NOW);
    assert!(stale && first.is_some());
    assert!(refreshes(Tolerate::Stale, NOW).1.is_none());
    assert!(matches!(lookup(&engine, Tolerate::Fresh, NOW, 0.0), Lookup::Wait(_)));
    lazy.effect = Effect::Gone;
    engine.apply(&lazy, NOW);
    assert!(matches!(lookup(&engine, Tolerate::Grace, NOW, 0.0), Lookup::Lead(_)));
    drop(first);
    engine.check().expect("the books are right");
}
