//! What waits until others have a record.

use clearwell_engine::Millis;

use super::Member;
use super::route::{Origin, Work};
use crate::entry::AsOf;
use crate::name::Name;
use crate::outbox::{Ask, Outbox};
use crate::request::{Answer, Done, Refusal};
use crate::{Bytes, Entry, Epoch, Planted, Position, Slot, Ticket, Token};

/// Something that is to be done when a record is committed.
#[derive(Debug)]
pub(super) struct Waiting {
    /// The record.
    pub position: Position,
    /// Its slots; the member must own them all when it is done.
    pub slots: Slots,
    /// Every live copy under this name must be gone as well (`None` in it: all that this owner told of).
    pub copies: Option<Option<Name>>,
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
    Say { origin: Origin, written: bool, done: Done },
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
    /// Does what can be done now. What that adds is looked at as well.
    pub(super) fn resolve(&mut self, out: &mut Outbox) {
        let mut kept = Vec::new();
        while !self.waiting.is_empty() {
            for waiting in std::mem::take(&mut self.waiting) {
                let mine = self.still_owns(waiting.slots);
                let late = self.now.since(waiting.born) > self.config.request_ms;
                if !mine || late {
                    self.give_up(waiting, out);
                } else if self.is_done(&waiting) {
                    self.carry_out(waiting, out);
                } else {
                    kept.push(waiting);
                }
            }
        }
        self.waiting = kept;
    }

    fn still_owns(&self, slots: Slots) -> bool {
        match slots {
            Slots::One(slot) => self.owned.get(&slot).is_some_and(|owned| owned.began),
            Slots::All(epoch) => self.view.as_ref().is_some_and(|view| view.epoch == epoch),
        }
    }

    fn is_done(&self, waiting: &Waiting) -> bool {
        if self.now >= self.lease.until() {
            return false;
        }
        let shown = matches!(waiting.then, Then::Show { .. }) && self.config.has(Planted::UncommittedRead);
        let alone = self.config.has(Planted::JournalAlone)
            && matches!(&waiting.then, Then::Say { written: true, .. });
        let committed = |slot: Slot| self.is_committed(slot, waiting.position);
        let all_committed = match waiting.slots {
            Slots::One(slot) => committed(slot),
            Slots::All(_) => self.needs_nobody() || self.owned.keys().copied().all(committed),
        };
        if !shown && !alone && !all_committed {
            return false;
        }
        let Some(name) = &waiting.copies else { return true };
        if self.config.has(Planted::ReadLeaseIgnored) {
            return true;
        }
        let quiet = match waiting.slots {
            Slots::One(slot) => self.now >= self.owned[&slot].quiet_until,
            Slots::All(_) => self.owned.values().all(|owned| self.now >= owned.quiet_until),
        };
        quiet && !self.subscribers.lags(self.now, name.as_ref(), waiting.position)
    }

    fn carry_out(&mut self, waiting: Waiting, out: &mut Outbox) {
        match waiting.then {
            Then::Commit { origin, key, value, id, intent, through } => {
                let slot = self.slot(&key);
                let epoch = self.fence_number(slot);
                let job = self.job(Work::Commit { origin, key: key.clone(), intent, through });
                out.ask.push((job, Ask::Commit { key, value, id, fence: (slot, epoch) }));
            }
            Then::Say { origin, written, mut done } => {
                done.survives = match waiting.slots {
                    Slots::One(slot) => self.survives(slot),
                    Slots::All(_) => self.owned.keys().all(|slot| self.survives(*slot)),
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
                let view = self.view.as_ref().expect("an owner has a view");
                let token = Token::at(view.epoch, self.me, waiting.position);
                let stream = match (&origin, hold) {
                    (Origin::Remote(peer, _), true) => Some(*peer),
                    _ => None,
                };
                let lease = self.fill_lease(entry.as_ref(), &as_of);
                self.answer(&origin, Answer::Value { entry, token, lease }, as_of, stream, out);
            }
        }
    }

    fn give_up(&mut self, waiting: Waiting, out: &mut Outbox) {
        if let Then::Commit { key, intent, .. } = &waiting.then {
            // The source was never asked: the key is free again.
            let (key, intent) = (key.clone(), *intent);
            self.settle(&key, intent, out);
        }
        let refusal = match &waiting.then {
            Then::Say { .. } => Refusal::Unknown,
            Then::Commit { .. } | Then::Show { .. } => Refusal::NoOwner,
            Then::Refuse { refusal, .. } => *refusal,
        };
        let origin = *waiting.then.origin();
        self.refuse(&origin, refusal, out);
    }

    /// The ticket under which a holder asked, if the origin is one.
    pub(super) fn holder_ticket(origin: &Origin) -> Option<(crate::Peer, Ticket)> {
        match origin {
            Origin::Remote(peer, ticket) => Some((*peer, *ticket)),
            Origin::Local(_) | Origin::Nobody => None,
        }
    }
}
