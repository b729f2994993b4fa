//! What waits until others have a record.

use clearwell_words::Millis;

use super::Member;
use super::route::{Origin, Work};
use crate::entry::AsOf;
use crate::outbox::{Ask, Outbox};
use crate::request::{Ack, Answer, Done, Refusal};
use crate::subscribers::Lagging;
use crate::waiting::Lack;
use crate::{Bytes, Entry, Epoch, Planted, Position, Slot, Ticket, Token};

/// Something that is to be done when a record is committed.
#[derive(Debug)]
pub(super) struct Pending {
    /// The record.
    pub position: Position,
    /// Its slots; the member must own them all when it is done.
    pub slots: Slots,
    /// Whoever may still have a copy must have said that it has not.
    pub copies: Option<Lagging>,
    /// Since when.
    pub born: Millis,
    /// What is to be done.
    pub then: Then,
}

/// The slots that a record concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slots {
    /// This one.
    One(Slot),
    /// All that the member owned in this view, each begun.
    All(Epoch),
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Then {
    /// Ask the source to change the key.
    Commit { origin: Origin, key: Bytes, value: Option<Bytes>, id: u64, intent: Position, through: bool },
    /// Acknowledge a write or an invalidation.
    Say { origin: Origin, written: bool, ack: Ack, done: Done },
    /// Refuse.
    Refuse { origin: Origin, refusal: Refusal },
    /// Answer a read.
    Show { origin: Origin, entry: Option<Entry>, as_of: AsOf, hold: bool },
}

impl Then {
    fn origin(&self) -> &Origin {
        match self {
            Then::Commit { origin, .. }
            | Then::Say { origin, .. }
            | Then::Refuse { origin, .. }
            | Then::Show { origin, .. } => origin,
        }
    }
}

impl Member {
    /// Does what can be done now, as much as one step may, or more where others come faster than that. What that adds is looked at as well.
    pub(super) fn resolve(&mut self, out: &mut Outbox) {
        const STEPS_MOST: usize = 64;
        let (now, patience_ms) = (self.now, self.config.request_ms);
        let is_late = |pending: &Pending| now.since(pending.born) > patience_ms;
        self.waiting.wake_due(now);
        let most = self.config.taken_most.max(self.waiting.woken() / STEPS_MOST);
        self.waiting.wake_late(most, is_late);
        let mut looks = self.config.told_most;
        for _ in 0..most {
            let Some((id, mut pending)) = self.waiting.next() else { return };
            if !self.still_owns(pending.slots) || is_late(&pending) {
                self.give_up(pending, out);
                continue;
            }
            match self.lacks(&mut pending, &mut looks) {
                None if looks == 0 => return self.waiting.put_off(id, pending),
                None => self.carry_out(pending, out),
                Some((lack, until)) => {
                    let lacks = std::iter::once(lack).chain(until.map(Lack::Time)).collect();
                    self.waiting.put_back(id, pending, lacks);
                }
            }
        }
    }

    fn still_owns(&self, slots: Slots) -> bool {
        match slots {
            Slots::One(slot) => self.owned.has_begun(slot),
            Slots::All(epoch) => self.tenure.view().is_some_and(|view| view.epoch == epoch),
        }
    }

    /// The first thing that is missing before it can be done, and the time at which it does not count any more. No more than `looks` holders
    /// are looked at, and taken off it: at its end nothing is known yet.
    fn lacks(&self, pending: &mut Pending, looks: &mut usize) -> Option<(Lack, Option<Millis>)> {
        if !self.tenure.is_leased(self.now) {
            return Some((Lack::Lease, None));
        }
        let shown = matches!(pending.then, Then::Show { .. }) && self.config.has(Planted::UncommittedRead);
        let alone = self.config.has(Planted::JournalAlone)
            && matches!(&pending.then, Then::Say { written: true, .. });
        if !shown
            && !alone
            && !self.leaves_it_to_owner(pending)
            && let Some(lack) = self.lacks_commit(pending)
        {
            return Some((lack, None));
        }
        let copies = pending.copies.as_mut()?;
        if self.config.has(Planted::ReadLeaseIgnored) {
            return None;
        }
        let quiet_until = match pending.slots {
            Slots::One(slot) => self.owned.quiet_until(slot),
            Slots::All(_) => self.owned.all_quiet_until(),
        };
        if self.now < quiet_until {
            return Some((Lack::Time(quiet_until), None));
        }
        let unheard = self.subscribers.unheard(self.now, copies, looks)?;
        Some((Lack::Word(unheard.holder, unheard.position), Some(unheard.until)))
    }

