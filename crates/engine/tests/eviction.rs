//! Who leaves: an experiment for each policy that the other policies fail, and the limit of entries.

use std::collections::BTreeMap;

use clearwell_engine::{
    Ask, Cause, Config, Draft, Effect, Engine, Eviction, Invalidation, Lookup, Millis, OnMiss, Scope,
    Tolerate,
};

const NOW: Millis = Millis(1_000);

fn engine(eviction: Eviction, max_entries: u64) -> Engine {
    Engine::new(Config { eviction, max_entries, ..Config::default() }, 11)
}

fn put(engine: &Engine, key: &str, priority: u8) {
    let draft = Draft { value: Some(b"value"), priority, ..Draft::default() };
    engine.put(key.as_bytes(), &draft, NOW).expect("it fits");
}

fn read(engine: &Engine, key: &str) -> bool {
    let ask = Ask {
        now: NOW,
        tolerate: Tolerate::Fresh,
        on_miss: OnMiss::Tell,
        early_refresh: 0.0,
        chance: 1.0,
        class: 0,
    };
    matches!(engine.lookup(key.as_bytes(), ask, |_| ()), Lookup::Hit { .. })
}

/// How many of a group are there; nothing of it is used by this look.
fn there(engine: &Engine, group: &str, count: u64) -> u64 {
    let is_there = |n: &u64| engine.peek(format!("{group}:{n}").as_bytes(), NOW, |_| ()).is_some();
    (0..count).filter(is_there).count() as u64
}

/// Stores a group and reads each of it so often.
fn group(engine: &Engine, group: &str, count: u64, reads: u64, priority: u8) {
    for n in 0..count {
        put(engine, &format!("{group}:{n}"), priority);
    }
    for n in (0..reads).flat_map(|_| 0..count) {
        assert!(read(engine, &format!("{group}:{n}")), "{group}:{n}");
    }
}

/// Only `expected` passes the experiment.
fn only(expected: Eviction, experiment: impl Fn(&Engine) -> bool) {
    for eviction in Eviction::ALL {
        let engine = engine(eviction, 100);
        assert_eq!(experiment(&engine), eviction == expected, "{eviction}");
        assert_eq!(engine.account().entries, 100, "{eviction}");
        engine.check().unwrap_or_else(|differs| panic!("{eviction}: {differs}"));
    }
}

/// What was used last stays, however seldom it was used and however little it matters.
#[test]
fn recency_decides_under_lru() {
    only(Eviction::Lru, |engine| {
        group(engine, "often", 50, 20, 9);
        group(engine, "lately", 50, 1, 0);
        // Fifty more: as many leave.
        group(engine, "new", 50, 0, 0);
        (there(engine, "often", 50), there(engine, "lately", 50), there(engine, "new", 50)) == (0, 50, 50)
    });
}

/// The order is exact: a read moves its entry to the end.
#[test]
fn under_lru_entries_leave_in_the_order_of_their_last_use() {
    let engine = engine(Eviction::Lru, 5);
    ["a", "b", "c", "d", "e"].into_iter().for_each(|key| put(&engine, key, 0));
    assert!(read(&engine, "a") && read(&engine, "c"));
    put(&engine, "b", 0);
    for (new, gone) in [("f", "d"), ("g", "e"), ("h", "a"), ("i", "c"), ("j", "b"), ("k", "f")] {
        assert!(engine.peek(gone.as_bytes(), NOW, |_| ()).is_some(), "{gone} is there before {new}");
        put(&engine, new, 0);
        assert!(engine.peek(gone.as_bytes(), NOW, |_| ()).is_none(), "{gone} leaves for {new}");
        assert_eq!(engine.account().entries, 5);
    }
    engine.check().expect("the books are right");
}

/// What was used most stays, however long ago.
#[test]
fn frequency_decides_under_lfu() {
    only(Eviction::Lfu, |engine| {
        group(engine, "often", 50, 20, 0);
        group(engine, "less", 50, 5, 9);
        for n in 0..50 {
            put(engine, &format!("new:{n}"), 9);
            (0..8).for_each(|_| assert!(read(engine, &format!("new:{n}")), "{n}"));
        }
        (there(engine, "often", 50), there(engine, "less", 50)) == (50, 0)
    });
}

