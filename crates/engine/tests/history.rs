//! What [`Engine::why`] says is true, and of what happened lately it leaves nothing out.
//!
//! An observer looks at every key after every step and writes a complete history from what it saw: it knows nothing of how
//! the engine remembers.

#[path = "history/observer.rs"]
mod observer;

use clearwell_engine::{By, Config, Draft, Engine, Millis, Noted, Scope, State, Step, Through};
use observer::{Observer, World};
use proptest::prelude::*;

fn small(history_memory: u64) -> Config {
    Config { max_memory: 8 << 20, history_memory: Some(history_memory), ..Config::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_story_is_what_an_observer_saw(seed: u64) {
        let mut world = World::new(small(256 << 10), seed);
        for _ in 0..120 {
            world.step();
            for key in 0..observer::KEYS {
                let story = world.why(key);
                prop_assert_eq!(story.forgotten, None);
                prop_assert_eq!(observer::plain(&story.steps), world.seen.story(key), "seed {} key {}", seed, key);
            }
        }
        world.engine.check().expect("the books are right");
    }

    /// With next to no memory most is forgotten. What is still said happened, in that order.
    #[test]
    fn what_is_forgotten_is_not_claimed(seed: u64) {
        let mut world = World::new(small(1 << 10), seed);
        for _ in 0..200 {
            world.step();
            for key in 0..observer::KEYS {
                let story = world.why(key);
                let truth = world.seen.story(key);
                observer::is_true(&story, &truth).map_err(|wrong| {
                    TestCaseError::fail(format!("seed {seed} key {key}: {wrong}\nsaid {:#?}\ntrue {truth:#?}", story.steps))
                })?;
            }
        }
        world.engine.check().expect("the books are right");
    }
}

/// A fill that began before its forerunner was marked stale, by a name that the fill does not have, is marked itself: that was
/// taken for told.
#[test]
fn a_seed_that_failed() {
    let mut world = World::new(small(256 << 10), 10_925_011_286_740_307_983);
    for _ in 0..120 {
        world.step();
        for key in 0..observer::KEYS {
            assert_eq!(observer::plain(&world.why(key).steps), world.seen.story(key), "key {key}");
        }
    }
}

#[test]
fn evicted_entries_say_so_and_no_others_do() {
    let engine =
        Engine::new(Config { max_memory: 1 << 20, history_memory: Some(64 << 10), ..Config::default() }, 3);
    let value = vec![0; 4_000];
    let key = |n: u32| n.to_be_bytes();
    for n in 0..400 {
        engine.put(&key(n), &Draft { value: Some(&value), ..Draft::default() }, Millis(n.into())).unwrap();
    }
    let mut evicted = 0;
    for n in 0..400 {
        let gone = engine.peek(&key(n), Millis(400), |_| ()).is_none();
        let story = engine.why(&key(n), Millis(400));
        let last = story.steps.last().map(|step| step.state);
        assert_eq!(last, Some(if gone { State::Evicted } else { observer::CREATED }), "{n}: {story:?}");
        evicted += u32::from(gone);
    }
    assert!(evicted > 100, "{evicted}");
}

#[test]
fn the_memory_of_the_history_is_bounded_and_counted() {
    let bytes = |history_memory| {
        let engine = Engine::new(Config { history_memory: Some(history_memory), ..Config::default() }, 3);
        let mut observer = Observer::default();
        for n in 0..200_000u32 {
            engine
                .put(&n.to_be_bytes(), &Draft { value: Some(b"v"), ..Draft::default() }, Millis(1))
                .unwrap();
            observer::remove(&engine, &n.to_be_bytes(), Millis(2));
        }
        observer.forget();
        engine.check().expect("the books are right");
        engine.account().memory_bytes
    };
    let (without, with) = (bytes(0), bytes(4 << 20));
    let history = with - without;
    assert!((2 << 20..=4 << 20).contains(&history), "{history} bytes for 4 MiB");
}

#[test]
fn an_unswept_entry_names_the_invalidation_that_it_fell_to_and_not_the_last() {
    let engine = Engine::new(Config::default(), 3);
    let tags: &[&[u8]] = &[b"t"];
    let put = |key: &[u8], now| {
        engine.put(key, &Draft { value: Some(b"v"), tags, ..Draft::default() }, Millis(now)).unwrap();
    };
    let mut applied = Vec::new();
    for n in 0..5u8 {
        put(&[n], u64::from(n) * 10);
        applied.push(observer::invalidate(
            &engine,
            Scope::Tag((*b"t").into()),
            Millis(u64::from(n) * 10 + 5),
        ));
        engine.placed(applied[usize::from(n)], 100 + u64::from(n));
    }
    for n in 0..5u8 {
        let story = engine.why(&[n], Millis(60));
        let Some(Step { at, state: State::Invalidated, by: By::Invalidation(noted, Through::Tag) }) =
            story.steps.last()
        else {
            panic!("{story:?}")
        };
        let (seq, position, when) =
            (applied[usize::from(n)], 100 + u64::from(n), Millis(u64::from(n) * 10 + 5));
        assert_eq!(*at, Some(when));
        let Noted { seq: said, position: stands, scope, .. } = noted;
        assert_eq!((*said, *stands), (seq, Some(position)));
        assert_eq!(**scope, Scope::Tag((*b"t").into()));
    }
}
