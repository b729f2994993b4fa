//! Invalidations: of names at their owner, of patterns, events and everything at all owners.

use std::collections::BTreeMap;

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
use crate::{Epoch, Peer, Position, Slot, Ticket, Token};

/// An invalidation that all owners of one view must order.
#[derive(Debug)]
pub(super) struct Wide {
    origin: Origin,
    request: Invalidate,
    epoch: Epoch,
    done: BTreeMap<Peer, Done>,
    /// The question to each owner that has not answered it. It is asked again as the same, so that the owner orders its part once.
    questions: BTreeMap<Peer, Ticket>,
    sent: Millis,
    born: Millis,
}

/// All of them that this member spreads, found again by the question that an owner answers; and its own part of those of others.
#[derive(Debug, Default)]
pub(super) struct Wides {
    all: BTreeMap<Ticket, Wide>,
    asked: BTreeMap<Ticket, Ticket>,
    ordered: BTreeMap<(Peer, Ticket), Ordered>,
}

/// This member's part of one that another spreads.
#[derive(Debug)]
struct Ordered {
    position: Position,
    epoch: Epoch,
    at: Millis,
}

impl Wides {
    /// The question to an owner for its part.
    fn question(&mut self, id: Ticket, owner: Peer, new: impl FnOnce() -> Ticket) -> Option<Ticket> {
        let wide = self.all.get_mut(&id)?;
        let question = *wide.questions.entry(owner).or_insert_with(new);
        self.asked.insert(question, id);
        Some(question)
    }

    /// Whose question it was. It is answered.
    fn answered(&mut self, from: Peer, question: Ticket) -> Option<(Ticket, &mut Wide)> {
        let id = self.asked.remove(&question)?;
        let wide = self.all.get_mut(&id)?;
        wide.questions.remove(&from);
        Some((id, wide))
    }

    /// What is done counts for the view of this epoch only, as do the questions.
    fn renew(&mut self, id: Ticket, epoch: Epoch) {
        let Some(wide) = self.all.get_mut(&id).filter(|wide| wide.epoch != epoch) else { return };
        wide.done.clear();
        wide.epoch = epoch;
        for question in std::mem::take(&mut wide.questions).values() {
            self.asked.remove(question);
        }
    }

    fn remove(&mut self, id: Ticket) -> Option<Wide> {
        let wide = self.all.remove(&id)?;
        wide.questions.values().for_each(|question| {
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

    fn order_record(&mut self, slot: Option<Slot>, request: Invalidate, out: &mut Outbox) -> Position {
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
        if let Origin::Remote(peer, ticket) = origin {
            self.wide.ordered.insert((peer, ticket), Ordered { position, epoch, at: self.now });
        }
        self.acknowledge_wide(origin, (position, epoch), wait);
    }

    fn acknowledge_wide(&mut self, origin: Origin, (position, epoch): (Position, Epoch), wait: bool) {
        let copies = wait.then(|| self.ask_lagging(None, position));
        self.acknowledge(origin, false, position, Slots::All(epoch), copies, None);
    }

    /// A question that came before. The answer may have been lost: what was ordered then is acknowledged once more.
    pub(super) fn asked_again(
        &mut self,
        (peer, ticket): (Peer, Ticket),
        request: &Request,
        out: &mut Outbox,
    ) {
        let Request::Invalidate(Invalidate { invalidation, wait, .. }) = request else { return };
        if Name::of(&invalidation.scope).is_some() {
            return;
        }
        let (origin, now) = (Origin::Remote(peer, ticket), self.tenure.epoch());
        match self.wide.ordered.get(&(peer, ticket)) {
            Some(&Ordered { position, epoch, .. }) if epoch == now => {
                self.acknowledge_wide(origin, (position, epoch), *wait);
            }
            _ => self.refuse(&origin, Refusal::NoOwner, out),
        }
    }

    fn spread(&mut self, origin: Origin, request: Invalidate, out: &mut Outbox) {
        let Some(view) = self.tenure.view().cloned() else { return };
        let ticket = self.holder.ticket();
        let wide = Wide {
            origin,
            request,
            epoch: view.epoch,
            done: BTreeMap::new(),
            questions: BTreeMap::new(),
            sent: self.now,
            born: self.now,
        };
        self.wide.all.insert(ticket, wide);
        self.ask_owners(ticket, out);
    }

    /// Asks all owners that have not answered in this view.
    fn ask_owners(&mut self, id: Ticket, out: &mut Outbox) {
        let Some(view) = self.tenure.view().cloned() else { return };
        self.wide.renew(id, view.epoch);
        let Some(wide) = self.wide.all.get_mut(&id) else { return };
        wide.sent = self.now;
        // Its own answer comes when it can, and is not lost on the way.
        let is_asked = |owner: &Peer| *owner == self.me && wide.questions.contains_key(owner);
        let missing =
            view.all_owners().iter().filter(|owner| !wide.done.contains_key(owner) && !is_asked(owner));
        let missing: Vec<Peer> = missing.copied().collect();
        let request = wide.request.clone();
        for owner in missing {
            let Some(ticket) = self.wide.question(id, owner, || self.holder.ticket()) else { return };
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
        let Some((id, wide)) = self.wide.answered(from, ticket) else { return false };
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
        let (now, patience_ms) = (self.now, self.config.request_ms);
        self.wide.ordered.retain(|_, ordered| now.since(ordered.at) <= patience_ms);
        let due = |wide: &Wide| now.since(wide.sent) >= AGAIN_MS;
        let ids: Vec<Ticket> =
            self.wide.all.iter().filter(|(_, wide)| due(wide)).map(|(&id, _)| id).collect();
        for id in ids {
            let expired = self.wide.all.get(&id).is_some_and(|w| now.since(w.born) > patience_ms);
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
    pub(super) fn ask_lagging(&mut self, name: Option<&Name>, position: Position) -> Lagging {
        self.subscribers.hurry(self.now, &self.config, name, position)
    }
}

/// The scope of everything, for whatever cannot be told more exactly.
pub(super) fn everything() -> crate::record::ScopeOf {
    std::sync::Arc::new(Scope::Everything)
}
