//! The one rule for freshness (docs/design.md, 2.1), as pure functions.
//!
//! A process counts the invalidations it has applied. A load notes the count when it begins; its value may be
//! stored, and later served, only while nothing that covers it was invalidated after that.

use crate::Effect;

/// How many invalidations this process had applied at some moment. Never compared across processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

/// What a mark remembers: the last invalidation of its name, by effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Last {
    /// The last invalidation that made the covered values unservable.
    pub gone: Seq,
    /// The last one that made them stale (mode `lazy`).
    pub stale: Seq,
}

impl Last {
    /// An invalidation at `seq`.
    pub fn at(seq: Seq, effect: Effect) -> Last {
        match effect {
            Effect::Gone => Last { gone: seq, stale: Seq(0) },
            Effect::Stale => Last { gone: Seq(0), stale: seq },
        }
    }

    /// The floor of forgotten marks: everything up to `seq` is taken as gone.
    pub fn floor(seq: Seq) -> Last {
        Last { gone: seq, stale: seq }
    }

    /// The later of each effect: what two marks say together.
    #[must_use]
    pub fn and(self, other: Last) -> Last {
        Last { gone: self.gone.max(other.gone), stale: self.stale.max(other.stale) }
    }

    /// The last invalidation of one effect.
    pub fn of(self, effect: Effect) -> Seq {
        match effect {
            Effect::Gone => self.gone,
            Effect::Stale => self.stale,
        }
    }

    /// The later of the two effects.
    pub fn newest(self) -> Seq {
        self.gone.max(self.stale)
    }
}

/// What a stored value turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing that covers it was invalidated since its load began.
    Fresh,
    /// Marked stale: the next read refreshes it.
    Stale,
    /// May never be served again.
    Gone,
}

/// Whether a value whose load began at `began` may be stored.
pub fn may_store(began: Seq, last: Last) -> bool {
    last.gone <= began && last.stale <= began
}

/// What a value whose load began at `began` is, by one of its marks.
pub fn verdict(began: Seq, last: Last) -> Verdict {
    if last.gone > began {
        Verdict::Gone
    } else if last.stale > began {
        Verdict::Stale
    } else {
        Verdict::Fresh
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What happened to one name, in order: an invalidation that the source's change led to.
    type History = Vec<Effect>;

    fn history() -> impl Strategy<Value = History> {
        prop::collection::vec(prop_oneof![Just(Effect::Gone), Just(Effect::Stale)], 0..12)
    }

    fn last_of(history: &[Effect]) -> Last {
        let at = |(n, effect): (usize, &Effect)| Last::at(Seq(n as u64 + 1), *effect);
        history.iter().enumerate().map(at).fold(Last::default(), Last::and)
    }

    proptest! {
        /// A naive reader keeps the whole history and looks at what came after its load began.
        #[test]
        fn the_rule_agrees_with_a_whole_history(history in history(), began in 0usize..13) {
            let began = began.min(history.len());
            let (last, since) = (last_of(&history), &history[began..]);
            let began = Seq(began as u64);
            prop_assert_eq!(may_store(began, last), since.is_empty());
            let naive = if since.contains(&Effect::Gone) {
                Verdict::Gone
            } else if since.contains(&Effect::Stale) {
                Verdict::Stale
            } else {
                Verdict::Fresh
            };
            prop_assert_eq!(verdict(began, last), naive);
        }

        /// Several marks taken together are as strict as the strictest of them.
        #[test]
        fn marks_together_are_as_strict_as_the_strictest(
            marks in prop::collection::vec((0u64..9, 0u64..9), 1..6),
            began in 0u64..9,
        ) {
            let marks: Vec<Last> =
                marks.into_iter().map(|(gone, stale)| Last { gone: Seq(gone), stale: Seq(stale) }).collect();
            let began = Seq(began);
            let together = marks.iter().copied().fold(Last::default(), Last::and);
            prop_assert_eq!(may_store(began, together), marks.iter().all(|last| may_store(began, *last)));
            let strictest = marks.iter().map(|last| verdict(began, *last)).max();
            prop_assert_eq!(Some(verdict(began, together)), strictest);
        }

        /// Forgetting a mark and answering with a floor as new never allows more.
        #[test]
        fn a_floor_never_allows_more(gone in 0u64..9, stale in 0u64..9, above in 0u64..4, began in 0u64..14) {
            let (last, began) = (Last { gone: Seq(gone), stale: Seq(stale) }, Seq(began));
            let floor = Last::floor(Seq(last.newest().0 + above));
            prop_assert!(!may_store(began, floor) || may_store(began, last));
            prop_assert!(verdict(began, floor) >= verdict(began, last));
        }

        /// What may be stored is fresh at that moment, and a later invalidation can only make it worse.
        #[test]
        fn what_may_be_stored_is_fresh(gone in 0u64..9, stale in 0u64..9, began in 0u64..9) {
            let (last, began) = (Last { gone: Seq(gone), stale: Seq(stale) }, Seq(began));
            prop_assert_eq!(may_store(began, last), verdict(began, last) == Verdict::Fresh);
            let later = Seq(last.newest().0.max(began.0) + 1);
            prop_assert_eq!(verdict(began, last.and(Last::at(later, Effect::Gone))), Verdict::Gone);
            prop_assert_ne!(verdict(began, last.and(Last::at(later, Effect::Stale))), Verdict::Fresh);
        }
    }
}
