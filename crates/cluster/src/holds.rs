//! The holds of the slots that a member owns or follows, found by their time and by the event that they wait for.

use std::collections::{BTreeMap, BTreeSet};

use clearwell_words::{Event, EventPattern, Invalidation, Millis};

use crate::Slot;
use crate::hold::{Awaited, Hold};
use crate::name::Name;
use crate::request::Invalidate;

/// The most that an owner holds at once.
const MOST: usize = 100_000;

/// The most bytes that the holds of one slot take: they are handed over in one message.
const SLOT_BYTES_MOST: usize = 256 << 10;

/// The most invalidations of patterns, events and everything that are asked for at once: each is a record of every owner, which all followers hear of.
const WIDE_MOST: usize = 8;

/// How long one that was refused waits before it is asked for again, and how often that doubles.
const PAUSE_MS: u64 = 400;
const DOUBLED_MOST: u32 = 3;

type Place = (Slot, u64);

/// All that a member holds.
#[derive(Debug, Default)]
pub struct Holds {
    all: BTreeMap<Place, OpenHold>,
    due: BTreeSet<(Millis, Slot, u64)>,
    /// Those that wait for events, by the written form of the pattern: many wait for the same.
    awaiting: BTreeMap<Box<str>, (EventPattern, BTreeSet<Place>)>,
    bytes: BTreeMap<Slot, usize>,
    /// Invalidations that were asked for and not answered yet.
    attempts: BTreeMap<u64, Place>,
    attempts_made: u64,
}

#[derive(Debug)]
struct OpenHold {
    hold: Hold,
    /// On the clock here; `None` while the event has not come.
    due: Option<Millis>,
    /// The invalidation that it asked for.
    attempt: Option<u64>,
    /// How often it was refused, and until when it waits for that. Others are told that it is due.
    refused: u32,
    rests_until: Millis,
}

impl OpenHold {
    /// Whether all owners order its invalidation.
    fn is_wide(&self) -> bool {
        Name::of(&self.hold.scope).is_none()
    }

    /// As it is told now.
    fn said(&self, now: Millis) -> Hold {
        let until = self.due.map(|due| Awaited::After(due.since(now)));
        Hold { until: until.unwrap_or_else(|| self.hold.until.clone()), ..self.hold.clone() }
    }
}

impl Holds {
    /// Whether one more can be held: what cannot be remembered must not be forgotten.
    pub fn has_room(&self, slot: Slot, hold: &Hold) -> bool {
        self.all.len() < MOST && self.bytes_of(slot) + hold.bytes() <= SLOT_BYTES_MOST
    }

    /// Holds one, in the place of an earlier one of its number.
    pub fn insert(&mut self, now: Millis, slot: Slot, hold: Hold) {
        let id = hold.id;
        self.remove(slot, id);
        let due = match &hold.until {
            Awaited::After(ms) => Some(now.plus(*ms)),
            Awaited::Event(pattern) => {
                let of = self.awaiting.entry(pattern.to_string().into());
                of.or_insert_with(|| (pattern.clone(), BTreeSet::new())).1.insert((slot, id));
                None
            }
        };
        self.due.extend(due.map(|due| (due, slot, id)));
        *self.bytes.entry(slot).or_default() += hold.bytes();
        self.all.insert((slot, id), OpenHold { hold, due, attempt: None, refused: 0, rests_until: now });
    }

    /// Holds one no more.
    pub fn remove(&mut self, slot: Slot, id: u64) {
        let Some(OpenHold { hold, due, attempt, .. }) = self.all.remove(&(slot, id)) else { return };
        if let Some(due) = due {
            self.due.remove(&(due, slot, id));
        }
        if let Some(attempt) = attempt {
            self.attempts.remove(&attempt);
        }
        if let Some(bytes) = self.bytes.get_mut(&slot) {
            *bytes -= hold.bytes();
            if *bytes == 0 {
                self.bytes.remove(&slot);
            }
        }
        let Awaited::Event(pattern) = &hold.until else { return };
        let written = pattern.to_string();
        if let Some((_, places)) = self.awaiting.get_mut(&*written) {
            places.remove(&(slot, id));
            if places.is_empty() {
                self.awaiting.remove(&*written);
            }
        }
    }

    /// Whether one is held whose effect has not begun.
    pub fn waits(&self, slot: Slot, id: u64) -> bool {
        self.all.get(&(slot, id)).is_some_and(|open| open.attempt.is_none())
    }

    /// Those whose time has come, and that are to ask for their invalidation now.
    pub fn due(&self, now: Millis) -> Vec<Place> {
        let is_wide = |place: &Place| self.all.get(place).is_some_and(OpenHold::is_wide);
        let mut come = self.due.range(..=(now, Slot(u16::MAX), u64::MAX)).peekable();
        if come.peek().is_none() {
            return Vec::new();
        }
        let mut room =
            WIDE_MOST.saturating_sub(self.attempts.values().filter(|place| is_wide(place)).count());
        let asks = |open: &OpenHold| open.attempt.is_none() && open.rests_until <= now;
        let places =
            come.map(|&(_, slot, id)| (slot, id)).filter(|place| self.all.get(place).is_some_and(asks));
        let fits = |place: &Place| {
            let fits = !is_wide(place) || room > 0;
            room -= usize::from(fits && is_wide(place));
            fits
        };
        places.filter(fits).collect()
    }

