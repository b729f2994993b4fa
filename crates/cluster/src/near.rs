//! A client's near cache: a copy holder that owns nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use clearwell_words::Millis;

use crate::admission::{OwnsNothing, Wish};
use crate::chance::Chance;
use crate::holder::Holder;
use crate::level::{Level, Service, Token};
use crate::message::{Message, Reply};
use crate::name::{Bytes, Name};
use crate::outbox::{Outbox, To};
use crate::proof::{Proof, names, service};
use crate::request::{Answer, Refusal, Request};
use crate::view::View;
use crate::{Config, Epoch, Input, NodeId, Peer, Ticket};

/// A near cache. It takes the same inputs as a member (time, messages, requests, evictions) and gives the same outputs;
/// it never asks the process around it for anything.
#[derive(Debug)]
pub struct NearCache {
    config: Config,
    now: Millis,
    view: Option<Arc<View>>,
    holder: Holder,
    routed: BTreeMap<Ticket, Routed>,
    view_asked: Option<Millis>,
    chance: Chance,
}

/// A request that an owner works on.
#[derive(Debug)]
struct Routed {
    ticket: Ticket,
    request: Request,
    born: Millis,
    /// Whom it was sent to, and when; the default peer when that one is not the owner any more.
    owner: Peer,
    sent: Millis,
}

impl NearCache {
    /// A near cache that begins at `now`; `config.seeds` are the members that it asks for the view.
    pub fn new(config: Config, now: Millis) -> NearCache {
        NearCache {
            chance: Chance::new(config.seed),
            config,
            now,
            view: None,
            holder: Holder::default(),
            routed: BTreeMap::new(),
            view_asked: None,
        }
    }

    /// Takes one input and says what to do.
    pub fn step(&mut self, now: Millis, input: Input, out: &mut Outbox) {
        self.now = self.now.max(now);
        match input {
            Input::Tick => self.tick(out),
            Input::Message(from, message) => self.message(from, message, out),
            Input::Request(ticket, request) => self.request(ticket, request, out),
            Input::Evicted(key) => self.holder.evicted(&key),
            // It owns nothing that could be settled.
            Input::Settle(ticket, _) => out.answer.push((ticket, Answer::Refused(Refusal::NoOwner))),
            Input::Done(..) | Input::Operate(_) | Input::More => {}
        }
        let Some(view) = self.view.clone() else { return };
        let decided = self.holder.decide(self.now, &self.config, &view, &OwnsNothing, out);
        for (entry, _, wish, kept) in decided {
            if wish == Wish::Copy && !kept {
                self.holder.refused(&entry.key, out);
            }
        }
        self.holder.enlist(self.now, &self.config, &view, out);
    }

    /// The view that it follows.
    pub fn view(&self) -> Option<&Arc<View>> {
        self.view.as_ref()
    }

    /// Whether the copy that lies here may be served as it is.
    pub fn may_serve(
        &self,
        now: Millis,
        key: &Bytes,
        tags: &[Bytes],
        dependencies: &[Bytes],
        level: Level,
        token: &Token,
    ) -> Service {
        let Some(view) = &self.view else {
            return if level == Level::Weak { Service::Serve { age_ms: None } } else { Service::Ask };
        };
        let covers =
            names(key, tags, dependencies).map(|name| self.holder.covered(&self.config, view, &name));
        let proof = Proof::of(covers, now, token);
        let is_told = || names(key, tags, dependencies).all(|name| self.holder.is_known(view, &name));
        service((level, token), (proof, view.epoch), &self.config, is_told, || true)
    }

    /// What a session has seen that was served the copy of `key` here.
    pub fn seen(&self, key: &Bytes) -> Token {
        let Some(view) = &self.view else { return Token::default() };
        match self.holder.covered(&self.config, view, &Name::Key(key.clone())) {
            Some(cover) => Token::at(view.epoch, cover.owner, cover.watermark),
            None => Token { epoch: view.epoch, ..Token::default() },
        }
    }

    fn tick(&mut self, out: &mut Outbox) {
        self.seek_view(out);
        if let Some(view) = self.view.clone() {
            self.holder.tick(self.now, &self.config, &view, out);
        }
        let late = |routed: &Routed| self.now.since(routed.born) > self.config.request_ms;
        let late: Vec<Ticket> = self.routed.iter().filter(|(_, r)| late(r)).map(|(&t, _)| t).collect();
        for wire in late {
            let Some(routed) = self.routed.remove(&wire) else { continue };
            unexpect(&mut self.holder, wire, &routed.request, out);
            let is_read = matches!(routed.request, Request::Read(_));
            let refusal = if is_read { Refusal::NoOwner } else { Refusal::Unknown };
            out.answer.push((routed.ticket, Answer::Refused(refusal)));
        }
    }

    /// Asks somebody for a later view: nobody tells it of one by himself. Whoever does not answer may be gone, as all may be whom it knew at first.
    fn seek_view(&mut self, out: &mut Outbox) {
        const OFTEN_MS: u64 = 5000;
        const SOON_MS: u64 = 300;
        let is_unanswered = |routed: &Routed| self.now.since(routed.sent) >= SOON_MS;
        let is_urgent = self.view.is_none() || self.routed.values().any(is_unanswered);
        let pause_ms = if is_urgent { SOON_MS } else { OFTEN_MS };
        if self.view_asked.is_some_and(|at| self.now.since(at) < pause_ms) {
            return;
        }
        let mut nodes: Vec<NodeId> = self.config.seeds.clone();
        nodes.extend(self.view.iter().flat_map(|view| view.members()).map(|member| member.node));
        if nodes.is_empty() {
            return;
        }
        self.view_asked = Some(self.now);
        let node = nodes[(self.chance.next() % nodes.len() as u64) as usize];
        out.send.push((To::Node(node), Message::ViewAsk(self.epoch())));
    }

