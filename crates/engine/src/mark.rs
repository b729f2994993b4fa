//! The mark of one name in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::counter::Counter;
use crate::freshness::{Last, may_store};
use crate::{Effect, Seq};

/// What a name is to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum NameKind {
    /// A tag that it carries.
    Tag,
    /// A key or tag that it was made from.
    Dependency,
    /// An event, by its pattern's written form.
    Event,
    /// The one nameless mark that every entry with a dependency also holds: raised when a cascade is too large.
    AnyDependency,
}

impl NameKind {
    /// How many kinds there are.
    pub(crate) const COUNT: usize = 4;

    /// Whether a name of this kind stays in use while it leads to a node of the graph.
    pub(crate) fn is_held_by_graph(self) -> bool {
        matches!(self, NameKind::Dependency | NameKind::Event)
    }
}

/// A name in use, and the memory of its last invalidation.
#[derive(Debug)]
pub(crate) struct Mark {
    kind: NameKind,
    hash: u64,
    name: Box<[u8]>,
    gone: AtomicU64,
    stale: AtomicU64,
    members: Mutex<Members>,
}

/// The entries that live by a mark. `gone` and `stale` change under this lock only.
#[derive(Debug, Default)]
struct Members {
    /// Entries that entered, have not left, and whose loads began at or after `gone`.
    alive: u64,
    /// How many of those carry the tag of this name beside it.
    tagged: u64,
    /// The latest beginning among all that ever entered.
    newest: Seq,
}

/// The entries that an invalidation of one name reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MarkReach {
    pub entries: u64,
    /// How many of them the tag of the same name reaches too.
    pub tagged: u64,
}

impl Mark {
    pub(crate) fn new(kind: NameKind, hash: u64, name: &[u8], last: Last) -> Mark {
        Mark {
            kind,
            hash,
            name: name.into(),
            gone: AtomicU64::new(last.gone.0),
            stale: AtomicU64::new(last.stale.0),
            members: Mutex::default(),
        }
    }

    /// What it is.
    pub(crate) fn kind(&self) -> NameKind {
        self.kind
    }

    /// The name; empty for [`NameKind::AnyDependency`].
    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    /// The keyed hash of kind and name.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// When it was invalidated last. Two atomic loads.
    pub(crate) fn last(&self) -> Last {
        Last { gone: Seq(self.gone.load(Ordering::Acquire)), stale: Seq(self.stale.load(Ordering::Acquire)) }
    }

    /// Counts an entry in, unless the mark was invalidated after the entry's load began (then `false`: it may not
    /// be stored). `tagged`: this is a dependency, and the entry carries the tag of its name too.
    pub(crate) fn enter(&self, began: Seq, tagged: bool) -> bool {
        let mut members = self.members.lock();
        if !may_store(began, self.last()) {
            return false;
        }
        members.alive += 1;
        members.tagged += u64::from(tagged);
        members.newest = members.newest.max(began);
        true
    }

    /// Counts an entry out that was counted in with the same arguments.
    pub(crate) fn leave(&self, began: Seq, tagged: bool) {
        let mut members = self.members.lock();
        if self.last().gone <= began {
            members.alive -= 1;
            members.tagged -= u64::from(tagged);
        }
    }

    /// Entries counted in that this mark has not taken away.
    pub(crate) fn members(&self) -> MarkReach {
        let members = self.members.lock();
        MarkReach { entries: members.alive, tagged: members.tagged }
    }

    /// Invalidates; returns how many entries that reached.
    ///
    /// An entry whose load began after `seq` was counted may have entered before this call raises the mark. It is
    /// fresh, but to keep the members countable by one number it is taken too, by a count of its own from `counter`.
    pub(crate) fn raise(&self, seq: Seq, effect: Effect, counter: &Counter) -> MarkReach {
        let mut members = self.members.lock();
        let last = self.last();
        let covered = match effect {
            Effect::Gone => last.gone,
            Effect::Stale => last.newest(),
        };
        if seq <= covered {
            return MarkReach::default();
        }
        let seq = if members.alive > 0 && members.newest >= seq { counter.next() } else { seq };
        let reached = MarkReach { entries: members.alive, tagged: members.tagged };
        match effect {
            Effect::Gone => {
                self.gone.store(seq.0, Ordering::Release);
                (members.alive, members.tagged) = (0, 0);
            }
            Effect::Stale => self.stale.store(seq.0, Ordering::Release),
        }
        reached
    }

    /// Bytes taken, with the counts that an [`Arc`] keeps.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Mark>() + 2 * size_of::<usize>() + self.name.len()
    }
}

