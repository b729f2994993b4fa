//! The last invalidations whose scope is a question rather than a name: patterns, prefixes, events.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::freshness::Last;
use crate::{Effect, Event, Seq};

/// The last scopes of one sort, for fills in flight: a fill asks whether one that covers it came after its load
/// began. Bounded by count and by bytes; what was forgotten is taken to cover everything.
///
/// `push` comes before stored entries are walked (or their marks raised); a fill asks under the lock under which it
/// then stores (or after it joined its marks). So one of the two sees the other.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    /// The newest that was ever pushed; lets most fills pass without the lock.
    newest: AtomicU64,
    ring: RwLock<ScopeRing<T>>,
    count: usize,
    bytes: usize,
}

#[derive(Debug)]
struct ScopeRing<T> {
    /// By count, oldest first.
    scopes: VecDeque<Remembered<T>>,
    bytes: usize,
    floor: Last,
}

#[derive(Debug)]
struct Remembered<T> {
    seq: Seq,
    effect: Effect,
    scope: T,
}

/// What a remembered scope takes beyond its own size.
pub(crate) trait Heap {
    /// Bytes on the heap.
    fn heap_bytes(&self) -> usize;
}

impl Heap for Event {
    fn heap_bytes(&self) -> usize {
        let slots = self.attributes.capacity() * size_of::<(Box<str>, Box<str>)>();
        let texts: usize = self.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.name.len() + slots + texts
    }
}

impl<T: Heap> Recent<T> {
    /// Remembers at most `count` scopes in at most `bytes` bytes.
    pub(crate) fn new(count: usize, bytes: usize) -> Recent<T> {
        let ring = ScopeRing { scopes: VecDeque::new(), bytes: 0, floor: Last::default() };
        Recent { newest: AtomicU64::new(0), ring: RwLock::new(ring), count, bytes }
    }

    /// Notes an invalidation.
    pub(crate) fn push(&self, seq: Seq, effect: Effect, scope: T) {
        let mut ring = self.ring.write();
        ring.bytes += taken(&scope);
        // Nearly always the end: appliers that overtook each other are few.
        let place = ring.scopes.partition_point(|known| known.seq <= seq);
        ring.scopes.insert(place, Remembered { seq, effect, scope });
        while ring.scopes.len() > self.count || ring.bytes > self.bytes {
            let Some(oldest) = ring.scopes.pop_front() else { break };
            ring.bytes -= taken(&oldest.scope);
            ring.floor = ring.floor.and(Last::at(oldest.seq, oldest.effect));
        }
        self.newest.fetch_max(seq.0, Ordering::Release);
    }

    /// The last one that `covers` says yes to, or that was forgotten, among those after `began`; one atomic load
    /// when there is none after it.
    pub(crate) fn last_covering(&self, began: Seq, mut covers: impl FnMut(&T) -> bool) -> Last {
        if self.newest.load(Ordering::Acquire) <= began.0 {
            return Last::default();
        }
        let ring = self.ring.read();
        let first = ring.scopes.partition_point(|known| known.seq <= began);
        ring.scopes
            .range(first..)
            .filter(|known| covers(&known.scope))
            .fold(ring.floor, |last, known| last.and(Last::at(known.seq, known.effect)))
    }

    /// Bytes taken beyond the structure itself.
    pub(crate) fn memory_bytes(&self) -> usize {
        let ring = self.ring.read();
        let unused = ring.scopes.capacity() - ring.scopes.len();
        ring.bytes + unused * size_of::<Remembered<T>>()
    }

    /// Recounts; says what differs.
    pub(crate) fn check(&self) -> Result<(), String> {
        let ring = self.ring.read();
        let bytes: usize = ring.scopes.iter().map(|known| taken(&known.scope)).sum();
        if bytes != ring.bytes {
            return Err(format!("recent scopes take {bytes} bytes, the books say {}", ring.bytes));
        }
        if !ring.scopes.iter().is_sorted_by_key(|known| known.seq) {
            return Err("recent scopes are out of order".into());
        }
        Ok(())
    }
}

fn taken<T: Heap>(scope: &T) -> usize {
    size_of::<Remembered<T>>() + scope.heap_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Heap for u8 {
        fn heap_bytes(&self) -> usize {
            usize::from(*self)
        }
    }

    #[test]
    fn a_scope_larger_than_the_room_is_forgotten_at_once() {
        let recent: Recent<u8> = Recent::new(10, 100);
        recent.push(Seq(3), Effect::Gone, 200);
        assert_eq!(recent.last_covering(Seq(2), |_| false).gone, Seq(3));
        assert_eq!(recent.last_covering(Seq(3), |_| true), Last::default());
        assert_eq!(recent.check(), Ok(()));
    }

    proptest! {
        #[test]
        fn answers_as_a_full_history_or_newer(
            count in 0usize..8,
            pushes in prop::collection::vec((0u8..4, any::<bool>(), 0u64..3), 0..60),
        ) {
            let recent = Recent::new(count, 1000);
            let mut history: Vec<(Seq, Effect, u8)> = Vec::new();
            for (n, (scope, stale, back)) in pushes.into_iter().enumerate() {
                let effect = if stale { Effect::Stale } else { Effect::Gone };
                let seq = Seq(3 + n as u64 - back);
                recent.push(seq, effect, scope);
                history.push((seq, effect, scope));
                recent.check().unwrap();
                for began in 0..(n as u64 + 4) {
                    for wanted in 0..4 {
                        let truth = history
                            .iter()
                            .filter(|(seq, _, scope)| *scope == wanted && seq.0 > began)
                            .fold(Last::default(), |last, (seq, effect, _)| last.and(Last::at(*seq, *effect)));
                        let said = recent.last_covering(Seq(began), |scope| *scope == wanted);
                        prop_assert_eq!(said.and(truth), said);
                        prop_assert!(history.len() > count || said == truth);
                    }
                }
            }
        }
    }
}
