use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const WINDOW: u64 = 100;

impl Outstanding {
    fn decided(&mut self, offer: &Offer) -> Decision {
        self.decide(offer)
    }
}

/// What a connection did with a key, as the server remembers it.
#[derive(Debug, Clone, Copy, Default)]
struct Past {
    miss: Option<Seq>,
    wrote: bool,
    writes: bool,
}

/// A client thread between its miss and its SET.
#[derive(Debug)]
struct Thread {
    key: usize,
    missed: Millis,
    read: Option<u64>,
}

#[derive(Debug, Default)]
struct Key {
    content: u64,
    invalidated: Seq,
    /// When a tag was invalidated that only a SET names.
    tagged: Seq,
    put: Seq,
    stored: Option<u64>,
    /// Commits that were not followed by an invalidation yet.
    uninvalidated: u64,
    /// What the source has held since the last invalidation.
    current: BTreeSet<u64>,
}

/// Cache-aside clients of one pool over a source, with all that the cache cannot see.
struct World {
    outstanding: Outstanding,
    keys: Vec<Key>,
    threads: Vec<Thread>,
    /// What each connection did with each key.
    own: Vec<Vec<Past>>,
    commits: u64,
    seq: Seq,
    now: Millis,
    accepted: u64,
}

#[derive(Debug, Clone)]
enum Step {
    Get { key: usize, connection: usize },
    Read(usize),
    Set { thread: usize, connection: usize },
    Commit { key: usize },
    Invalidate { key: usize, connection: usize, by_tag: bool },
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..3, 0usize..3).prop_map(|(key, connection)| Step::Get { key, connection }),
        4 => (0usize..6).prop_map(Step::Read),
        4 => (0usize..6, 0usize..3).prop_map(|(thread, connection)| Step::Set { thread, connection }),
        2 => (0usize..3).prop_map(|key| Step::Commit { key }),
        2 => (0usize..3, 0usize..3, any::<bool>())
            .prop_map(|(key, connection, by_tag)| Step::Invalidate { key, connection, by_tag }),
        1 => (0u64..60).prop_map(Step::Wait),
    ]
}

impl World {
    fn new(capacity: usize, connections: usize) -> World {
        World {
            outstanding: Outstanding::new(capacity, WINDOW),
            keys: (0..3).map(|_| Key { current: [0].into(), ..Key::default() }).collect(),
            threads: Vec::new(),
            own: vec![vec![Past::default(); 3]; connections],
            commits: 0,
            seq: Seq(0),
            now: Millis(0),
            accepted: 0,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Get { key, connection } if self.keys[key].stored.is_none() => {
                let reader = Reader { client: connection as u64 + 1, looks: false };
                self.outstanding.miss(reader, key as u64, self.keys[key].invalidated, self.seq, self.now);
                let past = &mut self.own[connection][key];
                (past.miss, past.wrote) = (Some(self.seq), false);
                self.threads.push(Thread { key, missed: self.now, read: None });
            }
            Step::Get { .. } => {}
            Step::Read(n) => {
                let count = self.threads.len().max(1);
                if let Some(thread) = self.threads.get_mut(n % count) {
                    thread.read.get_or_insert(self.keys[thread.key].content);
                }
            }
            Step::Set { thread, connection } => self.set(thread, connection),
            // Whoever changes the source invalidates, so that few changes are under way at a time.
            Step::Commit { key } if self.keys[key].uninvalidated < 2 => {
                self.commits += 1;
                self.keys[key].content = self.commits;
                self.keys[key].uninvalidated += 1;
                self.keys[key].current.insert(self.commits);
            }
            Step::Commit { .. } => {}
            Step::Invalidate { key, connection, by_tag } => {
                self.seq.0 += 1;
                if !by_tag {
                    self.outstanding.invalidated(key as u64, self.seq);
                    let past = &mut self.own[connection][key];
                    (past.wrote, past.writes) = (true, true);
                }
                let key = &mut self.keys[key];
                key.stored = None;
                *(if by_tag { &mut key.tagged } else { &mut key.invalidated }) = self.seq;
                key.uninvalidated = key.uninvalidated.saturating_sub(1);
                key.current = [key.content].into();
            }
            Step::Wait(ms) => {
                self.now = self.now.plus(ms);
                // What is late beyond the window is not covered.
                let now = self.now;
                self.threads.retain(|thread| now.since(thread.missed) <= WINDOW);
            }
        }
    }