/// Counts an entry in with all its marks, or with none (`false`: it may not be stored).
pub(crate) fn enter_all(held: &[Arc<Mark>], began: Seq) -> bool {
    let refused = held.iter().position(|mark| !mark.enter(began, is_tagged(held, mark)));
    if let Some(entered) = refused {
        held[..entered].iter().for_each(|mark| mark.leave(began, is_tagged(held, mark)));
    }
    refused.is_none()
}

/// Counts an entry out.
pub(crate) fn leave_all(held: &[Arc<Mark>], began: Seq) {
    held.iter().for_each(|mark| mark.leave(began, is_tagged(held, mark)));
}

/// Whether the entry that holds these marks, which are in order, has a tag of this dependency's name.
pub(crate) fn is_tagged(held: &[Arc<Mark>], mark: &Mark) -> bool {
    let tag = (NameKind::Tag, mark.name());
    mark.kind() == NameKind::Dependency
        && held.binary_search_by(|other| (other.kind(), other.name()).cmp(&tag)).is_ok()
}

/// When what an entry lives by was invalidated last.
pub(crate) fn last_of(held: &[Arc<Mark>]) -> Last {
    held.iter().fold(Last::default(), |last, mark| last.and(mark.last()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::freshness::{Verdict, verdict};

    fn mark() -> Mark {
        Mark::new(NameKind::Tag, 0, b"t", Last::default())
    }

    #[test]
    fn a_member_that_overtook_the_invalidation_is_taken_with_a_count_of_its_own() {
        let (mark, counter) = (mark(), Counter::default());
        let seq = counter.next();
        assert!(mark.enter(counter.now(), false));
        assert_eq!(mark.raise(seq, Effect::Gone, &counter).entries, 1);
        assert_eq!(mark.last().gone, Seq(2));
        mark.leave(Seq(1), false);
        assert_eq!(mark.members().entries, 0);
    }

    #[test]
    fn an_older_invalidation_that_comes_late_takes_nothing() {
        let (mark, counter) = (mark(), Counter::default());
        let (older, newer) = (counter.next(), counter.next());
        assert_eq!(mark.raise(newer, Effect::Gone, &counter).entries, 0);
        assert!(mark.enter(newer, false));
        assert_eq!(mark.raise(older, Effect::Gone, &counter).entries, 0);
        assert_eq!((mark.members().entries, mark.last().gone), (1, newer));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Enter { lag: u64 },
        Leave(usize),
        Raise { stale: bool, lag: u64 },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0u64..3).prop_map(|lag| Step::Enter { lag }),
            (0usize..9).prop_map(Step::Leave),
            (any::<bool>(), 0u64..3).prop_map(|(stale, lag)| Step::Raise { stale, lag }),
        ]
    }

    proptest! {
        #[test]
        fn members_are_those_that_would_be_served(steps in prop::collection::vec(step(), 0..80)) {
            let (mark, counter) = (mark(), Counter::default());
            let mut entries: Vec<Seq> = Vec::new();
            // Those with odd beginnings carry the tag too.
            let alive = |mark: &Mark, entries: &[Seq]| {
                let alive: Vec<&Seq> =
                    entries.iter().filter(|began| verdict(**began, mark.last()) != Verdict::Gone).collect();
                let tagged = alive.iter().filter(|began| began.0 % 2 == 1).count() as u64;
                MarkReach { entries: alive.len() as u64, tagged }
            };
            for step in steps {
                match step {
                    Step::Enter { lag } => {
                        let began = Seq(counter.now().0.saturating_sub(lag));
                        let may = may_store(began, mark.last());
                        prop_assert_eq!(mark.enter(began, began.0 % 2 == 1), may);
                        entries.extend(may.then_some(began));
                    }
                    Step::Leave(n) if n < entries.len() => {
                        let began = entries.swap_remove(n);
                        mark.leave(began, began.0 % 2 == 1);
                    }
                    Step::Leave(_) => {}
                    Step::Raise { stale, lag } => {
                        let before = alive(&mark, &entries);
                        // `lag` invalidations were counted after this one, before it raises the mark.
                        let seq = counter.next();
                        for _ in 0..lag {
                            counter.next();
                        }
                        let effect = if stale { Effect::Stale } else { Effect::Gone };
                        let reached = mark.raise(seq, effect, &counter);
                        prop_assert_eq!(reached, before);
                        for began in entries.iter().filter(|began| **began < seq) {
                            prop_assert_ne!(verdict(*began, mark.last()), Verdict::Fresh);
                        }
                    }
                }
                prop_assert_eq!(mark.members(), alive(&mark, &entries));
            }
        }
    }
}
