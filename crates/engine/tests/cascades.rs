//! Cascades through what is not stored any more: stories of stale reads.

use clearwell_engine::{
    Ask, Cause, Change, Config, Draft, Effect, Engine, Event, EventPattern, Filled, Invalidation, Lookup,
    Millis, Offered, OnMiss, Origin, Scope, Tolerate,
};

const NOW: Millis = Millis(1_000);

fn fill(engine: &Engine, key: &str, tags: &[&[u8]], dependencies: &[&[u8]], events: &[EventPattern]) {
    let draft = Draft { value: Some(b"v"), tags, dependencies, events, ..Draft::default() };
    assert_eq!(engine.fill(key.as_bytes(), engine.seq(), &draft, NOW), Filled::Stored, "{key}");
}

fn invalidate(engine: &Engine, scope: Scope, cascade: bool) -> u64 {
    let (effect, cause) = (Effect::Gone, Cause::Commit);
    engine.apply(&Invalidation { scope: scope.into(), effect, cascade, version: None, cause }, NOW).reached
}

fn is_there(engine: &Engine, key: &str) -> bool {
    engine.peek(key.as_bytes(), NOW, |_| ()).is_some()
}

fn key(name: &str) -> Scope {
    Scope::Key(name.as_bytes().into())
}

/// C was made from B, B from A; both have left. A tag, an event, a key or a pattern above A still reaches C.
#[test]
fn what_lies_between_may_be_gone() {
    let event = Event::new("sold", Vec::new()).expect("well formed");
    let above = [
        Scope::Tag(b"t"[..].into()),
        Scope::Event(event),
        key("p"),
        key("a"),
        Scope::Prefix(b"p"[..].into()),
        Scope::Dependents(b"p"[..].into()),
    ];
    for scope in above {
        let engine = Engine::new(Config::default(), 1);
        fill(&engine, "a", &[b"t"], &[b"p"], &[EventPattern::parse("sold").expect("well formed")]);
        fill(&engine, "b", &[], &[b"a"], &[]);
        fill(&engine, "c", &[], &[b"b"], &[]);
        invalidate(&engine, key("b"), false);
        invalidate(&engine, key("a"), false);
        assert!(is_there(&engine, "c"));
        assert_eq!(invalidate(&engine, scope.clone(), true), 1, "{scope:?}");
        assert!(!is_there(&engine, "c"), "{scope:?}");
        while engine.maintain(NOW, 1000).more {}
        engine.check().unwrap();
    }
}

/// Found by the model (seed 426983512385294787): 24 was made from 14 while 14 was made from 2. Then 14 was filled again
/// with no dependency, nobody named 2 any more, and a write of 2 reached neither 24 nor 41, made from it.
#[test]
fn a_write_reaches_what_was_made_from_an_earlier_value() {
    let engine = Engine::new(Config::default(), 1);
    fill(&engine, "14", &[], &[b"2"], &[]);
    fill(&engine, "24", &[], &[b"14"], &[]);
    fill(&engine, "14", &[], &[], &[]);
    fill(&engine, "41", &[], &[b"24"], &[]);
    engine.put(b"2", &Draft { value: Some(b"new"), ..Draft::default() }, NOW).expect("it fits");
    assert!(!is_there(&engine, "24") && !is_there(&engine, "41"));
    engine.check().unwrap();
}

/// A load of Y, made from d, is under way while something of d changes, of which nobody told Y's name.
#[test]
fn a_fill_is_refused_if_its_dependency_was_invalidated_or_put_since() {
    type Act = fn(&Engine);
    let acts: [(&str, Act); 6] = [
        ("invalidated", |engine| {
            invalidate(engine, key("d"), false);
        }),
        ("put", |engine| {
            engine.put(b"d", &Draft { value: Some(b"x"), ..Draft::default() }, NOW).expect("fits")
        }),
        ("by pattern", |engine| {
            invalidate(engine, Scope::Prefix(b"d"[..].into()), false);
        }),
        ("removed", |engine| engine.update(b"d", NOW, |_| (Change::Remove, ())).expect("fits")),
        ("by its tag", |engine| {
            invalidate(engine, Scope::Tag(b"t"[..].into()), false);
        }),
        ("swept", |engine| {
            invalidate(engine, Scope::Tag(b"t"[..].into()), true);
            while engine.maintain(NOW, 1000).more {}
        }),
    ];
    for (what, act) in acts {
        for replaced in [false, true] {
            let engine = Engine::new(Config::default(), 1);
            fill(&engine, "d", &[b"t"], &[], &[]);
            let began = engine.seq();
            act(&engine);
            if replaced {
                fill(&engine, "d", &[], &[], &[]);
            }
            let draft = Draft { value: Some(b"old"), dependencies: &[b"d"], ..Draft::default() };
            assert_eq!(
                engine.fill(b"y", began, &draft, NOW),
                Filled::Refused,
                "{what}, replaced: {replaced}"
            );
            assert_eq!(engine.fill(b"y", engine.seq(), &draft, NOW), Filled::Stored, "{what}");
            engine.check().unwrap();
        }
    }
}

/// A put says anew what its key is made from: what it no longer names may be made from it.
#[test]
fn a_put_with_other_dependencies_makes_no_circle_with_the_old_ones() {
    let engine = Engine::new(Config::default(), 1);
    fill(&engine, "x", &[], &[b"y"], &[]);
    fill(&engine, "z", &[], &[b"x"], &[]);
    engine.put(b"x", &Draft { value: Some(b"1"), ..Draft::default() }, NOW).expect("it fits");
    fill(&engine, "z", &[], &[b"x"], &[]);
    fill(&engine, "y", &[], &[b"x"], &[]);
    engine.check().unwrap();
}

/// Another client's miss is unresolved, as a test suite leaves it; this connection flushes and then SETs.
#[test]
fn a_set_after_the_own_flush_is_kept() {
    let engine = Engine::new(Config::default(), 1);
    let ask = Ask {
        now: NOW,
        tolerate: Tolerate::Fresh,
        on_miss: OnMiss::Remember,
        early_refresh: 0.0,
        chance: 1.0,
        class: 0,
    };
    assert!(matches!(engine.lookup(b"k", ask, |_| ()), Lookup::Miss { .. }));
    invalidate(&engine, Scope::Everything, false);
    let draft = Draft { value: Some(b"v"), ..Draft::default() };
    let ordered = Origin { flush: engine.seq(), ..Origin::default() };
    assert_eq!(engine.offer(b"k", Origin::default(), &draft, NOW), Offered::Refused);
    assert_eq!(engine.offer(b"k", ordered, &draft, NOW), Offered::Written);
    assert!(is_there(&engine, "k"));
    assert!(matches!(engine.lookup(b"l", ask, |_| ()), Lookup::Miss { .. }));
    invalidate(&engine, key("l"), false);
    assert_eq!(engine.offer(b"l", ordered, &draft, NOW), Offered::Refused, "invalidated since the flush");
}