    /// Whether its keyspace wants no replica to be waited for, and none has to be. While slots are on their way, the next owner of one
    /// may be somebody else although this one lives, and must have all that was acknowledged.
    fn leaves_it_to_owner(&self, pending: &Pending) -> bool {
        matches!(pending.then, Then::Say { ack: Ack::Owner, .. })
            && self.tenure.is_granted()
            && self.tenure.view().is_some_and(|view| view.is_settled())
    }

    fn lacks_commit(&self, pending: &Pending) -> Option<Lack> {
        let lacks = |slot: Slot| self.lacks_to_commit(slot, pending.position);
        match pending.slots {
            Slots::One(slot) => lacks(slot),
            Slots::All(_) if self.needs_nobody() => None,
            Slots::All(_) => self.owned.from(Slot(0)).find_map(lacks),
        }
    }

    fn carry_out(&mut self, pending: Pending, out: &mut Outbox) {
        match pending.then {
            Then::Commit { origin, key, value, id, intent, through } => {
                let slot = self.slot(&key);
                let fence = self.config.needs_fence(&key).then(|| (slot, self.owned.fence_number(slot)));
                let job = self.jobs.begin(Work::Commit { origin, key: key.clone(), intent, through });
                out.ask.push((job, Ask::Commit { key, value, id, fence }));
            }
            Then::Say { origin, written, ack, mut done } => {
                done.survives = match pending.slots {
                    Slots::One(slot) if ack == Ack::Owner && !self.is_committed(slot, pending.position) => {
                        self.owned.acknowledged_alone(slot, pending.position);
                        false
                    }
                    Slots::One(slot) => self.survives(slot),
                    Slots::All(_) => self.owned.from(Slot(0)).all(|slot| self.survives(slot)),
                };
                let answer = if written { Answer::Written(done) } else { Answer::Invalidated(done) };
                self.answer(&origin, answer, Vec::new(), None, out);
            }
            Then::Refuse { origin, refusal } => self.refuse(&origin, refusal, out),
            Then::Show { origin, entry, as_of, hold } => {
                if hold
                    && self.config.has(Planted::InterestAfterRead)
                    && let Some(entry) = &entry
                {
                    self.note_holder(&origin, &entry.key.clone());
                }
                let view = self.tenure.view().expect("an owner has a view");
                let token = Token::at(view.epoch, self.me, pending.position);
                let stream = match (&origin, hold) {
                    (Origin::Remote(peer, _), true) => Some(*peer),
                    _ => None,
                };
                let lease = self.fill_lease(entry.as_ref(), &as_of);
                self.answer(&origin, Answer::Value { entry, token, lease }, as_of, stream, out);
            }
        }
    }

    fn give_up(&mut self, pending: Pending, out: &mut Outbox) {
        if let Then::Commit { key, intent, .. } = &pending.then {
            // The source was never asked: the key is free again.
            let (key, intent) = (key.clone(), *intent);
            self.settle(&key, intent, out);
        }
        let refusal = match &pending.then {
            Then::Say { .. } => Refusal::Unknown,
            Then::Commit { .. } | Then::Show { .. } => Refusal::NoOwner,
            Then::Refuse { refusal, .. } => *refusal,
        };
        let origin = *pending.then.origin();
        self.refuse(&origin, refusal, out);
    }

    /// The ticket under which a holder asked, if the origin is one.
    pub(super) fn holder_ticket(origin: &Origin) -> Option<(crate::Peer, Ticket)> {
        match origin {
            Origin::Remote(peer, ticket) => Some((*peer, *ticket)),
            Origin::Local(_) | Origin::Hold(_) | Origin::Nobody => None,
        }
    }
}
