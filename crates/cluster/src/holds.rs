//! The holds of the slots that a member owns or follows, found by their time and by the event that they wait for.

use std::collections::{BTreeMap, BTreeSet};

use clearwell_words::{Event, EventPattern, Invalidation, Millis};

use crate::Slot;
use crate::hold::{Awaited, Hold};
use crate::request::Invalidate;

/// The most that an owner holds at once.
const MOST: usize = 100_000;

/// The most bytes that the holds of one slot take: they are handed over in one message.
const SLOT_BYTES_MOST: usize = 256 << 10;

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
}

impl OpenHold {
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
        self.all.insert((slot, id), OpenHold { hold, due, attempt: None });
    }

    /// Holds one no more.
    pub fn remove(&mut self, slot: Slot, id: u64) {
        let Some(OpenHold { hold, due, attempt }) = self.all.remove(&(slot, id)) else { return };
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

    /// Those whose time has come, and that have not asked for their invalidation.
    pub fn due(&self, now: Millis) -> Vec<Place> {
        let come = self.due.range(..=(now, Slot(u16::MAX), u64::MAX));
        come.map(|&(_, slot, id)| (slot, id)).filter(|&(slot, id)| self.waits(slot, id)).collect()
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

    /// Whose invalidation was answered.
    pub fn answered(&mut self, attempt: u64) -> Option<Place> {
        let place = self.attempts.remove(&attempt)?;
        self.all.get_mut(&place)?.attempt = None;
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
