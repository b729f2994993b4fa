use proptest::prelude::*;

use super::*;
use crate::freshness::{Verdict, may_store, verdict};
use crate::marks::KeyMarks;
use crate::names::{Held, enter_all, last_of, leave_all};

/// A store of entries without values, run as the engine is to run one.
struct Store {
    names: NameTable,
    counter: Counter,
    entries: BTreeMap<Vec<u8>, (Held, Seq)>,
    keys: KeyMarks,
}

/// Test keys are so short that they are their own hash.
fn hash(key: &[u8]) -> u64 {
    key.iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

impl Store {
    fn new(remembered: usize) -> Store {
        Store {
            names: NameTable::new(remembered, 0, 1),
            counter: Counter::default(),
            entries: BTreeMap::new(),
            keys: KeyMarks::new(remembered / 64),
        }
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some((held, began)) = self.entries.remove(key) {
            // Who was made from it may still be on the way.
            let last = last_of(&held);
            if verdict(began, last) != Verdict::Fresh {
                self.keys.raise(hash(key), last);
            }
            leave_all(&held, began);
            self.names.release(held);
        }
    }

    fn fill(
        &mut self,
        key: &[u8],
        began: Seq,
        tags: &[&[u8]],
        dependencies: &[&[u8]],
    ) -> Result<bool, TooLarge> {
        let held = self.names.join_all(tags, dependencies, &[]);
        let mut old = false;
        for name in dependencies {
            let mut last = self.keys.last(hash(name));
            if let Some((stored, _)) = self.entries.get(*name) {
                self.names.link(name, stored, &self.counter);
                last = last.and(last_of(stored));
            }
            old |= !may_store(began, last);
        }
        if let Err(unfit) = self.names.check_chain(key, dependencies, 64) {
            self.names.release(held);
            return Err(unfit);
        }
        self.names.link(key, &held, &self.counter);
        if old || !enter_all(&held, began) {
            self.names.release(held);
            return Ok(false);
        }
        self.remove(key);
        self.entries.insert(key.into(), (held, began));
        Ok(true)
    }

    fn invalidate(&mut self, start: &[(NameKind, &[u8])], effect: Effect) -> u64 {
        let seq = self.counter.next();
        self.names.cascade(start, seq, effect, &self.counter)
    }

    fn verdict(&self, key: &[u8]) -> Verdict {
        let (held, began) = &self.entries[key];
        verdict(*began, last_of(held))
    }

    fn check(&self) {
        let entries = self.entries.values().map(|(held, began)| (&held[..], *began));
        self.names.check(entries).unwrap();
    }
}

#[test]
fn a_cascade_reaches_dependents_of_dependents_and_nothing_else() {
    let mut store = Store::new(640);
    for (key, tags, dependencies) in
        [("user", "author", ""), ("post", "", "user"), ("page", "", "post"), ("other", "", "elsewhere")]
    {
        let names = |name: &'static str| if name.is_empty() { vec![] } else { vec![name.as_bytes()] };
        assert_eq!(store.fill(key.as_bytes(), Seq(0), &names(tags), &names(dependencies)), Ok(true));
    }
    let reached =
        store.invalidate(&[(NameKind::Tag, b"author"), (NameKind::Dependency, b"author")], Effect::Gone);
    assert_eq!(reached, 3);
    assert_eq!(store.verdict(b"page"), Verdict::Gone);
    assert_eq!(store.verdict(b"other"), Verdict::Fresh);
    assert_eq!(store.fill(b"page", Seq(0), &[], &[b"post"]), Ok(false), "its load began before");
    assert_eq!(store.fill(b"page", Seq(1), &[], &[b"post"]), Ok(true));
    store.check();
}

#[test]
fn a_circle_is_refused_with_its_way() {
    let mut store = Store::new(640);
    assert_eq!(store.fill(b"a", Seq(0), &[], &[b"b"]), Ok(true));
    assert_eq!(store.fill(b"b", Seq(0), &[], &[b"c"]), Ok(true));
    let way = [b"c", b"a", b"b", b"c"].map(|name| Box::from(&name[..]));
    assert_eq!(store.fill(b"c", Seq(0), &[], &[b"a"]), Err(TooLarge::Cycle(way.into())));
    let own = [b"x", b"x"].map(|name| Box::from(&name[..]));
    assert_eq!(store.fill(b"x", Seq(0), &[], &[b"x"]), Err(TooLarge::Cycle(own.into())));
    store.check();
}

#[test]
fn a_chain_of_ten_thousand_is_refused_at_the_limit_from_both_ends() {
    for upward in [true, false] {
        let mut store = Store::new(640);
        let refused = (0..10_000u32).find(|n| {
            let (key, below) = if upward { (n + 1, *n) } else { (20_000 - n, 19_999 - n) };
            let (key, below) = (key.to_be_bytes(), below.to_be_bytes());
            store.fill(&key, Seq(0), &[], &[&below]) == Err(TooLarge::Depth(64))
        });
        assert_eq!(refused, Some(64), "upward: {upward}");
        store.check();
    }
}

#[test]
fn too_deep_a_cascade_takes_all_that_depends_on_anything() {
    let mut store = Store::new(640);
    // Two fills at once may each see no circle and no depth; here the check is left out.
    for n in 0..200u8 {
        let held = store.names.join_all(&[], &[&[n]], &[]);
        if let Some((stored, _)) = store.entries.get(&[n][..]) {
            store.names.link(&[n], stored, &store.counter);
        }
        assert!(enter_all(&held, Seq(0)));
        store.entries.insert(vec![n + 1], (held, Seq(0)));
    }
    store.invalidate(&[(NameKind::Dependency, &[0])], Effect::Gone);
    assert!((1..=200u8).all(|n| store.verdict(&[n]) == Verdict::Gone));
    store.check();
}

#[test]
fn an_entry_with_tag_and_dependency_of_one_name_counts_once() {
    let mut store = Store::new(640);
    for (key, tags, dependencies) in [
        (b"a", &[b"t" as &[u8]][..], &[b"t" as &[u8]][..]),
        (b"b", &[b"t"], &[]),
        (b"c", &[], &[b"t"]),
        (b"d", &[b"u"], &[b"t", b"u"]),
    ] {
        assert_eq!(store.fill(key, Seq(0), tags, dependencies), Ok(true));
    }
    let both = |name: &'static [u8]| [(NameKind::Tag, name), (NameKind::Dependency, name)];
    assert_eq!(store.invalidate(&both(b"u"), Effect::Stale), 1);
    assert_eq!(store.invalidate(&both(b"t"), Effect::Stale), 4);
    assert_eq!(store.invalidate(&both(b"t"), Effect::Gone), 4);
    assert_eq!(store.invalidate(&both(b"t"), Effect::Gone), 0);
    store.check();
}

/// What lies between is gone, and so is what lies above that; a cascade from there still reaches what stands below.
#[test]
fn a_cascade_goes_through_any_number_of_entries_that_left() {
    let mut store = Store::new(640);
    assert_eq!(store.fill(b"a", Seq(0), &[b"t"], &[]), Ok(true));
    for (above, key) in [(b"a", b"b"), (b"b", b"c"), (b"c", b"d")] {
        assert_eq!(store.fill(key, Seq(0), &[], &[above]), Ok(true));
    }
    for key in [b"a", b"c", b"b"] {
        store.remove(key);
        store.check();
    }
    assert_eq!(store.fill(b"a", Seq(0), &[b"u"], &[]), Ok(true), "another tag, learned for who stands below");
    store.remove(b"a");
    assert_eq!(store.invalidate(&[(NameKind::Tag, b"u"), (NameKind::Dependency, b"u")], Effect::Stale), 1);
    assert_eq!(store.verdict(b"d"), Verdict::Stale);
    assert_eq!(store.invalidate(&[(NameKind::Tag, b"t"), (NameKind::Dependency, b"t")], Effect::Gone), 1);
    assert_eq!(store.verdict(b"d"), Verdict::Gone);
    store.remove(b"d");
    store.check();
    assert_eq!((store.names.graph.lock().memory_bytes(), store.names.books()), (0, (0, 0)));
}

/// Two fills at once may close a circle; when nobody depends on it any more it goes as a whole.
#[test]
fn a_circle_is_given_back_with_its_last_dependent() {
    let mut store = Store::new(640);
    let join = |store: &Store, name: &[u8]| store.names.join_all(&[], &[name], &[]);
    let (a, b) = (join(&store, b"b"), join(&store, b"a"));
    store.names.link(b"a", &a, &store.counter);
    store.names.link(b"b", &b, &store.counter);
    assert_eq!(store.fill(b"c", Seq(0), &[], &[b"b"]), Ok(true));
    store.names.release(a);
    store.names.release(b);
    assert_eq!(store.names.graph.lock().nodes().count(), 2, "c still depends on both");
    store.check();
    store.remove(b"c");
    store.check();
    assert_eq!((store.names.graph.lock().memory_bytes(), store.names.books()), (0, (0, 0)));
}

/// A put says anew what its key lives by, so what it does not name any more may be made from it.
#[test]
fn a_put_replaces_the_edges_of_earlier_values() {
    let mut store = Store::new(640);
    assert_eq!(store.fill(b"x", Seq(0), &[], &[b"y"]), Ok(true));
    assert_eq!(store.fill(b"z", Seq(0), &[], &[b"x"]), Ok(true));
    let way = [b"y", b"x", b"y"].map(|name| Box::from(&name[..]));
    assert_eq!(store.fill(b"y", Seq(0), &[], &[b"x"]), Err(TooLarge::Cycle(way.into())));
    store.remove(b"x");
    store.names.relink(b"x", &[]);
    store.check();
    assert_eq!(store.fill(b"y", Seq(0), &[], &[b"x"]), Ok(true));
    store.check();
}

#[test]
fn too_many_edges_invalidate_dependents_before_edges_go() {
    let mut store = Store::new(640);
    assert_eq!(store.fill(b"dependent", Seq(0), &[], &[b"x"]), Ok(true));
    for n in 0..=64u8 {
        assert_eq!(store.verdict(b"dependent"), Verdict::Fresh);
        let began = store.counter.now();
        assert_eq!(store.fill(b"x", began, &[&[n]], &[]), Ok(true));
    }
    assert_eq!(store.verdict(b"dependent"), Verdict::Gone);
    store.check();
}

/// Threads fill, read and remove entries of few names while others invalidate them. A value is the count of commits
/// that its load saw; each commit is followed by an invalidation, and who comes after that must not be served less.
#[test]
fn no_thread_is_served_what_was_invalidated_before_it_asked() {
    use std::sync::atomic::{AtomicU64, Ordering};

    let names = NameTable::new(64, 0, 1);
    let counter = Counter::default();
    let commits: [AtomicU64; 3] = Default::default();
    let applied: [AtomicU64; 3] = Default::default();
    let slots: [parking_lot::Mutex<Option<(Held, Seq, u64)>>; 6] = Default::default();
    let forget = |slot: &mut Option<(Held, Seq, u64)>| {
        if let Some((held, began, _)) = slot.take() {
            leave_all(&held, began);
            names.release(held);
        }
    };
    let read_and_fill = |seed: u64| {
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..20_000 {
            let n = random.usize(..slots.len());
            let tag = n % commits.len();
            let least = applied[tag].load(Ordering::Acquire);
            let mut slot = slots[n].lock();
            let served = slot
                .as_ref()
                .filter(|(held, began, _)| verdict(*began, last_of(held)) == Verdict::Fresh)
                .map(|(_, _, value)| *value);
            assert!(served.is_none_or(|value| value >= least), "served {served:?}, {least} was applied");
            if served.is_some() && random.u8(..) > 20 {
                continue;
            }
            forget(&mut slot);
            drop(slot);
            let began = counter.now();
            let value = commits[tag].load(Ordering::Acquire);
            if random.bool() {
                std::thread::yield_now();
            }
            let held = names.join_all(&[&[tag as u8]], &[], &[]);
            let mut slot = slots[n].lock();
            if enter_all(&held, began) {
                forget(&mut slot);
                *slot = Some((held, began, value));
            } else {
                names.release(held);
            }
        }
    };
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let read_and_fill = &read_and_fill;
            scope.spawn(move || read_and_fill(seed));
        }
        let (commits, applied, names, counter) = (&commits, &applied, &names, &counter);
        scope.spawn(move || {
            let mut random = fastrand::Rng::with_seed(9);
            for _ in 0..20_000 {
                let tag = random.usize(..commits.len());
                let commit = commits[tag].fetch_add(1, Ordering::AcqRel) + 1;
                let seq = counter.next();
                names.cascade(&[(NameKind::Tag, &[tag as u8])], seq, Effect::Gone, counter);
                applied[tag].store(commit, Ordering::Release);
            }
        });
    });
    let entries: Vec<_> = slots.iter().map(|slot| slot.lock()).collect();
    let entries = entries.iter().filter_map(|slot| slot.as_ref());
    names.check(entries.map(|(held, began, _)| (&held[..], *began))).unwrap();
}

