//! Invalidations: of names at their owner, of patterns, events and everything at all owners.

use std::collections::{BTreeMap, BTreeSet};

use clearwell_words::{Invalidation, Millis, Scope};

use super::Member;
use super::route::Origin;
use super::wait::Slots;
use crate::message::{Message, Reply};
use crate::name::Name;
use crate::outbox::{Outbox, To};
use crate::record::Change;
use crate::request::{Answer, Done, Invalidate, Refusal, Request};
use crate::subscribers::Lagging;
use crate::{Epoch, Peer, Slot, Ticket, Token};

/// An invalidation that all owners of one view must order.
#[derive(Debug)]
pub(super) struct Wide {
    origin: Origin,
    request: Invalidate,
    epoch: Epoch,
    done: BTreeMap<Peer, Done>,
    tickets: BTreeSet<Ticket>,
    sent: Millis,
    born: Millis,
}

/// All of them that this member spreads, found again by the question that an owner answers.
#[derive(Debug, Default)]
pub(super) struct Wides {
    all: BTreeMap<Ticket, Wide>,
    asked: BTreeMap<Ticket, Ticket>,
}

impl Wides {
    /// An owner is asked for its part.
    fn ask(&mut self, id: Ticket, question: Ticket) {
        if let Some(wide) = self.all.get_mut(&id) {
            wide.tickets.insert(question);
            self.asked.insert(question, id);
        }
    }

    /// Whose question it was.
    fn find(&mut self, question: Ticket) -> Option<(Ticket, &mut Wide)> {
        let id = *self.asked.get(&question)?;
        self.all.get_mut(&id).map(|wide| (id, wide))
    }

    fn remove(&mut self, id: Ticket) -> Option<Wide> {
        let wide = self.all.remove(&id)?;
        wide.tickets.iter().for_each(|question| {
            self.asked.remove(question);
        });
        Some(wide)
    }
}

impl Member {
    /// Takes an invalidation, of this node or of another.
    pub(super) fn invalidate(&mut self, origin: Origin, request: Invalidate, out: &mut Outbox) {
        let Some(view) = self.tenure.view() else {
            return self.refuse(&origin, Refusal::NoOwner, out);
        };
        let Some(name) = Name::of(&request.invalidation.scope) else {
            return match origin {
                Origin::Remote(..) => self.order_wide(origin, request, out),
                Origin::Local(_) | Origin::Hold(_) | Origin::Nobody => self.spread(origin, request, out),
            };
        };
        let slot = name.slot(view.slots);
        if self.owned.has_begun(slot) {
            return self.order(origin, (&name, slot), request, out);
        }
        let owner = view.owner(slot);
        if owner == self.me {
            return self.refuse(&origin, Refusal::NoOwner, out);
        }
        match origin {
            Origin::Remote(..) => self.refuse(&origin, Refusal::NoOwner, out),
            _ if owner == Peer::default() => self.refuse(&origin, Refusal::NoOwner, out),
            Origin::Local(_) | Origin::Hold(_) | Origin::Nobody => {
                self.route(origin, owner, Request::Invalidate(request), out)
            }
        }
    }

    fn order(
        &mut self,
        origin: Origin,
        (name, slot): (&Name, Slot),
        mut request: Invalidate,
        out: &mut Outbox,
    ) {
        if !self.owns(self.now, slot) {
            return self.refuse(&origin, Refusal::NoOwner, out);
        }
        let (wait, version) = (request.wait, request.invalidation.version);
        if let Name::Key(key) = name {
            request.invalidation.version = self.older_than(key, version);
        }
        let position = self.order_record(Some(slot), request, out);
        let copies = wait.then(|| self.ask_lagging(Some(name), position));
        self.acknowledge(origin, false, position, Slots::One(slot), copies, version);
    }

    fn order_record(&mut self, slot: Option<Slot>, request: Invalidate, out: &mut Outbox) -> crate::Position {
        let Invalidation { scope, effect, cascade, version, cause } = request.invalidation;
        let change = Change::Invalidate { scope, effect, cascade };
        self.append(slot, change, version, cause, request.depth, out).position
    }