/// Earlier fame fades: what nobody uses any more leaves as others come and go.
#[test]
fn under_lfu_what_was_popular_once_is_overtaken() {
    let engine = engine(Eviction::Lfu, 100);
    group(&engine, "once", 50, 30, 0);
    for round in 0..80 {
        group(&engine, &format!("round {round}"), 50, 0, 0);
    }
    assert_eq!(there(&engine, "once", 50), 0);
    engine.check().expect("the books are right");
}

/// A long scan of what is read once passes by what is read again and again.
#[test]
fn a_scan_passes_through_under_adaptive() {
    only(Eviction::Adaptive, |engine| {
        group(engine, "working set", 80, 3, 0);
        for n in 0..5_000 {
            put(engine, &format!("scan:{n}"), 0);
            read(engine, &format!("scan:{n}"));
        }
        there(engine, "working set", 80) >= 76
    });
}

/// Nothing of a lower priority stays while something of a higher one goes: what is there are the highest of all, whatever
/// shard they stand in.
#[test]
fn priority_is_strict_under_priority() {
    for (max_entries, max_memory) in [(4_096, 256 << 20), (u64::MAX, 2 << 20)] {
        for eviction in Eviction::ALL {
            let engine = Engine::new(Config { eviction, max_entries, max_memory, ..Config::default() }, 11);
            let mut random = fastrand::Rng::with_seed(5);
            let given: Vec<(String, u8)> = (0..20_000).map(|n| (format!("key:{n}"), random.u8(..))).collect();
            for (key, priority) in &given {
                put(&engine, key, *priority);
                if random.bool() {
                    read(&engine, &given[random.usize(..given.len())].0);
                }
            }
            let is_there = |key: &str| engine.peek(key.as_bytes(), NOW, |_| ()).is_some();
            let lowest = given.iter().filter(|(key, _)| is_there(key)).map(|(_, priority)| *priority).min();
            let missing = given.iter().filter(|(key, _)| !is_there(key)).map(|(_, priority)| *priority).max();
            assert!(missing.is_some() && engine.account().entries > 2_000, "{:?}", engine.account());
            assert_eq!(
                missing <= lowest,
                eviction == Eviction::Priority,
                "{eviction}: {missing:?} {lowest:?}"
            );
            engine.check().unwrap_or_else(|differs| panic!("{eviction}: {differs}"));
        }
    }
}

/// Not even what was stored just now stays for one of a higher priority; among equals it does.
#[test]
fn what_comes_with_the_lowest_priority_leaves_at_once() {
    for max_entries in [5, 8_192] {
        let engine = engine(Eviction::Priority, max_entries);
        group(&engine, "high", max_entries, 0, 9);
        put(&engine, "low", 1);
        assert_eq!((there(&engine, "high", max_entries), read(&engine, "low")), (max_entries, false));
        put(&engine, "equal", 9);
        assert_eq!((there(&engine, "high", max_entries), read(&engine, "equal")), (max_entries - 1, true));
        // Another priority for the same key counts from then on.
        put(&engine, "equal", 1);
        put(&engine, "last", 9);
        assert_eq!((there(&engine, "high", max_entries), read(&engine, "equal")), (max_entries - 1, false));
        engine.check().expect("the books are right");
    }
}

/// The limit is one for all shards: nobody leaves before it is reached, and it is never passed.
#[test]
fn max_entries_is_exact() {
    for eviction in Eviction::ALL {
        for max_entries in [1, 5, 1_000, 5_000] {
            let engine = engine(eviction, max_entries);
            for n in 0..3 * max_entries {
                put(&engine, &format!("key:{n}"), (n % 7) as u8);
                let account = engine.account();
                let expected = (n + 1).min(max_entries);
                assert_eq!((account.entries, account.evicted), (expected, n + 1 - expected), "{eviction}");
                // The same key again is no other entry.
                if n % 100 == 0 && read(&engine, &format!("key:{n}")) {
                    put(&engine, &format!("key:{n}"), (n % 7) as u8);
                }
            }
            engine.check().unwrap_or_else(|differs| panic!("{eviction}: {differs}"));
        }
    }
}