    fn set(&mut self, thread: usize, connection: usize) {
        let count = self.threads.len().max(1);
        let Some(value) = self.threads.get(thread % count).and_then(|thread| thread.read) else { return };
        let thread = self.threads.swap_remove(thread % count);
        let key = &mut self.keys[thread.key];
        let past = &mut self.own[connection][thread.key];
        let before = *past;
        *past =
            Past { miss: None, wrote: true, writes: before.writes || before.miss.is_none() || before.wrote };
        let offer = Offer {
            hash: thread.key as u64,
            value,
            origin: Origin {
                miss: before.miss,
                wrote: before.wrote,
                writes: before.writes,
                client: connection as u64 + 1,
                ..Origin::default()
            },
            invalidated: key.invalidated.max(key.tagged),
            wide: key.tagged,
            put: key.put,
            stored_same: key.stored.map(|stored| stored == value),
            seq: self.seq,
            now: self.now,
        };
        match self.outstanding.decided(&offer) {
            Decision::Put => {
                self.seq.0 += 1;
                (key.put, key.stored) = (self.seq, Some(value));
            }
            Decision::Fill { began } => {
                assert!(began >= key.invalidated.max(key.tagged));
                if began >= key.put {
                    key.stored = Some(value);
                }
            }
            Decision::Same => assert_eq!(key.stored, Some(value)),
            Decision::Refuse { drop_stored: true } => key.stored = None,
            Decision::Refuse { drop_stored: false } => {}
        }
        if let Some(stored) = key.stored {
            self.accepted += 1;
            assert!(
                key.current.contains(&stored),
                "stale: {stored} is stored, the source held {:?}",
                key.current
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    /// Whatever the interleaving of cache-aside clients, nothing is stored that the source has not held since the
    /// last invalidation; also when keys with outstanding misses are forgotten.
    #[test]
    fn no_pooled_fill_is_older_than_the_last_invalidation(
        capacity in 0usize..4,
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut world = World::new(capacity, 3);
        for step in steps {
            world.take(step);
            world.outstanding.check().unwrap();
        }
    }
}

/// One event of one key, for two memories that are told of it alike.
#[derive(Debug, Clone)]
enum Event {
    Miss,
    Invalidated { own: bool },
    Put,
    Set { miss: Option<u64>, value: u64, remembers_flush: bool },
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let set = (prop::option::of(0u64..6), 0u64..3, any::<bool>());
    prop_oneof![
        3 => Just(Event::Miss),
        2 => any::<bool>().prop_map(|own| Event::Invalidated { own }),
        1 => Just(Event::Put),
        4 => set.prop_map(|(miss, value, remembers_flush)| Event::Set { miss, value, remembers_flush }),
        1 => (0u64..60).prop_map(Event::Wait),
    ]
}

proptest! {
    /// A SET on a connection that emptied the cache, and since which nothing covered the key, is a write (unless it
    /// follows that connection's miss that a put overtook); in all other cases the flush makes no difference, nor
    /// to what is counted.
    #[test]
    fn a_set_after_the_own_flush_is_a_write(
        capacity in 0usize..3,
        events in prop::collection::vec(event(), 0..100),
    ) {
        let (mut with, mut without) = (Outstanding::new(capacity, WINDOW), Outstanding::new(capacity, WINDOW));
        let (mut seq, mut invalidated, mut put, mut flush, mut now) = (Seq(0), Seq(0), Seq(0), Seq(0), Millis(0));
        for (n, event) in events.into_iter().enumerate() {
            match event {
                Event::Miss => {
                    // Others' misses push keys out.
                    for outstanding in [&mut with, &mut without] {
                        outstanding.miss(Reader::default(), n as u64 % 2, invalidated, seq, now);
                    }
                }
                Event::Invalidated { own } => {
                    seq.0 += 1;
                    invalidated = seq;
                    if own {
                        flush = seq;
                    }
                }
                Event::Put => {
                    seq.0 += 1;
                    put = seq;
                }
                Event::Wait(ms) => now = now.plus(ms),
                Event::Set { miss, value, remembers_flush } => {
                    let miss = miss.map(|ago| Seq(seq.0.saturating_sub(ago)));
                    let flush = if remembers_flush { flush } else { Seq(0) };
                    let plain = Offer {
                        origin: Origin { miss, ..Origin::default() },
                        put,
                        seq,
                        now,
                        ..offer(value, miss, invalidated.0)
                    };
                    let told = Offer { origin: Origin { miss, flush, ..Origin::default() }, ..plain };
                    let (with, without) = (with.decided(&told), without.decided(&plain));
                    let overtaken = miss.is_some_and(|began| began >= flush && began < put);
                    if flush == invalidated && flush > Seq(0) && !overtaken {
                        prop_assert_eq!(with, Decision::Put);
                    } else {
                        prop_assert_eq!(with, without);
                    }
                }
            }
            prop_assert_eq!(with.total(), without.total());
            with.check().unwrap();
        }
    }
}

fn offer(value: u64, own_miss: Option<Seq>, invalidated: u64) -> Offer {
    Offer {
        hash: 1,
        value,
        origin: Origin { miss: own_miss, ..Origin::default() },
        invalidated: Seq(invalidated),
        wide: Seq(0),
        put: Seq(0),
        stored_same: None,
        seq: Seq(invalidated),
        now: Millis(10),
    }
}

#[test]
fn a_set_without_a_miss_is_a_write() {
    let mut outstanding = Outstanding::new(8, WINDOW);
    assert_eq!(outstanding.decided(&offer(7, None, 3)), Decision::Put);
}

#[test]
fn the_only_late_fill_is_refused_and_the_next_accepted() {
    let mut outstanding = Outstanding::new(8, WINDOW);
    outstanding.miss(Reader::default(), 1, Seq(0), Seq(0), Millis(0));
    assert_eq!(outstanding.decided(&offer(7, None, 1)), Decision::Refuse { drop_stored: false });
    outstanding.miss(Reader::default(), 1, Seq(1), Seq(1), Millis(9));
    assert_eq!(outstanding.decided(&offer(8, Some(Seq(1)), 1)), Decision::Fill { began: Seq(1) });
    assert_eq!(outstanding.total(), 0);
}

/// A reader misses, a writer invalidates and writes by a plain SET, another reader misses: then the first reader's fill.
#[test]
fn an_own_miss_is_refused_although_a_write_resolved_it_by_the_count() {
    let mut outstanding = Outstanding::new(8, WINDOW);
    outstanding.miss(Reader::default(), 1, Seq(0), Seq(0), Millis(0));
    assert_eq!(outstanding.decided(&offer(8, None, 1)), Decision::Refuse { drop_stored: false });
    outstanding.miss(Reader::default(), 1, Seq(1), Seq(1), Millis(9));
    assert_eq!(outstanding.decided(&offer(7, Some(Seq(0)), 1)), Decision::Refuse { drop_stored: false });
}

#[test]
fn after_a_clear_a_set_is_a_write() {
    let mut outstanding = Outstanding::new(8, WINDOW);
    outstanding.miss(Reader::default(), 1, Seq(0), Seq(0), Millis(0));
    outstanding.clear();
    assert_eq!(outstanding.decided(&offer(7, None, 1)), Decision::Put);
    outstanding.check().expect("the books are right");
}

#[test]
fn one_more_set_of_a_value_than_could_be_old_proves_it() {
    let mut outstanding = Outstanding::new(8, WINDOW);
    for _ in 0..2 {
        outstanding.miss(Reader::default(), 1, Seq(0), Seq(0), Millis(0));
    }
    for _ in 0..3 {
        outstanding.miss(Reader::default(), 1, Seq(1), Seq(1), Millis(5));
    }
    assert_eq!(outstanding.decided(&offer(7, None, 1)), Decision::Refuse { drop_stored: false });
    assert_eq!(outstanding.decided(&offer(7, None, 1)), Decision::Refuse { drop_stored: false });
    assert_eq!(outstanding.decided(&offer(7, None, 1)), Decision::Fill { began: Seq(1) });
}

/// A tag that the SET brings was invalidated before the miss: no doubt comes from learning that now.
#[test]
fn an_invalidation_before_the_miss_is_no_reason_to_doubt_its_fill() {
    let mut outstanding = Outstanding::new(8, WINDOW);
    for own_miss in [None, Some(Seq(5))] {
        outstanding.miss(Reader::default(), 1, Seq(0), Seq(5), Millis(0));
        let offered = outstanding.decided(&Offer { seq: Seq(5), ..offer(7, own_miss, 3) });
        assert!(!matches!(offered, Decision::Refuse { .. }), "{offered:?}");
    }
    outstanding.miss(Reader::default(), 1, Seq(0), Seq(2), Millis(0));
    assert_eq!(outstanding.decided(&offer(7, None, 3)), Decision::Refuse { drop_stored: false });
}

#[test]
fn the_window_ends_all_doubt() {
    let mut outstanding = Outstanding::new(8, WINDOW);
    outstanding.miss(Reader::default(), 1, Seq(0), Seq(0), Millis(0));
    outstanding.miss(Reader::default(), 1, Seq(1), Seq(1), Millis(1));
    let late = Offer { now: Millis(2 * WINDOW), ..offer(7, None, 1) };
    assert_eq!(outstanding.decided(&late), Decision::Put);
}

#[test]
fn a_window_of_nothing_remembers_nothing() {
    let mut outstanding = Outstanding::new(8, 0);
    outstanding.miss(Reader::default(), 1, Seq(0), Seq(0), Millis(10));
    assert_eq!(outstanding.decided(&offer(7, None, 1)), Decision::Put);
}

#[test]
fn an_own_miss_from_before_the_invalidation_is_refused_however_late() {
    let mut outstanding = Outstanding::new(8, WINDOW);
    outstanding.miss(Reader::default(), 1, Seq(0), Seq(0), Millis(0));
    let late = Offer { now: Millis(50 * WINDOW), ..offer(7, Some(Seq(0)), 1) };
    assert_eq!(outstanding.decided(&late), Decision::Refuse { drop_stored: false });
}

#[test]
fn memory_stays_bounded_under_misses_that_nobody_resolves() {
    let mut outstanding = Outstanding::new(100, WINDOW);
    for n in 0..100_000 {
        outstanding.miss(Reader::default(), n, Seq(0), Seq(0), Millis(n / 1000));
    }
    outstanding.check().unwrap();
    assert!(outstanding.memory_bytes() < 100_000, "{}", outstanding.memory_bytes());
}

#[test]
fn a_set_of_a_forgotten_miss_does_not_resolve_a_remembered_one() {
    let mut outstanding = Outstanding::new(1, WINDOW);
    outstanding.miss(Reader::default(), 1, Seq(0), Seq(0), Millis(0));
    outstanding.miss(Reader::default(), 2, Seq(0), Seq(0), Millis(1));
    outstanding.miss(Reader::default(), 1, Seq(0), Seq(0), Millis(90));
    let at = |value, ms, invalidated| Offer { now: Millis(ms), ..offer(value, None, invalidated) };
    assert_eq!(outstanding.decided(&at(7, 95, 0)), Decision::Put, "the first miss's");
    assert_eq!(outstanding.decided(&at(7, 160, 1)), Decision::Refuse { drop_stored: false }, "the second's");
}

#[test]
fn keys_with_forgotten_misses_are_in_doubt_if_invalidated_since() {
    let mut outstanding = Outstanding::new(1, WINDOW);
    outstanding.miss(Reader::default(), 1, Seq(0), Seq(0), Millis(0));
    outstanding.miss(Reader::default(), 2, Seq(0), Seq(0), Millis(1));
    assert_eq!(outstanding.decided(&offer(7, None, 1)), Decision::Refuse { drop_stored: false });
    assert_eq!(outstanding.decided(&offer(7, None, 0)), Decision::Put);
}

/// A hot key, invalidated now and then, must not be kept out of the cache by doubt: a few readers' fills may be dropped (by
/// old misses that their connections remember), not many.
#[test]
fn doubt_is_short_on_a_hot_key() {
    let mut world = World::new(8, 3);
    let mut fills = 0;
    for round in 0..1000 {
        for connection in 0..3 {
            world.take(Step::Get { key: 0, connection });
        }
        world.take(Step::Read(0));
        world.take(Step::Commit { key: 0 });
        world.take(Step::Invalidate { key: 0, connection: 0, by_tag: false });
        (0..3).for_each(|thread| world.take(Step::Read(thread)));
        (0..3).for_each(|_| world.take(Step::Set { thread: 0, connection: round as usize % 3 }));
        for attempt in 0.. {
            assert!(attempt < 4, "round {round}: the readers' fills are all dropped");
            world.take(Step::Get { key: 0, connection: attempt % 3 });
            world.take(Step::Read(0));
            world.take(Step::Set { thread: 0, connection: (attempt + 1) % 3 });
            fills += 1;
            if world.keys[0].stored == Some(round + 1) {
                break;
            }
        }
        world.take(Step::Wait(1));
        world.take(Step::Invalidate { key: 0, connection: 0, by_tag: false });
    }
    assert!(fills < 2_500, "{fills} fills for 1000 rounds");
}

#[path = "outstanding_writers_tests.rs"]
mod writers;

#[path = "outstanding_herd_tests.rs"]
mod herds;
