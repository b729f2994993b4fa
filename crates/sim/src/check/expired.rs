//! Nothing is served after its end: a read that begins when a value must have expired does not find it, at any level, wherever it is
//! asked, whoever owns the key by then.
//!
//! A value ends when the write that gave it said so, or its load, or the last touch that was acknowledged. A copy that has not heard of a touch
//! yet may go by an earlier word as long as the reader's level allows what is that old.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use clearwell_cluster::Level;

use super::{Violation, by_op, ms};
use crate::history::{Deed, Found, Got, History, Op};
use crate::names::{Class, KeyId};
use crate::queue::Micros;
use crate::value::{Value, WriteId};

/// Milliseconds are whole ones at each clock that a time of expiry passes.
const ROUNDING: Micros = 5_000;

/// When something was said of a value's end: from when on it may count, from when on it counts, and the end that it gives.
#[derive(Debug, Clone, Copy)]
struct Word {
    from: Micros,
    sure: Micros,
    end: Micros,
}

/// Looks at all reads.
pub fn check(history: &History, violations: &mut Vec<Violation>) {
    let mut touches: BTreeMap<KeyId, Vec<&Op>> = BTreeMap::new();
    let mut writes: BTreeMap<WriteId, &Op> = BTreeMap::new();
    for op in &history.ops {
        match op.deed {
            Deed::Touch(_) => touches.entry(op.key).or_default().push(op),
            Deed::Write(_, write) => {
                writes.insert(write, op);
            }
            _ => {}
        }
    }
    for (op, at) in history.ops.iter().zip(0..) {
        let (Deed::Read(level), Got::Value(found)) = (op.deed, op.got) else { continue };
        let Some(value) = found.value.filter(|value| !is_from_journal(history, op, &found, *value)) else {
            continue;
        };
        let Some(given) = given(history, &writes, value) else { continue };
        let words = touches.get(&op.key).into_iter().flatten().filter_map(|touch| word(history, touch));
        let end = end(given, words, op.begin, level);
        if op.begin > end.saturating_add(ROUNDING) {
            let text = format!("write {} was found {} after its end", value.write, ms(op.begin - end));
            violations.push(by_op(history, "expired", at, text));
        }
    }
}

/// As long as the source does not have a value, its owner shows it whatever became of copies.
fn is_from_journal(history: &History, op: &Op, found: &Found, value: Value) -> bool {
    history.names.class(op.key) == Class::Back && value.read == 0 && !found.local
}

/// What its load or its write said of a value's end. `None`: nobody knows when the write took effect.
fn given(history: &History, writes: &BTreeMap<WriteId, &Op>, value: Value) -> Option<Word> {
    let ttl_ms = history.source.ttl_of(value.write);
    if value.read > 0 {
        return Some(Word { from: value.read, sure: value.read, end: end_of(history, value.read, ttl_ms) });
    }
    let op = writes.get(&value.write)?;
    let is_done = matches!(op.got, Got::Done { .. });
    is_done.then(|| Word { from: op.begin, sure: op.end, end: end_of(history, op.end, ttl_ms) })
}

/// What a touch said, unless it surely did nothing.
fn word(history: &History, touch: &Op) -> Option<Word> {
    let Deed::Touch(ttl_ms) = touch.deed else { return None };
    match touch.got {
        Got::Done { version: None, .. } | Got::Refused { surely: true } => None,
        Got::Done { .. } => {
            let end = end_of(history, touch.end, ttl_ms);
            Some(Word { from: touch.begin, sure: touch.end, end })
        }
        // It may take effect at any time, or never.
        _ => Some(Word { from: touch.begin, sure: Micros::MAX, end: Micros::MAX }),
    }
}

/// The latest end that counts for a read that begins at `begin`.
fn end(given: Word, touches: impl Iterator<Item = Word> + Clone, begin: Micros, level: Level) -> Micros {
    // Until then all that was acknowledged is known to whoever may answer.
    let known = match level {
        Level::Strong => begin,
        Level::Bounded(ms) => begin.saturating_sub(ms * 1000),
        Level::Session | Level::Causal | Level::Eventual | Level::Weak => 0,
    };
    let concern = touches.filter(|word| word.sure > given.from);
    let is_over = |word: &Word| concern.clone().any(|later| later.from > word.sure && later.sure < known);
    let all = std::iter::once(given).chain(concern.clone());
    all.filter(|word| !is_over(word)).map(|word| word.end).max().unwrap_or(Micros::MAX)
}

