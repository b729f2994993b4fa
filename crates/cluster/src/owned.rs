//! The slots that the present view gives to a member: since when it owns each, from whom it has it, and what its source refuses by now.

use std::collections::{BTreeMap, BTreeSet};

use clearwell_words::Millis;

use crate::slot_set::SlotSet;
use crate::{Epoch, Peer, Position, Slot};

/// A slot that the view gives to this member.
#[derive(Debug, Clone)]
struct Owned {
    /// The view in which it got it.
    gained: Epoch,
    /// Former owners have stopped, and this one has begun: at the head of its log then.
    began_at: Option<Position>,
    /// Whom it followed before, and up to where it does not know that owner's marks.
    inherited: Option<(Peer, Position)>,
    /// The source refuses what former owners may still send.
    fenced: bool,
    /// A fence was asked for.
    fencing: bool,
    /// How often a statement's outcome was unclear: a fence of a higher number than it bore makes it clear.
    unclear: u64,
    /// Read leases that a former owner gave have ended then.
    quiet_until: Millis,
}

/// All slots of one owner.
#[derive(Debug, Default)]
pub struct OwnedSlots {
    slots: BTreeMap<Slot, Owned>,
    /// Those that have begun: looked at for each request.
    begun: SlotSet,
    /// How often the set of those changed.
    changes: u64,
    /// How many of them have not begun.
    to_begin: usize,
    /// The source may have to be asked to refuse statements for some of them.
    unfenced: bool,
    /// The last record of a slot that was acknowledged before replicas had it, as long as one of the slot's next holders may not have it.
    alone: BTreeMap<Slot, Position>,
}

impl OwnedSlots {
    /// A view gives a slot to this member, which followed a former owner of it. `fenced` says that nobody owned it before.
    pub fn gain(&mut self, slot: Slot, gained: Epoch, inherited: Option<(Peer, Position)>, fenced: bool) {
        let (began_at, fencing, unclear, quiet_until) = (None, false, 0, Millis(0));
        let owned = Owned { gained, began_at, inherited, fenced, fencing, unclear, quiet_until };
        self.slots.insert(slot, owned);
        self.begun.remove(slot);
        self.changes += 1;
        self.to_begin += 1;
        self.unfenced = true;
    }

    /// A view takes a slot away. Says whether it had begun.
    pub fn lose(&mut self, slot: Slot) -> bool {
        let Some(owned) = self.slots.remove(&slot) else { return false };
        self.alone.remove(&slot);
        self.begun.remove(slot);
        self.changes += 1;
        self.to_begin -= usize::from(owned.began_at.is_none());
        owned.began_at.is_some()
    }

    /// Those that can begin, when the owners that lost slots up to this view have stopped.
    pub fn ready(&self, settled: Epoch) -> Vec<Slot> {
        let ready = |owned: &Owned| owned.began_at.is_none() && owned.gained <= settled;
        self.slots.iter().filter(|(_, owned)| ready(owned)).map(|(&slot, _)| slot).collect()
    }

    /// A slot begins at a place of the log; read leases of former owners have ended at `quiet_until`.
    pub fn begin(&mut self, slot: Slot, at: Position, quiet_until: Millis, fenced: bool) {
        if let Some(owned) = self.slots.get_mut(&slot) {
            self.to_begin -= usize::from(owned.began_at.is_none());
            (owned.began_at, owned.quiet_until) = (Some(at), quiet_until);
            self.begun.insert(slot);
            self.changes += 1;
            owned.fenced |= fenced;
        }
    }

    /// A record of a slot was acknowledged while this member alone had it.
    pub fn acknowledged_alone(&mut self, slot: Slot, position: Position) {
        let last = self.alone.entry(slot).or_default();
        *last = position.max(*last);
    }

    /// Forgets those records that have come to all who `have` to have them. Whether none is left.
    pub fn confirm_alone(&mut self, have: impl Fn(Slot, Position) -> bool) -> bool {
        self.alone.retain(|slot, position| !have(*slot, *position));
        self.alone.is_empty()
    }

    /// Whether the view gives a slot to this member.
    pub fn has(&self, slot: Slot) -> bool {
        self.slots.contains_key(&slot)
    }

    /// Where the log stood when a slot began; `None` while it has not.
    pub fn began_at(&self, slot: Slot) -> Option<Position> {
        self.slots.get(&slot)?.began_at
    }

    /// Whether a slot is owned and has begun.
    pub fn has_begun(&self, slot: Slot) -> bool {
        self.begun.contains(slot)
    }

