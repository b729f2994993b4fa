//! Copies whose order is decided outside, in an owner's log.

use std::sync::Arc;

use clearwell_engine::{
    Cause, Config, Departure, Departures, Draft, Effect, Engine, Filled, Invalidation, Millis, Scope, Version,
};
use parking_lot::Mutex;

const NOW: Millis = Millis(1_000);

fn engine() -> Engine {
    Engine::new(Config::default(), 7)
}

fn draft(value: &[u8], version: u64) -> Draft<'_> {
    Draft { value: Some(value), version: Some(Version(version)), ..Draft::default() }
}

fn value(engine: &Engine, key: &[u8]) -> Option<Vec<u8>> {
    engine.peek(key, NOW, |view| view.value().map(Vec::from)).flatten()
}

fn invalidate(engine: &Engine, scope: Scope) {
    let (effect, cause) = (Effect::Gone, Cause::Command);
    engine.apply(&Invalidation { scope: scope.into(), effect, cascade: true, version: None, cause }, NOW);
}

/// A slot that is handed over once more brings the same value again: what was made from it is as good as before.
#[test]
fn an_adopted_value_takes_nothing_away_that_was_made_from_its_key() {
    let engine = engine();
    engine.adopt(b"part", &draft(b"1", 1), NOW).expect("it fits");
    let page = Draft { dependencies: &[b"part"], ..draft(b"page", 1) };
    engine.adopt(b"page", &page, NOW).expect("it fits");
    engine.adopt(b"part", &draft(b"1", 1), NOW).expect("it fits");
    assert_eq!(value(&engine, b"page"), Some(b"page".to_vec()));
    invalidate(&engine, Scope::Dependents(b"part"[..].into()));
    assert_eq!((value(&engine, b"page"), value(&engine, b"part")), (None, Some(b"1".to_vec())));
    engine.check().expect("the books are right");
}

/// The tag of the value before may be what a dependent was made from.
#[test]
fn what_an_earlier_value_was_made_from_still_reaches_dependents() {
    let engine = engine();
    engine.adopt(b"page", &Draft { dependencies: &[b"part"], ..draft(b"page", 1) }, NOW).expect("it fits");
    engine.adopt(b"part", &Draft { tags: &[b"old"], ..draft(b"1", 1) }, NOW).expect("it fits");
    engine.adopt(b"part", &Draft { tags: &[b"new"], ..draft(b"2", 2) }, NOW).expect("it fits");
    invalidate(&engine, Scope::Tag(b"old"[..].into()));
    assert_eq!((value(&engine, b"page"), value(&engine, b"part")), (None, Some(b"2".to_vec())));
}

#[test]
fn an_adopted_value_is_newer_than_whatever_lies_there_and_every_load_in_flight() {
    let engine = engine();
    let began = engine.seq();
    engine.adopt(b"key", &draft(b"newer", 9), NOW).expect("it fits");
    engine.adopt(b"key", &draft(b"as the log says", 3), NOW).expect("it fits");
    assert_eq!(engine.fill(b"key", began, &draft(b"late", 20), NOW), Filled::Refused);
    assert_eq!(engine.fill(b"key", engine.seq(), &draft(b"older", 2), NOW), Filled::Refused);
    assert_eq!(value(&engine, b"key"), Some(b"as the log says".to_vec()));
    assert_eq!(engine.fill(b"key", engine.seq(), &draft(b"loaded", 4), NOW), Filled::Stored);
}

/// Two writers on two nodes may make a circle; both writes were acknowledged.
#[test]
fn a_circle_is_kept_and_a_cascade_over_it_ends() {
    let engine = engine();
    engine.adopt(b"a", &Draft { dependencies: &[b"b"], ..draft(b"a", 1) }, NOW).expect("it is kept");
    engine.adopt(b"b", &Draft { dependencies: &[b"a"], ..draft(b"b", 1) }, NOW).expect("it is kept");
    invalidate(&engine, Scope::Key(b"a"[..].into()));
    assert_eq!((value(&engine, b"a"), value(&engine, b"b")), (None, None));
    engine.check().expect("the books are right");
}

#[test]
fn a_copy_that_is_forgotten_leaves_no_mark() {
    let engine = engine();
    engine.fill(b"key", engine.seq(), &draft(b"copy", 1), NOW);
    let began = engine.seq();
    assert!(engine.forget(b"key", NOW) && !engine.forget(b"key", NOW));
    assert_eq!(engine.fill(b"key", began, &draft(b"loaded", 1), NOW), Filled::Stored);
    // What was put answers for its key, also when it has gone.
    engine.adopt(b"key", &draft(b"put", 2), NOW).expect("it fits");
    assert!(engine.forget(b"key", NOW));
    assert_eq!(engine.fill(b"key", began, &draft(b"late", 3), NOW), Filled::Refused);
    engine.check().expect("the books are right");
}

#[test]
fn the_keys_of_a_million_places_come_a_slice_at_a_time_and_each_once() {
    const COUNT: usize = 20_000;
    let engine = engine();
    let key = |n: usize| format!("key:{n}").into_bytes();
    (0..COUNT).for_each(|n| engine.adopt(&key(n), &draft(b"1", 1), NOW).expect("it fits"));
    invalidate(&engine, Scope::Tag(b"nobody's"[..].into()));
    let (mut seen, mut cursor, mut slices) = (Vec::new(), 0, 0);
    loop {
        let before = seen.len();
        cursor = engine.keys(cursor, 1_000, |key| seen.push(key.to_vec()));
        assert!(seen.len() - before <= 1_000);
        // What comes meanwhile may be seen or not; what stays is.
        engine.adopt(&key(slices), &draft(b"2", 2), NOW).expect("it fits");
        engine.forget(&key(COUNT - 1 - slices), NOW);
        slices += 1;
        if cursor == 0 {
            break;
        }
    }
    let stay = slices..COUNT - slices;
    seen.sort();
    assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "none twice");
    assert!(stay.clone().all(|n| seen.binary_search(&key(n)).is_ok()));
    assert!(slices > 15);
}

#[derive(Default)]
struct Book(Mutex<Vec<(Vec<u8>, bool)>>);

impl Departures for Book {
    fn departed(&self, key: &[u8], _: Departure) {
        self.0.lock().push((key.to_vec(), false));
    }

    fn absence_departed(&self, key: &[u8], _: Departure) {
        self.0.lock().push((key.to_vec(), true));
    }
}

#[test]
fn an_absence_that_is_evicted_is_told_as_one() {
    let book = Arc::new(Book::default());
    let engine = Engine::new(Config { max_entries: 1, ..Config::default() }, 7).watched_by(book.clone());
    engine.adopt(b"absent", &Draft { version: Some(Version(1)), ..Draft::default() }, NOW).expect("it fits");
    engine.adopt(b"here", &draft(b"1", 1), NOW).expect("it fits");
    engine.adopt(b"too", &draft(b"1", 1), NOW).expect("it fits");
    assert_eq!(*book.0.lock(), [(b"absent".to_vec(), true), (b"here".to_vec(), false)]);
}