    /// One owner's part of a wide invalidation.
    fn order_wide(&mut self, origin: Origin, request: Invalidate, out: &mut Outbox) {
        let epoch = self.tenure.epoch();
        if !self.tenure.is_leased(self.now) || !self.owned.all_began() {
            return self.refuse(&origin, Refusal::NoOwner, out);
        }
        if let Scope::Event(event) = &*request.invalidation.scope {
            self.meet_holds(event, out);
        }
        let wait = request.wait;
        let position = self.order_record(None, request, out);
        let copies = wait.then(|| self.ask_lagging(None, position));
        self.acknowledge(origin, false, position, Slots::All(epoch), copies, None);
    }

    fn spread(&mut self, origin: Origin, request: Invalidate, out: &mut Outbox) {
        let Some(view) = self.tenure.view().cloned() else { return };
        let ticket = self.holder.ticket();
        let wide = Wide {
            origin,
            request,
            epoch: view.epoch,
            done: BTreeMap::new(),
            tickets: BTreeSet::new(),
            sent: self.now,
            born: self.now,
        };
        self.wide.all.insert(ticket, wide);
        self.ask_owners(ticket, out);
    }

    /// Asks all owners that have not answered in this view.
    fn ask_owners(&mut self, id: Ticket, out: &mut Outbox) {
        let Some(view) = self.tenure.view().cloned() else { return };
        let Some(wide) = self.wide.all.get_mut(&id) else { return };
        if wide.epoch != view.epoch {
            wide.done.clear();
            wide.epoch = view.epoch;
        }
        wide.sent = self.now;
        let missing = view.all_owners().iter().filter(|owner| !wide.done.contains_key(owner));
        let missing: Vec<Peer> = missing.copied().collect();
        let request = wide.request.clone();
        for owner in missing {
            let ticket = self.holder.ticket();
            self.wide.ask(id, ticket);
            match owner == self.me {
                true => self.order_wide(Origin::Remote(owner, ticket), request.clone(), out),
                false => {
                    let message = Message::Request(ticket, Request::Invalidate(request.clone()));
                    out.send.push((To::Peer(owner), message));
                }
            }
        }
    }

    /// Whether a reply belonged to a wide invalidation.
    pub(super) fn wide_reply(&mut self, from: Peer, ticket: Ticket, reply: &Reply, out: &mut Outbox) -> bool {
        let Some((id, wide)) = self.wide.find(ticket) else { return false };
        if let Answer::Invalidated(done) = &reply.answer
            && done.token.epoch == wide.epoch
        {
            wide.done.insert(from, done.clone());
        }
        let Some(view) = self.tenure.view().filter(|view| view.epoch == wide.epoch) else { return true };
        let all = view.all_owners().iter().all(|owner| wide.done.contains_key(owner));
        if all && let Some(wide) = self.wide.remove(id) {
            let mut token = Token::default();
            wide.done.values().for_each(|done| token.merge(&done.token));
            let ordered = wide.done.values().flat_map(|done| done.ordered.clone()).collect();
            let survives = wide.done.values().all(|done| done.survives);
            let done = Done { version: None, ordered, survives, token };
            self.answer(&wide.origin, Answer::Invalidated(done), Vec::new(), None, out);
        }
        true
    }

    pub(super) fn retry_wide(&mut self, out: &mut Outbox) {
        const AGAIN_MS: u64 = 400;
        let due = |wide: &&mut Wide, now: Millis| now.since(wide.sent) >= AGAIN_MS;
        let now = self.now;
        let ids: Vec<Ticket> =
            self.wide.all.iter_mut().filter(|(_, wide)| due(wide, now)).map(|(&id, _)| id).collect();
        for id in ids {
            let expired = self.wide.all.get(&id).is_some_and(|w| now.since(w.born) > self.config.request_ms);
            match expired {
                false => self.ask_owners(id, out),
                true => {
                    if let Some(wide) = self.wide.remove(id) {
                        self.refuse(&wide.origin, Refusal::Unknown, out);
                    }
                }
            }
        }
    }

    /// Who has not applied what makes the name old (`None`: any) is asked to say so at once.
    pub(super) fn ask_lagging(&mut self, name: Option<&Name>, position: crate::Position) -> Lagging {
        self.subscribers.hurry(self.now, &self.config, name, position)
    }
}

/// The scope of everything, for whatever cannot be told more exactly.
pub(super) fn everything() -> crate::record::ScopeOf {
    std::sync::Arc::new(Scope::Everything)
}
