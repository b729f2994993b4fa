//! Names that entries live by: tags, dependencies, events; each with its mark.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use hashbrown::HashTable;
use parking_lot::Mutex;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

use crate::counter::Counter;
use crate::freshness::Last;
use crate::graph::Graph;
pub(crate) use crate::mark::{Mark, MarkReach, NameKind, enter_all, is_tagged, last_of, leave_all};
use crate::marks::KeyMarks;
use crate::raises::{Raised, Raises};
use crate::{Effect, Event, EventPattern, Seq};

const STRIPES: usize = 64;
const FILTER: usize = 4096;

/// All names in use, the memory of those that are not any more, and the graph by which invalidations cascade.
///
/// Locks are taken in this order: an engine's shard, the graph, a stripe of names, a mark. No method calls back
/// into the engine but through the closures it is given.
#[derive(Debug)]
pub(crate) struct NameTable {
    secrets: RapidSecrets,
    stripes: Box<[Mutex<Stripe>]>,
    /// Names in use, by kind.
    counts: [AtomicU64; NameKind::COUNT],
    /// Bytes of the marks in use.
    mark_bytes: AtomicUsize,
    /// Dependencies in use whose hash falls on each place: 0 says without a lock that a key has no dependents.
    depended_on: Box<[AtomicU32]>,
    pub(crate) graph: Mutex<Graph>,
}

#[derive(Debug)]
struct Stripe {
    live: HashTable<Live>,
    /// Names that were invalidated and are in no use.
    forgotten: KeyMarks,
    /// When names were invalidated that entries lived by.
    raises: Raises,
}

#[derive(Debug)]
struct Live {
    mark: Arc<Mark>,
    /// How often it was joined and not released.
    holders: u64,
    /// Whether it is a dependency or an event that leads to a node of the graph, which holds it too: a dependency for what
    /// leads to it, an event because it is looked for among the names in use.
    linked: bool,
}

/// What an entry names, joined: one mark each, none twice.
pub(crate) type Held = Box<[Arc<Mark>]>;

impl NameTable {
    /// No names; remembers at most about `remembered` that were invalidated and are in no use, and in so many bytes when
    /// those in use were.
    pub(crate) fn new(remembered: usize, history_bytes: u64, seed: u64) -> NameTable {
        let stripe = || Stripe {
            live: HashTable::new(),
            forgotten: KeyMarks::new(remembered / STRIPES),
            raises: Raises::new(history_bytes / STRIPES as u64),
        };
        NameTable {
            secrets: RapidSecrets::seed(seed),
            stripes: (0..STRIPES).map(|_| Mutex::new(stripe())).collect(),
            counts: Default::default(),
            mark_bytes: AtomicUsize::new(0),
            depended_on: (0..FILTER).map(|_| AtomicU32::new(0)).collect(),
            graph: Mutex::default(),
        }
    }

    /// The mark of a name, from now on in use by the caller, who gives it back by [`NameTable::release`].
    pub(crate) fn join(&self, kind: NameKind, name: &[u8]) -> Arc<Mark> {
        let hash = self.hash(kind, name);
        let mut stripe = self.stripe(hash).lock();
        if let Some(live) = stripe.find(hash, kind, name) {
            live.holders += 1;
            return Arc::clone(&live.mark);
        }
        let mark = Arc::new(Mark::new(kind, hash, name, stripe.forgotten.take(hash)));
        let live = Live { mark: Arc::clone(&mark), holders: 1, linked: false };
        stripe.live.insert_unique(hash, live, |live| live.mark.hash());
        self.counts[kind as usize].fetch_add(1, Ordering::Relaxed);
        self.mark_bytes.fetch_add(mark.memory_bytes(), Ordering::Relaxed);
        if kind == NameKind::Dependency {
            self.depended_on[place(hash)].fetch_add(1, Ordering::Release);
        }
        mark
    }