#[derive(Debug, Clone)]
enum Step {
    Fill { key: u8, lag: u64, tag: Option<u8>, dependencies: Vec<u8> },
    Remove(u8),
    Invalidate { tag: bool, name: u8, stale: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let fill = (0u8..6, 0u64..3, prop::option::of(10u8..13), prop::collection::vec(0u8..6, 0..3));
    prop_oneof![
        4 => fill.prop_map(|(key, lag, tag, dependencies)| Step::Fill { key, lag, tag, dependencies }),
        1 => (0u8..6).prop_map(Step::Remove),
        2 => (any::<bool>(), 0u8..6, any::<bool>())
            .prop_map(|(tag, name, stale)| Step::Invalidate { tag, name, stale }),
    ]
}

/// What a stored entry was declared with, and the worst that has happened to it.
type Naive = BTreeMap<u8, (Option<u8>, Vec<u8>, Verdict)>;

fn mark_naively(naive: &mut Naive, died: &mut Vec<u8>, key: Option<u8>, tag: Option<u8>, effect: Verdict) {
    let covered: Vec<u8> = naive
        .iter()
        .filter(|(_, (its_tag, dependencies, known))| {
            let dependent = key.is_some_and(|key| dependencies.contains(&key));
            (dependent || tag.is_some_and(|tag| *its_tag == Some(tag) || dependencies.contains(&tag)))
                && *known < effect
        })
        .map(|(key, _)| *key)
        .collect();
    for key in covered {
        let entry = naive.get_mut(&key).expect("found above");
        entry.2 = effect;
        died.push(key);
        mark_naively(naive, died, Some(key), None, effect);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    /// Entries whose dependencies are invalidated, over any number of steps, are never served as fresh; nothing
    /// forgets; the books agree with a recount after each step; and all memory is given back.
    #[test]
    fn what_depends_on_the_invalidated_is_never_fresh(
        remembered in prop_oneof![Just(0usize), Just(64), Just(640)],
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut store = Store::new(remembered);
        let mut naive = Naive::new();
        // When each name was invalidated last, or the entry of that key by a cascade; never forgotten.
        let mut last: BTreeMap<(NameKind, u8), Seq> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Fill { key, lag, tag, dependencies } => {
                    let began = Seq(store.counter.now().0.saturating_sub(lag));
                    let tags: Vec<[u8; 1]> = tag.into_iter().map(|tag| [tag]).collect();
                    let tags: Vec<&[u8]> = tags.iter().map(|tag| &tag[..]).collect();
                    let names: Vec<[u8; 1]> = dependencies.iter().map(|name| [*name]).collect();
                    let names: Vec<&[u8]> = names.iter().map(|name| &name[..]).collect();
                    if store.fill(&[key], began, &tags, &names) == Ok(true) {
                        let declared = tag.iter().map(|tag| (NameKind::Tag, *tag));
                        let declared = declared.chain(dependencies.iter().map(|name| (NameKind::Dependency, *name)));
                        for name in declared {
                            prop_assert!(last.get(&name).is_none_or(|seq| *seq <= began), "late fill by {name:?}");
                        }
                        naive.insert(key, (tag, dependencies, Verdict::Fresh));
                    }
                }
                Step::Remove(key) => {
                    store.remove(&[key]);
                    naive.remove(&key);
                }
                Step::Invalidate { tag, name, stale } => {
                    let mut died = Vec::new();
                    let (effect, naive_effect) =
                        if stale { (Effect::Stale, Verdict::Stale) } else { (Effect::Gone, Verdict::Gone) };
                    if tag {
                        let tag = [name % 3 + 10];
                        store.invalidate(&[(NameKind::Tag, &tag), (NameKind::Dependency, &tag)], effect);
                        last.insert((NameKind::Tag, tag[0]), store.counter.now());
                        last.insert((NameKind::Dependency, tag[0]), store.counter.now());
                        mark_naively(&mut naive, &mut died, None, Some(tag[0]), naive_effect);
                    } else {
                        store.invalidate(&[(NameKind::Dependency, &[name])], effect);
                        last.insert((NameKind::Dependency, name), store.counter.now());
                        mark_naively(&mut naive, &mut died, Some(name), None, naive_effect);
                    }
                    let now = store.counter.now();
                    last.extend(died.into_iter().map(|key| ((NameKind::Dependency, key), now)));
                }
            }
            store.check();
            for (key, (_, _, expected)) in &naive {
                prop_assert!(store.verdict(&[*key]) >= *expected, "key {key}");
            }
        }
        let keys: Vec<Vec<u8>> = store.entries.keys().cloned().collect();
        keys.iter().for_each(|key| store.remove(key));
        store.check();
        prop_assert_eq!(store.names.graph.lock().memory_bytes(), 0);
        prop_assert_eq!(store.names.books(), (0, 0));
    }
}
