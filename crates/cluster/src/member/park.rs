//! Reads that wait for news: the store has a value, but whoever orders its tags or dependencies was not heard of lately
//! enough for the reader; or this member is the owner and has not begun yet.

use clearwell_words::Millis;

use super::Member;
use super::route::Origin;
use crate::name::Name;
use crate::outbox::Outbox;
use crate::request::{Read, Refusal};
use crate::waiting::Lack;
use crate::{Bytes, Peer};

/// A read that waits.
#[derive(Debug)]
pub(super) struct Parked {
    pub origin: Origin,
    pub read: Read,
    pub born: Millis,
    /// What the value stands under.
    pub names: Vec<Name>,
}

impl Member {
    /// Asks the owners of its names now, and waits for their answers.
    pub(super) fn park(&mut self, parked: Parked, out: &mut Outbox) {
        self.ask_for_news(&parked.names, out);
        match self.lacks_news(&parked) {
            Some(lacks) => self.parked.push_lacking(parked, lacks),
            None => self.parked.push(parked),
        }
    }

    /// Takes up again what has its news, and gives up what has waited too long.
    pub(super) fn unpark(&mut self, out: &mut Outbox) {
        self.parked.wake_due(self.now);
        for (id, parked) in self.parked.take_woken() {
            if self.now >= self.parked_until(parked.born) {
                self.refuse(&parked.origin, Refusal::NoOwner, out);
                continue;
            }
            match self.lacks_news(&parked) {
                Some(lacks) => self.parked.put_back(id, parked, lacks),
                None => self.load(parked.origin, parked.read, parked.born, true, out),
            }
        }
    }

    fn parked_until(&self, born: Millis) -> Millis {
        born.plus(self.config.request_ms + 1)
    }

    /// What a parked read waits for; `None` when it can be tried again.
    fn lacks_news(&self, parked: &Parked) -> Option<Vec<Lack>> {
        let Parked { read, born, names, .. } = parked;
        let late = Lack::Time(self.parked_until(*born));
        let slot = self.slot(&read.key);
        if self.owned.is_to_begin(slot) {
            return Some(vec![Lack::Slot(slot), late]);
        }
        if self.is_doubtful(&read.key, read.level) && self.owns(self.now, slot) {
            // It is refused as soon as this member may not say anything any more.
            return Some(vec![Lack::name(&read.key), Lack::Time(self.tenure.until()), late]);
        }
        if names.iter().any(|name| self.is_untold(name)) || self.is_proven(read, names) {
            return None;
        }
        let view = self.tenure.view()?;
        let owners = names.iter().map(|name| view.owner(name.slot(view.slots)));
        let lacks = owners.map(|owner| if owner == self.me { Lack::Lease } else { Lack::News(owner) });
        Some(lacks.chain([late]).collect())
    }

    /// The questions, or their answers, may have been lost.
    pub(super) fn ask_again(&mut self, out: &mut Outbox) {
        for owner in self.parked.lacked_news() {
            self.ask_owner_for_news(owner, out);
        }
    }

    /// An owner told where its log stands, or sent records.
    pub(super) fn has_news(&mut self, from: Peer) {
        self.parked.wake(Lack::News(from));
        self.fills.wake(Lack::News(from));
    }

    /// What is known of a key's journal has changed.
    pub(super) fn has_word_of(&mut self, key: &Bytes) {
        self.parked.wake(Lack::name(key));
    }

    /// Everything may be different now: a view, or slots that begin.
    pub(super) fn wake_all(&mut self) {
        self.waiting.wake_all();
        self.parked.wake_all();
        self.fills.wake_all();
        self.holder.admissions.wake_all();
    }

    fn ask_for_news(&mut self, names: &[Name], out: &mut Outbox) {
        let Some(view) = self.tenure.view().cloned() else { return };
        for name in names {
            self.ask_owner_for_news(view.owner(name.slot(view.slots)), out);
        }
    }

    fn ask_owner_for_news(&mut self, owner: Peer, out: &mut Outbox) {
        const PAUSE_MS: u64 = 50;
        let Some(epoch) = self.tenure.view().map(|view| view.epoch) else { return };
        if owner != self.me && self.holder.is_beat_due(self.now, owner, PAUSE_MS) {
            self.holder.beat(self.now, owner, epoch, out);
        }
    }

    /// Whether nobody tells of a name here, or is asked to: a record ended that, and took the value away as well.
    pub(super) fn is_untold(&self, name: &Name) -> bool {
        let Some(view) = self.tenure.view() else { return true };
        view.owner(name.slot(view.slots)) != self.me && !self.holder.is_known(view, name)
    }
}