/// A time to live that began at `from` or before, by the slowest clock that there is.
fn end_of(history: &History, from: Micros, ttl_ms: Option<NonZeroU64>) -> Micros {
    let Some(ttl_ms) = ttl_ms else { return Micros::MAX };
    let ppm = history.drift_ppm as u64;
    from.saturating_add(ttl_ms.get() * 1000 * 1_000_000 / (1_000_000 - ppm))
}

#[cfg(test)]
mod tests {
    use super::super::small::*;
    use super::*;
    use crate::history::RANKS;
    use clearwell_cluster::Level::{Bounded, Eventual, Strong};
    use clearwell_cluster::request::Strategy::Back;

    fn lives(ms: u64) -> Option<NonZeroU64> {
        NonZeroU64::new(ms)
    }

    /// A value that was put from 0 to 10 to live for 100 ms.
    fn put(small: &mut Small) -> (WriteId, u64) {
        let write = small.put(0, (0, 10), CACHE, 1);
        small.0.source.writes[write as usize].ttl_ms = lives(100);
        (write, RANKS + 1)
    }

    fn seen(small: &mut Small, at: u64, level: Level, value: (WriteId, u64)) -> bool {
        small.read(0, (at, at + 1), CACHE, level, value, 0);
        let seen = small.seen_by();
        small.0.ops.pop();
        small.0.moments.truncate(small.0.moments.len() - 2);
        assert!(seen.is_empty() || seen == ["expired"], "{seen:?}");
        !seen.is_empty()
    }

    #[test]
    fn a_value_is_gone_when_its_time_is_over() {
        let mut small = Small::new();
        let value = put(&mut small);
        assert!(!seen(&mut small, 115, Eventual, value), "it was acknowledged at 10 only");
        assert!(seen(&mut small, 116, Eventual, value));
        small.0.drift_ppm = 49_000;
        assert!(!seen(&mut small, 120, Eventual, value), "a clock may be slow");
        assert!(seen(&mut small, 121, Eventual, value));
    }

    #[test]
    fn a_touch_counts_as_soon_as_the_reader_must_know_of_it() {
        let mut small = Small::new();
        let value = put(&mut small);
        small.touched(1, (20, 30), CACHE, lives(10), Some(value.1));
        assert!(seen(&mut small, 46, Strong, value), "its end is 40 now");
        assert!(!seen(&mut small, 46, Eventual, value), "a copy need not know yet");
        assert!(!seen(&mut small, 80, Bounded(50), value));
        assert!(seen(&mut small, 81, Bounded(50), value));
        small.touched(1, (82, 83), CACHE, None, Some(value.1));
        assert!(!seen(&mut small, 9000, Strong, value), "it lives for ever");
        small.touched(1, (9001, 9002), CACHE, lives(5), None);
        assert!(!seen(&mut small, 9100, Strong, value), "that one found nothing");
    }

    #[test]
    fn a_load_begins_another_life() {
        let mut small = Small::new();
        let (write, version) = small.commit(0, SOURCE, None);
        small.0.source.writes[write as usize].ttl_ms = lives(100);
        small.local(205, SOURCE, Eventual, (write, version), 100, Some(200));
        assert_eq!(small.seen_by(), [""; 0]);
        small.local(206, SOURCE, Eventual, (write, version), 100, Some(200));
        assert_eq!(small.seen_by(), ["expired"]);
    }

    #[test]
    fn the_journal_shows_what_the_source_does_not_have() {
        let mut small = Small::new();
        let write = small.0.source.intend(BACK, false);
        small.0.source.writes[write as usize].ttl_ms = lives(100);
        small.wrote(0, (0, 1), BACK, Back, write, RANKS + 1);
        small.0.source.commit(write, true, true, 9_000_000);
        small.read(0, (500, 501), BACK, Strong, (write, RANKS + 1), 0);
        assert_eq!(small.seen_by(), [""; 0]);
        small.local(500, BACK, Eventual, (write, RANKS + 1), 0, Some(500));
        assert_eq!(small.seen_by(), ["expired"]);
    }
}