    /// Those that wait for an event like this.
    pub fn met_by(&self, event: &Event) -> Vec<(Slot, Hold)> {
        let met = self.awaiting.values().filter(|(pattern, _)| pattern.matches(event));
        let places = met.flat_map(|(_, places)| places);
        places.filter_map(|place| Some((place.0, self.all.get(place)?.hold.clone()))).collect()
    }

    /// The invalidation that one stands for, to be asked for now, and the number under which its answer comes.
    pub fn attempt(&mut self, slot: Slot, id: u64) -> Option<(u64, Invalidate)> {
        let OpenHold { hold, attempt, .. } = self.all.get_mut(&(slot, id))?;
        self.attempts_made += 1;
        *attempt = Some(self.attempts_made);
        self.attempts.insert(self.attempts_made, (slot, id));
        let Hold { scope, effect, cascade, cause, .. } = hold.clone();
        let invalidation = Invalidation { scope, effect, cascade, version: None, cause };
        Some((self.attempts_made, Invalidate { invalidation, wait: false, depth: 0 }))
    }

    /// Whose invalidation was answered, or refused: then it rests, longer each time.
    pub fn answered(&mut self, now: Millis, attempt: u64, is_refused: bool) -> Option<Place> {
        let place = self.attempts.remove(&attempt)?;
        let open = self.all.get_mut(&place)?;
        open.attempt = None;
        if is_refused {
            open.rests_until = now.plus(PAUSE_MS << open.refused.min(DOUBLED_MOST));
            open.refused += 1;
        }
        Some(place)
    }

    /// How many bytes those of a slot take.
    pub fn bytes_of(&self, slot: Slot) -> usize {
        self.bytes.get(&slot).copied().unwrap_or(0)
    }

    /// Those of a slot, as they are told now.
    pub fn of(&self, now: Millis, slot: Slot) -> impl Iterator<Item = Hold> + '_ {
        self.all.range((slot, 0)..=(slot, u64::MAX)).map(move |(_, open)| open.said(now))
    }

    /// Gives up those of the slots that are not kept, and returns these slots.
    pub fn retain(&mut self, stays: impl Fn(Slot) -> bool) -> BTreeSet<Slot> {
        let gone: Vec<Place> = self.all.keys().copied().filter(|(slot, _)| !stays(*slot)).collect();
        gone.iter().for_each(|&(slot, id)| self.remove(slot, id));
        gone.into_iter().map(|(slot, _)| slot).collect()
    }
}

#[cfg(test)]
mod tests {
    use clearwell_words::{Cause, Effect, Scope};

    use super::*;

    fn hold(id: u64, scope: Scope) -> Hold {
        let (effect, cascade, cause, until) = (Effect::Gone, true, Cause::Command, Awaited::After(100));
        Hold { id, scope: scope.into(), effect, cascade, cause, until }
    }

    /// Asks for all that may be asked for, and refuses it. Returns which it was.
    fn refused(holds: &mut Holds, now: Millis) -> Vec<u64> {
        let due = holds.due(now);
        let attempts: Vec<u64> = due
            .iter()
            .filter_map(|&(slot, id)| holds.attempt(slot, id))
            .map(|(attempt, _)| attempt)
            .collect();
        assert_eq!(holds.due(now), [], "all that may be is under way");
        for attempt in attempts {
            holds.answered(now, attempt, true);
        }
        due.into_iter().map(|(_, id)| id).collect()
    }

    #[test]
    fn wide_ones_are_asked_for_in_turn_and_rest_when_they_are_refused() {
        let mut holds = Holds::default();
        (0..12).for_each(|id| holds.insert(Millis(0), Slot(1), hold(id, Scope::Everything)));
        (12..30)
            .for_each(|id| holds.insert(Millis(0), Slot(1), hold(id, Scope::Tag(b"t".as_slice().into()))));
        assert!(holds.due(Millis(99)).is_empty());
        let first: Vec<u64> = (0..8).chain(12..30).collect();
        assert_eq!(refused(&mut holds, Millis(100)), first);
        assert_eq!(refused(&mut holds, Millis(101)), [8, 9, 10, 11], "who was refused rests");
        assert_eq!(refused(&mut holds, Millis(499)), []);
        assert_eq!(refused(&mut holds, Millis(500)), first);
        assert_eq!(refused(&mut holds, Millis(501)), [8, 9, 10, 11]);
        assert_eq!(refused(&mut holds, Millis(1_299)), []);
        assert_eq!(refused(&mut holds, Millis(1_300)), first, "twice as long");
        assert!(holds.of(Millis(1_300), Slot(1)).all(|hold| hold.until == Awaited::After(0)), "it is due");
    }
}
