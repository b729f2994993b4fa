//! Readers, fills and invalidations at once, on real threads. A reader never gets a value from before an
//! invalidation that was acknowledged before it asked.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;

use clearwell_engine::{
    Ask, Cause, Change, Config, Draft, Effect, Engine, Glob, Invalidation, Lookup, Millis, OnMiss, Outcome,
    Scope, Tolerate,
};

const KEYS: u64 = 8;
const ROUNDS: u64 = 4_000;

/// The source: a number for all keys, which only grows. `committed` is what a load reads; `acknowledged` is what every
/// later read of the cache must at least see.
#[derive(Default)]
struct Source {
    committed: AtomicU64,
    acknowledged: AtomicU64,
    done: AtomicBool,
}

fn key(number: u64) -> [u8; 3] {
    [b'k', b':', b'0' + (number % KEYS) as u8]
}

fn number(value: &[u8]) -> u64 {
    value.try_into().map(u64::from_le_bytes).expect("eight bytes")
}

fn read(engine: &Engine, source: &Source, random: &mut fastrand::Rng) {
    let key = key(random.u64(..));
    let least = source.acknowledged.load(SeqCst);
    let on_miss = if random.bool() { OnMiss::Load } else { OnMiss::Tell };
    let ask =
        Ask { now: Millis(1), tolerate: Tolerate::Fresh, on_miss, early_refresh: 0.0, chance: 1.0, class: 0 };
    match engine.lookup(&key, ask, |view| view.value().map(number)) {
        Lookup::Hit { read: Some(value), .. } => {
            assert!(value >= least, "{value} was served after {least} was acknowledged");
        }
        Lookup::Hit { .. } => panic!("nobody stores a negative entry"),
        Lookup::Miss { began } => {
            load(source, random, |draft| drop(engine.fill(&key, began, draft, Millis(1))));
        }
        Lookup::Lead(lease) => load(source, random, |draft| {
            let outcome = Outcome::Value(draft.value.unwrap_or_default().into());
            engine.land(lease, outcome, draft, Millis(1));
        }),
        Lookup::Wait(waiting) => drop(waiting),
    }
}

fn load(source: &Source, random: &mut fastrand::Rng, store: impl FnOnce(&Draft<'_>)) {
    let value = source.committed.load(SeqCst).to_le_bytes();
    if random.u8(..4) == 0 {
        thread::yield_now();
    }
    let below = key(0);
    let dependencies: [&[u8]; 1] = [&below];
    let depends = random.u8(..4) == 0;
    let dependencies = if depends { &dependencies[..] } else { &[] };
    store(&Draft { value: Some(&value), tags: &[b"all"], dependencies, ..Draft::default() });
}

/// All keys change at once, so each invalidation covers all: by their tag, their pattern, their prefix, one by one, or
/// as everything.
fn invalidate(engine: &Engine, source: &Source, round: u64) {
    let committed = source.committed.fetch_add(1, SeqCst) + 1;
    let apply = |scope: Scope| {
        let invalidation = Invalidation {
            scope: scope.into(),
            effect: Effect::Gone,
            cascade: true,
            version: None,
            cause: Cause::Commit,
        };
        engine.apply(&invalidation, Millis(1));
    };
    match round % 5 {
        0 => apply(Scope::Tag((*b"all").into())),
        1 => apply(Scope::Pattern(Glob::new(b"k:[0-9]").expect("well formed"))),
        2 => apply(Scope::Prefix((*b"k:").into())),
        3 => (0..KEYS).for_each(|number| apply(Scope::Key(key(number).into()))),
        _ => apply(Scope::Everything),
    }
    source.acknowledged.fetch_max(committed, SeqCst);
}

fn race(config: Config) {
    let engine = Engine::new(config, 3);
    let source = Source::default();
    thread::scope(|scope| {
        for seed in 0..3 {
            let (engine, source) = (&engine, &source);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                while !source.done.load(SeqCst) {
                    read(engine, source, &mut random);
                }
            });
        }
        scope.spawn(|| {
            while !source.done.load(SeqCst) {
                engine.maintain(Millis(1), 100);
                engine.scan(0, 10, Millis(1), |_| {});
                thread::yield_now();
            }
        });
        for round in 0..ROUNDS {
            invalidate(&engine, &source, round);
        }
        source.done.store(true, SeqCst);
    });
    engine.check().expect("the books are right");
    assert_eq!(engine.account().flights, 0);
}

#[test]
fn no_reader_sees_what_was_taken_away() {
    race(Config::default());
}

#[test]
fn nor_when_there_is_hardly_any_memory() {
    race(Config { max_memory: 128 << 10, marks: 8, ..Config::default() });
}

#[test]
fn nor_when_there_are_few_entries() {
    for eviction in clearwell_engine::Eviction::ALL {
        race(Config { max_entries: 9, eviction, ..Config::default() });
    }
}

/// Increments by many threads are all counted: nothing comes between a read and its write. The keys depend on each
/// other's names crosswise, so that the shards' locks are wanted in both orders.
#[test]
fn updates_are_atomic_and_do_not_wait_for_each_other() {
    const THREADS: u64 = 4;
    let engine = Engine::new(Config::default(), 5);
    let counter = |view: Option<u64>| view.unwrap_or(0) + 1;
    thread::scope(|scope| {
        for own in 0..THREADS {
            let engine = &engine;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let step = |view: Option<&clearwell_engine::View<'_>>| {
                        let value = counter(view.and_then(|view| view.value()).map(number)).to_le_bytes();
                        (Change::Value(value.to_vec()), ())
                    };
                    engine.update(b"counter", Millis(1), step).expect("it fits");
                    let dependency = key(own + round % 2 + 1);
                    let dependencies: [&[u8]; 1] = [&dependency];
                    let draft = Draft { value: Some(b"x"), dependencies: &dependencies, ..Draft::default() };
                    // A cycle is refused, which is as good here.
                    let _ = engine.update(&key(own), Millis(1), |_| (Change::Put(draft.clone()), ()));
                }
            });
        }
    });
    let counted = engine.peek(b"counter", Millis(1), |view| view.value().map(number)).flatten();
    assert_eq!(counted, Some(THREADS * ROUNDS));
    engine.check().expect("the books are right");
}
