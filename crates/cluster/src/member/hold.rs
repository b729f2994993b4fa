//! Invalidations that are held until a time or an event has come.
//!
//! A hold is a record of its slot's log and is acknowledged as one: when the replicas have it, which count its time too. When it is
//! due, whoever owns the slot asks for the invalidation as a client would, and ends the hold only when that is ordered for good:
//! an owner that dies in between leaves the hold to the next one, which asks again. An event is ordered by every owner, and turns
//! the holds that wait for it into due ones, in records before its own.

use clearwell_words::{Cause, Event};

use super::Member;
use super::route::Origin;
use super::wait::Slots;
use crate::hold::{Awaited, Hold, slot_of_scope};
use crate::outbox::{Event as Told, Outbox, Persist};
use crate::record::Change;
use crate::request::{Answer, Cancel, Refusal};
use crate::{Planted, Position, Slot};

impl Member {
    /// A hold of a slot of this member.
    pub(super) fn hold(&mut self, origin: Origin, hold: Hold, out: &mut Outbox) {
        let slot = hold.slot(self.config.slots);
        if !self.owns(self.now, slot) {
            return self.refuse(&origin, Refusal::NoOwner, out);
        }
        if self.is_busy() || !self.holds.has_room(slot, &hold) {
            return self.refuse(&origin, Refusal::Busy, out);
        }
        let position = self.order_hold(slot, hold, out);
        self.acknowledge(origin, false, position, Slots::One(slot), None, None);
    }

    /// Takes a hold back, if its effect has not begun.
    pub(super) fn cancel(&mut self, origin: Origin, cancel: &Cancel, out: &mut Outbox) {
        let slot = slot_of_scope(&cancel.scope, self.config.slots);
        if !self.owns(self.now, slot) {
            return self.refuse(&origin, Refusal::NoOwner, out);
        }
        if !self.holds.waits(slot, cancel.id) {
            return self.refuse(&origin, Refusal::Late, out);
        }
        let position = self.end_hold(slot, cancel.id, out);
        self.acknowledge(origin, false, position, Slots::One(slot), None, None);
    }

    fn order_hold(&mut self, slot: Slot, hold: Hold, out: &mut Outbox) -> Position {
        self.keep_hold(slot, hold.clone(), out);
        let cause = hold.cause;
        self.append(Some(slot), Change::Hold(hold), None, cause, 0, out).position
    }

    fn keep_hold(&mut self, slot: Slot, hold: Hold, out: &mut Outbox) {
        out.persist.push(Persist::Hold(hold.clone()));
        self.holds.insert(self.now, slot, hold);
    }

    fn end_hold(&mut self, slot: Slot, id: u64, out: &mut Outbox) -> Position {
        self.forget_hold(slot, id, out);
        self.append(Some(slot), Change::Release { id }, None, Cause::Command, 0, out).position
    }

    /// A hold of a slot is over.
    pub(super) fn forget_hold(&mut self, slot: Slot, id: u64, out: &mut Outbox) {
        self.holds.remove(slot, id);
        out.persist.push(Persist::Released(slot, id));
    }

    /// An owner has taken a hold on: its replica keeps it too.
    pub(super) fn follow_hold(&mut self, slot: Slot, hold: &Hold, out: &mut Outbox) {
        if !self.config.has(Planted::HoldLost) {
            self.keep_hold(slot, hold.clone(), out);
        }
    }

    /// Lets what is due in this member's slots take effect.
    pub(super) fn release_holds(&mut self, out: &mut Outbox) {
        for (slot, id) in self.holds.due(self.now) {
            if self.owns(self.now, slot)
                && let Some((attempt, invalidate)) = self.holds.attempt(slot, id)
            {
                self.invalidate(Origin::Hold(attempt), invalidate, out);
            }
        }
    }

    /// What became of the invalidation that a hold asked for. If it was refused, a later tick asks again.
    pub(super) fn hold_answered(&mut self, attempt: u64, answer: &Answer, out: &mut Outbox) {
        let is_done = matches!(answer, Answer::Invalidated(_));
        let Some((slot, id)) = self.holds.answered(self.now, attempt, !is_done) else { return };
        if is_done && self.owns(self.now, slot) {
            self.end_hold(slot, id, out);
            out.tell.push(Told::TookEffect(id));
        }
    }

    /// An event is about to be ordered here: what waits for it is due. Its replicas know before they hear of the event.
    pub(super) fn meet_holds(&mut self, event: &Event, out: &mut Outbox) {
        let met = self.holds.met_by(event);
        if met.is_empty() {
            return;
        }
        for (slot, hold) in met {
            if self.owned.has(slot) {
                self.order_hold(slot, Hold { until: Awaited::After(0), ..hold }, out);
            }
        }
        self.release_holds(out);
    }
}
