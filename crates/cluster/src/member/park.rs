//! Reads that wait for news: the store has a value, but whoever orders its tags or dependencies was not heard of lately
//! enough for the reader; or this member is the owner and has not begun yet.

use clearwell_engine::Millis;

use super::Member;
use super::route::Origin;
use crate::name::Name;
use crate::outbox::Outbox;
use crate::request::{Read, Refusal};

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
        self.parked.push(parked);
    }

    /// Takes up again what has its news, and gives up what has waited too long.
    pub(super) fn unpark(&mut self, out: &mut Outbox) {
        for parked in std::mem::take(&mut self.parked) {
            let Parked { origin, read, born, names } = parked;
            let slot = self.slot(&read.key);
            let begins = self.owned.get(&slot).is_some_and(|owned| !owned.began);
            let has_news = || names.iter().any(|name| self.is_untold(name)) || self.is_proven(&read, &names);
            if self.now.since(born) > self.config.request_ms {
                self.refuse(&origin, Refusal::NoOwner, out);
            } else if !begins && has_news() {
                self.load(origin, read, born, true, out);
            } else {
                self.parked.push(Parked { origin, read, born, names });
            }
        }
    }

    /// The questions, or their answers, may have been lost.
    pub(super) fn ask_again(&mut self, out: &mut Outbox) {
        let parked = std::mem::take(&mut self.parked);
        parked.iter().for_each(|parked| self.ask_for_news(&parked.names, out));
        self.parked = parked;
    }

    fn ask_for_news(&mut self, names: &[Name], out: &mut Outbox) {
        const PAUSE_MS: u64 = 50;
        let Some(view) = self.view.clone() else { return };
        for name in names {
            let owner = view.owner(name.slot(view.slots));
            if owner != self.me && self.holder.is_beat_due(self.now, owner, PAUSE_MS) {
                self.holder.beat(self.now, owner, view.epoch, out);
            }
        }
    }

    /// Whether nobody tells of a name here, or is asked to: a record ended that, and took the value away as well.
    pub(super) fn is_untold(&self, name: &Name) -> bool {
        let Some(view) = &self.view else { return true };
        view.owner(name.slot(view.slots)) != self.me && !self.holder.is_known(view, name)
    }
}