    /// Joins all that a draft names (with dependencies: [`NameKind::AnyDependency`] too), each once.
    pub(crate) fn join_all(&self, tags: &[&[u8]], dependencies: &[&[u8]], events: &[EventPattern]) -> Held {
        let events: Vec<String> = events.iter().map(EventPattern::to_string).collect();
        let mut wanted: Vec<(NameKind, &[u8])> = tags.iter().map(|tag| (NameKind::Tag, *tag)).collect();
        wanted.extend(dependencies.iter().map(|name| (NameKind::Dependency, *name)));
        wanted.extend(events.iter().map(|event| (NameKind::Event, event.as_bytes())));
        if !dependencies.is_empty() {
            wanted.push((NameKind::AnyDependency, b""));
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted.into_iter().map(|(kind, name)| self.join(kind, name)).collect()
    }

    /// Gives back marks that were joined (after [`leave_all`], if the entry had entered).
    pub(crate) fn release(&self, held: Held) {
        for mark in held {
            if self.release_one(&mark) && mark.kind() == NameKind::Dependency {
                self.prune(&mut self.graph.lock(), vec![mark.name().into()]);
            }
        }
    }

    /// Whether some entry depends on `name`, itself or through nodes of the graph. Takes no lock when none does, as a
    /// rule.
    pub(crate) fn is_live(&self, name: &[u8]) -> bool {
        let hash = self.hash(NameKind::Dependency, name);
        self.depended_on[place(hash)].load(Ordering::Acquire) > 0
            && self.stripe(hash).lock().find(hash, NameKind::Dependency, name).is_some()
    }

    /// Whether some entry names `name` as its dependency.
    pub(crate) fn is_held(&self, name: &[u8]) -> bool {
        let hash = self.hash(NameKind::Dependency, name);
        let mut stripe = self.stripe(hash).lock();
        stripe.find(hash, NameKind::Dependency, name).is_some_and(|live| live.holders > 0)
    }

    /// Tells a mark whether the graph holds it. Called with the graph's lock after its edges changed; who adds an edge
    /// holds the mark.
    pub(crate) fn note_linked(&self, graph: &Graph, kind: NameKind, name: &[u8]) {
        if !kind.is_held_by_graph() {
            return;
        }
        let hash = self.hash(kind, name);
        let mut stripe = self.stripe(hash).lock();
        let Some(live) = stripe.find(hash, kind, name) else { return };
        live.linked = graph.leads(kind, name);
        let mark = Arc::clone(&live.mark);
        self.forget_unused(&mut stripe, &mark);
    }

    /// Invalidates a name; returns how many entries that reached. `None`: it is in no use. Then nothing follows from it along the graph
    /// either, if the graph would hold it: whoever comes to use it finds that it was invalidated.
    pub(crate) fn raise(
        &self,
        kind: NameKind,
        name: &[u8],
        seq: Seq,
        effect: Effect,
        counter: &Counter,
    ) -> Option<MarkReach> {
        let hash = self.hash(kind, name);
        let mut stripe = self.stripe(hash).lock();
        match stripe.find(hash, kind, name) {
            Some(live) => {
                let mark = Arc::clone(&live.mark);
                let reached = mark.raise(seq, effect, counter);
                if reached.entries > 0 {
                    stripe.raises.push(hash, mark.last().of(effect), seq, effect);
                }
                Some(reached)
            }
            None => {
                stripe.forgotten.raise(hash, Last::at(seq, effect));
                None
            }
        }
    }

    /// The first invalidation of a mark in use after `began` that reached anybody.
    pub(crate) fn first_raise(&self, mark: &Mark, began: Seq, effect: Effect) -> Raised {
        self.stripe(mark.hash()).lock().raises.first_after(mark.hash(), began, effect)
    }

    /// The names in use of a kind that `wanted` says yes to.
    pub(crate) fn live(&self, kind: NameKind, mut wanted: impl FnMut(&[u8]) -> bool) -> Vec<Arc<Mark>> {
        let mut found = Vec::new();
        if self.count(kind) == 0 {
            return found;
        }
        for stripe in &self.stripes {
            let stripe = stripe.lock();
            let marks = stripe.live.iter().map(|live| &live.mark);
            found.extend(marks.filter(|mark| mark.kind() == kind && wanted(mark.name())).cloned());
        }
        found
    }

    /// The event patterns in use that match `event`.
    pub(crate) fn live_events(&self, event: &Event) -> Vec<Arc<Mark>> {
        let pattern =
            |name: &[u8]| std::str::from_utf8(name).ok().and_then(|text| EventPattern::parse(text).ok());
        self.live(NameKind::Event, |name| pattern(name).is_some_and(|pattern| pattern.matches(event)))
    }

    /// How many names of a kind are in use.
    pub(crate) fn count(&self, kind: NameKind) -> u64 {
        self.counts[kind as usize].load(Ordering::Relaxed)
    }

    /// Bytes taken by names, marks, the forgotten and the graph.
    pub(crate) fn memory_bytes(&self) -> usize {
        let of_stripe = |stripe: &Mutex<Stripe>| {
            let stripe = stripe.lock();
            size_of::<Mutex<Stripe>>()
                + stripe.live.allocation_size()
                + stripe.forgotten.memory_bytes()
                + stripe.raises.memory_bytes()
        };
        let stripes: usize = self.stripes.iter().map(of_stripe).sum();
        let filter = FILTER * size_of::<AtomicU32>();
        stripes + filter + self.mark_bytes.load(Ordering::Relaxed) + self.graph.lock().memory_bytes()
    }

    /// Recounts, given every entry's marks and `began`; says what differs.
    pub(crate) fn check<'e>(
        &self,
        entries: impl Iterator<Item = (&'e [Arc<Mark>], Seq)>,
    ) -> Result<(), String> {
        crate::recount::check(self, entries)
    }

    /// Calls `see` with each mark in use, how often it was joined, and whether the graph holds it; then checks each
    /// stripe's memory of the others.
    pub(crate) fn each(&self, mut see: impl FnMut(&Arc<Mark>, u64, bool)) -> Result<(), String> {
        for stripe in &self.stripes {
            let stripe = stripe.lock();
            stripe.live.iter().for_each(|live| see(&live.mark, live.holders, live.linked));
            stripe.forgotten.check()?;
        }
        Ok(())
    }

    /// The bytes of marks and the dependencies in use, by the books; for the recount.
    pub(crate) fn books(&self) -> (usize, u64) {
        let filter = self.depended_on.iter().map(|count| u64::from(count.load(Ordering::Relaxed))).sum();
        (self.mark_bytes.load(Ordering::Relaxed), filter)
    }

    /// Whether that was the last entry that held it.
    fn release_one(&self, mark: &Mark) -> bool {
        let mut stripe = self.stripe(mark.hash()).lock();
        let is_it = |live: &Live| std::ptr::eq(&*live.mark, mark);
        let Some(found) = stripe.live.find_mut(mark.hash(), is_it) else {
            debug_assert!(false, "released a mark that was not joined");
            return false;
        };
        found.holders -= 1;
        let last = found.holders == 0;
        if last {
            self.forget_unused(&mut stripe, mark);
        }
        last
    }

    /// Gives a mark's memory over to that of forgotten names, unless an entry or the graph holds it.
    fn forget_unused(&self, stripe: &mut Stripe, mark: &Mark) {
        let (hash, kind) = (mark.hash(), mark.kind());
        let unused = |live: &Live| std::ptr::eq(&*live.mark, mark) && live.holders == 0 && !live.linked;
        let Ok(found) = stripe.live.find_entry(hash, unused) else { return };
        found.remove();
        stripe.forgotten.raise(hash, mark.last());
        self.counts[kind as usize].fetch_sub(1, Ordering::Relaxed);
        self.mark_bytes.fetch_sub(mark.memory_bytes(), Ordering::Relaxed);
        if kind == NameKind::Dependency {
            self.depended_on[place(hash)].fetch_sub(1, Ordering::Release);
        }
    }

    fn hash(&self, kind: NameKind, name: &[u8]) -> u64 {
        // The odd constant (2^64 / golden ratio) keeps the kinds of one name apart.
        rapidhash_v3_seeded(name, &self.secrets) ^ (kind as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    fn stripe(&self, hash: u64) -> &Mutex<Stripe> {
        &self.stripes[(hash >> 32) as usize % STRIPES]
    }
}

impl Stripe {
    fn find(&mut self, hash: u64, kind: NameKind, name: &[u8]) -> Option<&mut Live> {
        self.live.find_mut(hash, |live| live.mark.kind() == kind && live.mark.name() == name)
    }
}

fn place(hash: u64) -> usize {
    hash as usize % FILTER
}
