//! Requests on their way: to the owner, and the answers back.

use std::collections::{BTreeMap, BTreeSet};

use clearwell_words::Millis;

use super::Member;
use super::compare::Listed;
use super::wait::{Pending, Slots, Then};
use crate::admission::Wish;
use crate::entry::AsOf;
use crate::message::{Message, Reply};
use crate::outbox::{Outbox, To};
use crate::part::Part;
use crate::request::{Ack, Answer, Done, Refusal, Request};
use crate::subscribers::{Lagging, Place};
use crate::{Bytes, Job, Outcome, Peer, Position, Slot, Ticket, Token};

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Somebody at this node.
    Local(Ticket),
    /// Another member or a near cache.
    Remote(Peer, Ticket),
    /// A hold of this member, whose time has come: the number of its attempt.
    Hold(u64),
    /// This member itself.
    Nobody,
}

/// What the node around this member is doing for it.
#[derive(Debug)]
pub(super) enum Work {
    /// Reading a key.
    Load(super::read::Begun),
    /// Writing a key to the source.
    Commit { origin: Origin, key: Bytes, intent: Position, through: bool },
    /// Looking for an entry that is to be touched.
    Touch(super::touch::Touching),
    /// Flushing a journal's value.
    Flush { key: Bytes, version: clearwell_words::Version },
    /// Fencing.
    Fence(Vec<Slot>, crate::Epoch),
    /// Reading slots for a follower.
    Export { lane: u64, part: Part, base: Position, known: Ticket, as_of: AsOf },
    /// Digests of a part of own slots, for their followers.
    Digest { at: Position, part: Part },
    /// The same key by key for one of them, which found a difference.
    DigestKeys { at: Position, to: Peer, part: Part },
    /// Digests of followed slots, beside those of their owner.
    Compare { owner: Peer, digests: crate::message::Digests },
    /// Reading an entry of which a follower has another.
    Mend { at: Position, known: Ticket, key: Bytes },
}

/// What is under way around this member.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    jobs: BTreeMap<Job, Work>,
    made: u64,
}

impl UnderWay {
    /// The node is asked for something. Its answer bears the number.
    pub fn begin(&mut self, work: Work) -> Job {
        self.made += 1;
        let job = Job(self.made);
        self.jobs.insert(job, work);
        job
    }

    /// The node has answered; `None` when it did so before.
    fn end(&mut self, job: Job) -> Option<Work> {
        self.jobs.remove(&job)
    }
}

/// A request that another member works on.
#[derive(Debug)]
pub(super) struct Routed {
    origin: Origin,
    request: Request,
    born: Millis,
}

/// Requests of one peer that were taken already: a message may come twice.
#[derive(Debug, Default)]
pub(super) struct Seen {
    tickets: BTreeSet<Ticket>,
    floor: Ticket,
    /// When the last one came.
    pub heard: Millis,
}

impl Seen {
    /// Whether it is new.
    fn take(&mut self, now: Millis, ticket: Ticket) -> bool {
        const MOST: usize = 4096;
        self.heard = now;
        if ticket <= self.floor || !self.tickets.insert(ticket) {
            return false;
        }
        if self.tickets.len() > MOST
            && let Some(oldest) = self.tickets.pop_first()
        {
            self.floor = self.floor.max(oldest);
        }
        true
    }
}

impl Member {
    /// Takes a request, of this node or of another.
    pub(super) fn request(&mut self, origin: Origin, request: Request, out: &mut Outbox) {
        if let Origin::Remote(peer, ticket) = origin
            && !self.seen.entry(peer).or_default().take(self.now, ticket)
        {
            return self.asked_again((peer, ticket), &request, out);
        }
        if let Request::Invalidate(invalidate) = request {
            return self.invalidate(origin, invalidate, out);
        }
        let slot = request.slot(self.config.slots);
        let owner = slot.and_then(|slot| self.tenure.view().map(|view| view.owner(slot)));
        match (owner, origin) {
            (Some(owner), _) if owner == self.me => self.serve(origin, request, out),
            (Some(owner), Origin::Local(_)) if owner != Peer::default() => {
                self.route(origin, owner, request, out);
            }
            _ => self.refuse(&origin, Refusal::NoOwner, out),
        }
    }

    fn serve(&mut self, origin: Origin, request: Request, out: &mut Outbox) {
        match request {
            Request::Read(read) => self.read(origin, read, out),
            Request::Write(write) => self.write(origin, write, out),
            Request::Fill(fill) => self.fill(origin, fill, out),
            Request::Touch(touch) => self.touch(origin, touch, out),
            Request::Hold(hold) => self.hold(origin, hold, out),
            Request::Cancel(cancel) => self.cancel(origin, &cancel, out),
            Request::Invalidate(_) => {}
        }
    }

    /// Sends a request to an owner.
    pub(super) fn route(&mut self, origin: Origin, owner: Peer, request: Request, out: &mut Outbox) {
        let ticket = match &request {
            Request::Read(read) if read.hold => self.holder.expect(self.now, owner, &read.key),
            _ => self.holder.ticket(),
        };
        out.send.push((To::Peer(owner), Message::Request(ticket, request.clone())));
        self.routed.insert(ticket, Routed { origin, request, born: self.now });
    }