    fn message(&mut self, from: Peer, message: Message, out: &mut Outbox) {
        match message {
            Message::View(view, _) => self.install(view, out),
            Message::Reply(ticket, reply) => self.reply(from, ticket, *reply, out),
            Message::Beat(stream) => {
                self.notice(from, stream.epoch, out);
                self.holder.news(self.now, &self.config, from, &stream, out);
            }
            Message::Records(records) => {
                self.notice(from, records.epoch, out);
                let epoch = self.epoch();
                self.holder.records(self.now, &self.config, from, epoch, &records, out);
            }
            Message::Enlisted(enlisted) => {
                self.notice(from, enlisted.stream.epoch, out);
                self.holder.enlisted(self.now, &self.config, from, &enlisted, out);
            }
            _ => {}
        }
    }

    fn request(&mut self, ticket: Ticket, request: Request, out: &mut Outbox) {
        self.ask(ticket, request, self.now, out);
    }

    fn ask(&mut self, ticket: Ticket, request: Request, born: Millis, out: &mut Outbox) {
        let Some(owner) = self.view.as_ref().and_then(|view| owner_in(view, &request)) else {
            return out.answer.push((ticket, Answer::Refused(Refusal::NoOwner)));
        };
        let wire = match &request {
            Request::Read(read) if read.hold => self.holder.expect(self.now, owner, &read.key),
            _ => self.holder.ticket(),
        };
        out.send.push((To::Peer(owner), Message::Request(wire, request.clone())));
        self.routed.insert(wire, Routed { ticket, request, born, owner, sent: self.now });
    }

    /// Takes the reads out that were sent to whoever does not own their keys in a view: those may be gone, or have said so.
    fn take_moved(&mut self, view: &View, out: &mut Outbox) -> Vec<Routed> {
        let has_moved = |routed: &Routed| {
            matches!(routed.request, Request::Read(_))
                && owner_in(view, &routed.request) != Some(routed.owner)
        };
        let moved = self.routed.iter().filter(|(_, routed)| has_moved(routed)).map(|(&wire, _)| wire);
        let moved: Vec<Ticket> = moved.collect();
        let taken = moved.into_iter().filter_map(|wire| {
            let routed = self.routed.remove(&wire)?;
            unexpect(&mut self.holder, wire, &routed.request, out);
            Some(routed)
        });
        taken.collect()
    }

    fn reply(&mut self, from: Peer, wire: Ticket, mut reply: Reply, out: &mut Outbox) {
        self.notice(from, reply.epoch, out);
        let Some(mut routed) = self.routed.remove(&wire) else { return };
        let is_read = matches!(routed.request, Request::Read(_));
        if is_read && reply.answer == Answer::Refused(Refusal::NoOwner) && reply.epoch > self.epoch() {
            // The view that is asked for now says who owns it.
            routed.owner = Peer::default();
            self.routed.insert(wire, routed);
            return;
        }
        reply.arrive(self.now, &self.config, routed.sent);
        if let Some(mut stream) = reply.stream {
            stream.sent = routed.sent;
            self.holder.news(self.now, &self.config, from, &stream, out);
        }
        if let Request::Read(read) = &routed.request
            && read.hold
        {
            let arrived = match &reply.answer {
                Answer::Value { entry: Some(entry), .. } if !reply.as_of.is_empty() => {
                    let arrived = self.holder.arrived(from, wire, &read.key, &reply.as_of, out);
                    if arrived {
                        self.holder.admit(self.now, entry.clone(), reply.as_of.clone(), Wish::Copy);
                    }
                    arrived
                }
                _ => false,
            };
            if !arrived {
                self.holder.unexpect(&read.key, wire, out);
            }
        }
        out.answer.push((routed.ticket, reply.answer));
    }

    fn install(&mut self, view: Arc<View>, out: &mut Outbox) {
        if self.view.as_ref().is_none_or(|now| now.epoch < view.epoch) {
            let before = self.epoch();
            // Before the new owners are told of what lies here, of which this is not.
            let moved = self.take_moved(&view, out);
            self.holder.follow_view(&view, before, self.config.me, crate::Position(0), out);
            self.view = Some(view);
            for Routed { ticket, request, born, .. } in moved {
                self.ask(ticket, request, born, out);
            }
        }
    }

    fn notice(&mut self, from: Peer, epoch: Epoch, out: &mut Outbox) {
        let lately = self.view_asked.is_some_and(|at| self.now.since(at) < 100);
        if epoch > self.epoch() && !lately {
            self.view_asked = Some(self.now);
            out.send.push((To::Peer(from), Message::ViewAsk(self.epoch())));
        }
    }

    fn epoch(&self) -> Epoch {
        self.view.as_ref().map_or(Epoch(0), |view| view.epoch)
    }
}

/// The owner of what is asked for, if there is one.
fn owner_in(view: &View, request: &Request) -> Option<Peer> {
    request.slot(view.slots).map(|slot| view.owner(slot)).filter(|owner| *owner != Peer::default())
}

/// No copy comes of it.
fn unexpect(holder: &mut Holder, wire: Ticket, request: &Request, out: &mut Outbox) {
    if let Request::Read(read) = request
        && read.hold
    {
        holder.unexpect(&read.key, wire, out);
    }
}