    /// All that are owned and have begun, a bit each, and how often they changed.
    pub fn begun(&self) -> (&[u64], u64) {
        (self.begun.words(), self.changes)
    }

    /// Whether a slot is owned and has not begun.
    pub fn is_to_begin(&self, slot: Slot) -> bool {
        self.slots.get(&slot).is_some_and(|owned| owned.began_at.is_none())
    }

    /// Whether each of them has begun.
    pub fn all_began(&self) -> bool {
        self.to_begin == 0
    }

    /// How many of them have not begun.
    pub fn count_to_begin(&self) -> usize {
        self.to_begin
    }

    /// All of them from this one on.
    pub fn from(&self, first: Slot) -> impl Iterator<Item = Slot> + '_ {
        self.slots.range(first..).map(|(&slot, _)| slot)
    }

    /// The view in which a slot was gained.
    pub fn gained(&self, slot: Slot) -> Option<Epoch> {
        self.slots.get(&slot).map(|owned| owned.gained)
    }

    /// Whom this member followed before it got a slot, and up to where it does not know that owner's marks.
    pub fn inherited(&self, slot: Slot) -> Option<(Peer, Position)> {
        self.slots.get(&slot)?.inherited
    }

    /// Forgets former owners whose read leases ended so long ago, of `most` slots from `first` on. Returns the others of these slots, and the
    /// slot that comes next.
    pub fn trim_former(
        &mut self,
        first: Slot,
        most: usize,
        now: Millis,
        after_ms: u64,
    ) -> (BTreeSet<Peer>, Option<Slot>) {
        let mut slots = self.slots.range_mut(first..);
        let mut former = BTreeSet::new();
        for (_, owned) in slots.by_ref().take(most) {
            if owned.began_at.is_some() && now >= owned.quiet_until.plus(after_ms) {
                owned.inherited = None;
            }
            former.extend(owned.inherited.map(|(peer, _)| peer));
        }
        (former, slots.next().map(|(slot, _)| *slot))
    }

    /// When read leases that a slot's former owner gave have ended.
    pub fn quiet_until(&self, slot: Slot) -> Millis {
        self.slots.get(&slot).map(|owned| owned.quiet_until).unwrap_or_default()
    }

    /// The same of all slots.
    pub fn all_quiet_until(&self) -> Millis {
        self.slots.values().map(|owned| owned.quiet_until).max().unwrap_or_default()
    }

    /// Whether the source refuses what former owners of a slot may still send, and what was unclear.
    pub fn is_fenced(&self, slot: Slot) -> bool {
        self.slots.get(&slot).is_some_and(|owned| owned.fenced)
    }

    /// The slots for which a fence is to be asked for.
    pub fn unfenced(&mut self) -> Vec<Slot> {
        if !self.unfenced {
            return Vec::new();
        }
        self.unfenced = self.slots.values().any(|owned| !owned.fenced);
        let open = |owned: &Owned| owned.began_at.is_some() && !owned.fenced && !owned.fencing;
        self.slots.iter().filter(|(_, owned)| open(owned)).map(|(&slot, _)| slot).collect()
    }

    /// A fence is asked for. Returns its number.
    pub fn fencing(&mut self, slot: Slot) -> Epoch {
        if let Some(owned) = self.slots.get_mut(&slot) {
            owned.fencing = true;
        }
        self.fence_number(slot)
    }

    /// What statements for a slot's keys bear (a fencing token), and what its fences refuse below: the view in which this member got the slot,
    /// and how often a statement's fate was unclear since.
    pub fn fence_number(&self, slot: Slot) -> Epoch {
        const UNCLEAR_BITS: u32 = 24;
        let owned = self.slots.get(&slot);
        owned.map_or(Epoch(0), |owned| Epoch((owned.gained.0 << UNCLEAR_BITS) + owned.unclear))
    }

    /// Nobody knows what became of a statement for this slot: until it is fenced nothing more is known of its key.
    pub fn unclear(&mut self, slot: Slot) {
        if let Some(owned) = self.slots.get_mut(&slot) {
            owned.unclear += 1;
            owned.fenced = false;
            self.unfenced = true;
        }
    }

    /// A fence of this number was answered, and is `done` or not. Says whether nothing of before can happen any more.
    pub fn fenced(&mut self, slot: Slot, number: Epoch, done: bool) -> bool {
        let current = self.fence_number(slot) == number;
        let Some(owned) = self.slots.get_mut(&slot) else { return false };
        owned.fencing = false;
        owned.fenced |= done && current;
        done && current
    }
}