    /// An owner's answer.
    pub(super) fn reply(&mut self, from: Peer, ticket: Ticket, mut reply: Reply, out: &mut Outbox) {
        self.notice(from, reply.epoch, out);
        if self.wide_reply(from, ticket, &reply, out) {
            return;
        }
        let Some(routed) = self.routed.remove(&ticket) else { return };
        reply.arrive(self.now, &self.config, routed.born);
        if let Some(mut stream) = reply.stream {
            stream.sent = routed.born;
            self.holder.news(self.now, &self.config, from, &stream, out);
            self.has_news(from);
        }
        if let Request::Read(read) = &routed.request
            && read.hold
        {
            let kept = match &reply.answer {
                Answer::Value { entry: Some(entry), .. } if !reply.as_of.is_empty() => {
                    let arrived = self.holder.arrived(from, ticket, &read.key, &reply.as_of, out);
                    if arrived {
                        self.holder.admit(self.now, entry.clone(), reply.as_of.clone(), Wish::Copy);
                    }
                    arrived
                }
                _ => false,
            };
            if !kept {
                self.holder.unexpect(&read.key, ticket, out);
            }
        }
        self.answer(&routed.origin, reply.answer, Vec::new(), None, out);
    }

    /// Gives an answer to whoever asked. `stream` names the holder that the owner's word is for.
    pub(super) fn answer(
        &mut self,
        origin: &Origin,
        answer: Answer,
        as_of: AsOf,
        stream: Option<Peer>,
        out: &mut Outbox,
    ) {
        match *origin {
            Origin::Local(ticket) => out.answer.push((ticket, answer)),
            Origin::Hold(attempt) => self.hold_answered(attempt, &answer, out),
            Origin::Nobody => {}
            Origin::Remote(peer, ticket) => {
                let epoch = self.tenure.epoch();
                let lease_ms = self.read_lease_ms();
                let stream = stream.map(|peer| {
                    let place = Place { head: self.log.head(), sent: Millis(0), lease_ms, epoch };
                    self.subscribers.stream(self.now, &self.config, peer, place)
                });
                let at = answer.expires().then_some(self.now);
                let reply = Reply { answer, as_of, stream, epoch, at };
                match peer == self.me {
                    true => self.reply(peer, ticket, reply, out),
                    false => out.send.push((To::Peer(peer), Message::Reply(ticket, Box::new(reply)))),
                }
            }
        }
    }

    /// Says no.
    pub(super) fn refuse(&mut self, origin: &Origin, refusal: Refusal, out: &mut Outbox) {
        self.answer(origin, Answer::Refused(refusal), Vec::new(), None, out);
    }

    /// The node did what it was asked for.
    pub(super) fn done(&mut self, job: Job, outcome: Outcome, out: &mut Outbox) {
        let Some(work) = self.jobs.end(job) else { return };
        match (work, outcome) {
            (Work::Load(begun), Outcome::Loaded { entry, stored }) => {
                self.loaded(job, super::read::Loaded { begun, entry, stored }, out);
            }
            (Work::Touch(touching), Outcome::Loaded { entry, .. }) => self.found(touching, entry, out),
            (Work::Load(begun), _) => self.refuse(&begun.origin, Refusal::Source, out),
            (Work::Commit { origin, key, intent, through }, outcome) => {
                self.committed(super::write::Committing { origin, key, intent, through }, outcome, out);
            }
            (Work::Flush { key, version }, outcome) => self.flushed(job, (&key, version), &outcome, out),
            (Work::Fence(slots, number), outcome) => {
                self.fenced(slots, number, outcome == Outcome::Fenced, out);
            }
            (Work::Export { lane, part, base, known, as_of }, Outcome::Exported { mut entries, end }) => {
                entries.retain(|entry| self.is_covered(entry, base, known));
                self.exported(lane, (part, base, as_of), (entries, end), out);
            }
            (Work::Digest { at, part }, Outcome::Digested { digests, end }) => {
                self.digested(at, part, Listed { digests, end }, out);
            }
            (Work::DigestKeys { at, to, part }, Outcome::Digested { digests, .. }) => {
                self.digested_keys(at, to, &part, digests, out);
            }
            (Work::Compare { owner, digests: theirs }, Outcome::Digested { digests, end }) => {
                self.compared(owner, &theirs, Listed { digests, end }, out);
            }
            (Work::Mend { at, known, key }, Outcome::Loaded { entry: Some(entry), stored: true }) => {
                self.mend((at, known), key, entry, out);
            }
            _ => {}
        }
    }

    /// Gives up what was not answered in time, and asks again where asking twice does no harm.
    pub(super) fn retry(&mut self, out: &mut Outbox) {
        self.retry_wide(out);
        // Tickets count up with time, so the oldest comes first.
        let (now, most) = (self.now, self.config.request_ms);
        let is_late = |routed: &Routed| now.since(routed.born) > most;
        while let Some(oldest) = self.routed.first_entry().filter(|oldest| is_late(oldest.get())) {
            let (ticket, routed) = oldest.remove_entry();
            let refusal = match &routed.request {
                Request::Read(read) => {
                    if read.hold {
                        self.holder.unexpect(&read.key, ticket, out);
                    }
                    Refusal::NoOwner
                }
                _ => Refusal::Unknown,
            };
            self.refuse(&routed.origin, refusal, out);
        }
    }

    /// Queues an acknowledgement until the record at `position` is committed.
    pub(super) fn acknowledge(
        &mut self,
        origin: Origin,
        written: bool,
        position: Position,
        slots: Slots,
        copies: Option<Lagging>,
        version: Option<clearwell_words::Version>,
    ) {
        let done = self.done_at(position, version);
        let then = Then::Say { origin, written, ack: Ack::Replicas, done };
        self.waiting.push(Pending { position, slots, copies, born: self.now, then });
    }

    /// What is said of a record of this member's log when it is done.
    pub(super) fn done_at(&self, position: Position, version: Option<clearwell_words::Version>) -> Done {
        let token = Token::at(self.tenure.epoch(), self.me, position);
        Done { version, ordered: vec![(self.me, position)], survives: false, token }
    }
}
