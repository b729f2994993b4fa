//! Found by `clearwell replay`: a plain SET that answers a miss, but not one that its connection remembers, is stored as a
//! put with a count of its own. When it was stored between the moment an invalidation took its count and the moment that
//! invalidation reached the shard, the put looked newer, and the old value stayed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use clearwell_engine::{
    Ask, Cause, Config, Draft, Effect, Engine, Glob, Invalidation, Lookup, Millis, OnMiss, Origin, Scope,
    Tolerate,
};

const KEY: &[u8] = b"row";
const NOW: Millis = Millis(1);
const COMMITS: u64 = 6_000;

/// The row and what of it was acknowledged.
#[derive(Default)]
struct Row {
    committed: AtomicU64,
    acknowledged: AtomicU64,
    done: AtomicBool,
}

/// Reads the row through the cache until the writer is done; fills without a memory of its misses. The stale reads.
fn read(engine: &Engine, row: &Row) -> u64 {
    let ask = Ask {
        now: NOW,
        tolerate: Tolerate::Fresh,
        on_miss: OnMiss::Remember,
        early_refresh: 0.0,
        chance: 1.0,
        class: 0,
    };
    let mut stale = 0;
    while !row.done.load(Ordering::SeqCst) {
        let oldest = row.acknowledged.load(Ordering::SeqCst);
        let version = |value: Option<&[u8]>| {
            u64::from_le_bytes(
                value.and_then(|value| value.try_into().ok()).expect("eight bytes were stored"),
            )
        };
        match engine.lookup(KEY, ask, |view| version(view.value())) {
            Lookup::Hit { read, .. } => stale += u64::from(read < oldest),
            _ => {
                let value = row.committed.load(Ordering::SeqCst).to_le_bytes();
                engine.offer(KEY, Origin::default(), &Draft { value: Some(&value), ..Draft::default() }, NOW);
            }
        }
    }
    stale
}

fn race(scope: &Scope) -> u64 {
    let engine = Engine::new(Config::default(), 7);
    let row = Row::default();
    let stale = thread::scope(|threads| {
        let readers: Vec<_> = (0..3).map(|_| threads.spawn(|| read(&engine, &row))).collect();
        for version in 1..=COMMITS {
            // Pauses of all lengths, so that readers come to fill between two commits.
            (0..version % 2_000).for_each(|_| std::hint::spin_loop());
            row.committed.store(version, Ordering::SeqCst);
            let invalidation = Invalidation {
                scope: scope.clone().into(),
                effect: Effect::Gone,
                cascade: true,
                version: None,
                cause: Cause::Command,
            };
            engine.apply(&invalidation, NOW);
            row.acknowledged.store(version, Ordering::SeqCst);
        }
        row.done.store(true, Ordering::SeqCst);
        readers.into_iter().map(|reader| reader.join().expect("no reader panics")).sum()
    });
    engine.check().expect("the books are right");
    stale
}

#[test]
fn no_set_that_answers_a_miss_survives_an_invalidation_of_its_key() {
    assert_eq!(race(&Scope::Key(KEY.into())), 0);
}

#[test]
fn no_set_that_answers_a_miss_survives_a_pattern_a_prefix_or_everything() {
    let glob = Glob::new(b"r?w").expect("a glob");
    for scope in [Scope::Pattern(glob), Scope::Prefix(b"ro"[..].into()), Scope::Everything] {
        assert_eq!(race(&scope), 0, "{scope:?}");
    }
}