#[test]
fn max_entries_is_exact_when_many_write_at_once() {
    for eviction in Eviction::ALL {
        for max_entries in [5, 3_000] {
            let engine = engine(eviction, max_entries);
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    let engine = &engine;
                    scope.spawn(move || {
                        for n in 0..3_000 {
                            put(engine, &format!("{thread}:{n}"), (n % 3) as u8);
                            read(engine, &format!("{thread}:{}", n / 2));
                        }
                    });
                }
            });
            let account = engine.account();
            assert_eq!((account.entries, account.evicted), (max_entries, 12_000 - max_entries), "{eviction}");
            engine.check().unwrap_or_else(|differs| panic!("{eviction}: {differs}"));
        }
    }
}

/// What is dead already leaves before what is alive.
#[test]
fn the_dead_make_room_for_the_living() {
    for eviction in Eviction::ALL {
        let engine = engine(eviction, 5);
        for n in 0..5u8 {
            let expires = (n == 3).then(|| NOW.plus(10));
            let tags: &[&[u8]] = if n == 1 { &[b"t"] } else { &[] };
            let draft = Draft { value: Some(b"v"), expires, tags, priority: n, ..Draft::default() };
            engine.put(&[b'a' + n], &draft, NOW).expect("it fits");
        }
        let scope = Scope::Tag((*b"t").into()).into();
        let gone = Invalidation {
            scope,
            effect: Effect::Gone,
            cascade: false,
            version: None,
            cause: Cause::Command,
        };
        engine.apply(&gone, NOW);
        let later = NOW.plus(20);
        for key in ["x", "y"] {
            let draft = Draft { value: Some(b"v"), priority: 9, ..Draft::default() };
            engine.put(key.as_bytes(), &draft, later).expect("it fits");
        }
        let alive = ["a", "c", "e", "x", "y"].map(|key| engine.peek(key.as_bytes(), later, |_| ()).is_some());
        let account = engine.account();
        assert_eq!((alive, account.evicted), ([true; 5], 0), "{eviction}");
        assert_eq!((account.expired, account.invalidated), (1, 1), "{eviction}");
    }
}

/// The policy can be changed while the cache is at work; the entries stay.
#[test]
fn a_policy_is_exchanged_in_place() {
    let engine = engine(Eviction::Adaptive, 3_000);
    let mut random = fastrand::Rng::with_seed(3);
    let mut given: BTreeMap<String, u8> = BTreeMap::new();
    for (round, eviction) in Eviction::ALL.into_iter().cycle().take(12).enumerate() {
        let before = engine.account().entries;
        engine.evict_by(eviction);
        assert_eq!((engine.eviction(), engine.account().entries), (eviction, before));
        engine.check().unwrap_or_else(|differs| panic!("{eviction}: {differs}"));
        for n in 0..2_000 {
            let (key, priority) = (format!("{round}:{n}"), random.u8(..));
            put(&engine, &key, priority);
            given.insert(key, priority);
            read(&engine, &format!("{round}:{}", random.u32(..2_000)));
        }
        engine.check().unwrap_or_else(|differs| panic!("{eviction}: {differs}"));
    }
    engine.evict_by(Eviction::Priority);
    let lowest = given.iter().filter(|(key, _)| engine.peek(key.as_bytes(), NOW, |_| ()).is_some());
    let lowest = lowest.map(|(_, priority)| *priority).min().expect("entries are there");
    put(&engine, "one more", 255);
    let gone = given.iter().filter(|(_, priority)| **priority == lowest);
    assert!(gone.clone().any(|(key, _)| engine.peek(key.as_bytes(), NOW, |_| ()).is_none()));
}
