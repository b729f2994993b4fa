//! `max_memory` is kept, large values have room, and the right entries leave.

use clearwell_engine::{
    Ask, Cause, Config, Draft, Effect, Engine, Invalidation, Lookup, Millis, OnMiss, Scope, Tolerate,
    TooLarge,
};

const NOW: Millis = Millis(1_000);

fn engine(max_memory: u64) -> Engine {
    Engine::new(Config { max_memory, ..Config::default() }, 11)
}

fn put(engine: &Engine, key: &[u8], value: &[u8], expires: Option<Millis>) {
    engine.put(key, &Draft { value: Some(value), expires, ..Draft::default() }, NOW).expect("it fits");
}

fn hit(engine: &Engine, key: &[u8], now: Millis) -> bool {
    let ask = Ask {
        now,
        tolerate: Tolerate::Fresh,
        on_miss: OnMiss::Tell,
        early_refresh: 0.0,
        chance: 1.0,
        class: 0,
    };
    matches!(engine.lookup(key, ask, |_| ()), Lookup::Hit { .. })
}

#[test]
fn memory_stays_within_bounds_whatever_is_stored() {
    for max_memory in [512 << 10, 2 << 20, 16 << 20] {
        let engine = engine(max_memory);
        let mut random = fastrand::Rng::with_seed(max_memory);
        for number in 0..20_000u64 {
            let size = 1 << random.usize(1..12);
            let value = vec![7; random.usize(..size)];
            let expires = random.bool().then(|| NOW.plus(random.u64(..1 << 30)));
            put(&engine, &random.u64(..10_000).to_le_bytes(), &value, expires);
            if number % 1_000 == 0 {
                let bytes = engine.account().memory_bytes;
                // What names take is counted at every so many writes only.
                assert!(bytes <= max_memory + max_memory / 16 + 65_536, "{bytes} of {max_memory}");
            }
        }
        engine.check().expect("the books are right");
        assert!(engine.account().entries > 0);
    }
}

#[test]
fn a_quarter_of_the_memory_fits_and_more_is_refused() {
    let engine = engine(64 << 20);
    for number in 0..1_000u64 {
        put(&engine, &number.to_le_bytes(), &[1; 1_000], None);
    }
    let large = vec![0; 15 << 20];
    for number in 0..6u8 {
        put(&engine, &[number], &large, None);
        assert!(hit(&engine, &[number], NOW), "a large value stays when it is stored");
    }
    assert!(engine.account().memory_bytes <= 64 << 20);
    let larger = vec![0; 17 << 20];
    let refused = engine.put(b"larger", &Draft { value: Some(&larger), ..Draft::default() }, NOW);
    assert!(matches!(refused, Err(TooLarge::Entry { .. })), "{refused:?}");
    engine.check().expect("the books are right");
}

#[test]
fn what_is_read_often_or_has_priority_stays() {
    let engine = engine(2 << 20);
    let read = |number: u64| [b"read".as_slice(), &number.to_le_bytes()].concat();
    let dear = |number: u64| [b"dear".as_slice(), &number.to_le_bytes()].concat();
    for number in 0..100 {
        put(&engine, &read(number), &[0; 100], None);
        let draft = Draft { value: Some(&[0; 100]), priority: 255, ..Draft::default() };
        engine.put(&dear(number), &draft, NOW).expect("it fits");
    }
    for number in 0..50_000u64 {
        put(&engine, &number.to_le_bytes(), &[0; 100], None);
        hit(&engine, &read(number % 100), NOW);
    }
    let stay =
        |key: &dyn Fn(u64) -> Vec<u8>| (0..100).filter(|&number| hit(&engine, &key(number), NOW)).count();
    let often = stay(&read);
    assert!(often > 90, "{often} of 100 that were read stayed");
    let (dear, plain) = (stay(&dear), (0..100u64).filter(|n| hit(&engine, &n.to_le_bytes(), NOW)).count());
    assert!(dear > plain, "{dear} with priority stayed, {plain} without");
    assert!(engine.account().evicted > 30_000);
    engine.check().expect("the books are right");
}

#[test]
fn maintenance_gives_back_what_expired_and_what_was_invalidated() {
    let engine = engine(64 << 20);
    for number in 0..10_000u64 {
        let draft =
            Draft { value: Some(b"v"), expires: Some(NOW.plus(number)), tags: &[b"t"], ..Draft::default() };
        engine.put(&number.to_le_bytes(), &draft, NOW).expect("it fits");
    }
    let mut expired = 0;
    loop {
        let done = engine.maintain(NOW.plus(5_000), 64);
        expired += done.expired;
        if !done.more {
            break;
        }
    }
    assert!((4_900..=5_001).contains(&expired), "{expired} expired");
    assert!(
        !hit(&engine, &5_000u64.to_le_bytes(), NOW.plus(5_000)),
        "whether or not the wheel has come to it"
    );
    let tag = Invalidation {
        scope: Scope::Tag((*b"t").into()).into(),
        effect: Effect::Gone,
        cascade: false,
        version: None,
        cause: Cause::Command,
    };
    let left = engine.account().entries;
    assert_eq!(engine.would_reach(&tag, NOW), left);
    assert_eq!(engine.apply(&tag, NOW).reached, left);
    assert!(!hit(&engine, &9_999u64.to_le_bytes(), NOW), "gone at once");
    assert_eq!(engine.account().entries, left, "and given back later");
    while engine.maintain(NOW, 100).more {}
    let account = engine.account();
    assert_eq!((account.entries, account.invalidated, account.tags), (0, left, 0));
    assert_eq!(engine.maintain(NOW, 100), Default::default(), "idle");
    engine.check().expect("the books are right");
}

#[test]
fn an_entry_may_not_depend_on_itself() {
    let engine = engine(16 << 20);
    let put = |key: &[u8], below: &[u8]| {
        engine.put(key, &Draft { value: Some(b"v"), dependencies: &[below], ..Draft::default() }, NOW)
    };
    put(b"b", b"a").expect("no cycle");
    put(b"c", b"b").expect("no cycle");
    assert!(matches!(put(b"a", b"c"), Err(TooLarge::Cycle(_))));
    assert!(matches!(put(b"a", b"a"), Err(TooLarge::Cycle(_))));
    for number in 0..63u64 {
        let (below, key) = (number.to_string(), (number + 1).to_string());
        put(key.as_bytes(), below.as_bytes()).expect("not too deep");
    }
    put(b"64", b"63").expect("64 edges");
    assert_eq!(put(b"65", b"64"), Err(TooLarge::Depth(64)));
    assert!(hit(&engine, b"64", NOW));
    engine.put(b"0", &Draft { value: Some(b"w"), ..Draft::default() }, NOW).expect("it fits");
    assert!(!hit(&engine, b"64", NOW), "a write cascades to the end of the chain");
    assert!(hit(&engine, b"c", NOW));
    engine.check().expect("the books are right");
}
