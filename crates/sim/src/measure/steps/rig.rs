//! One member alone, with peers that only the measurement plays.

use std::sync::Arc;

use clearwell_cluster::message::{Applied, Enlist, Heartbeat, State, StateTaken, Stream, Taking};
use clearwell_cluster::request::{Ack, Invalidate, Strategy, Write};
use clearwell_cluster::slot::{SLOTS, slot_of};
use clearwell_cluster::view::Seat;
use clearwell_cluster::{
    Ask, Bytes, Config, Epoch, Input, Member, Message, Meta, Name, NodeId, Outbox, Outcome, Peer, Position,
    Request, Start, Ticket, To, View,
};
use clearwell_engine::{Cause, Effect, Invalidation, Millis};

/// The member that is measured. It owns about half of the slots and follows the others.
pub const ME: Peer = Peer { node: NodeId(1), incarnation: 1 };

/// The other member: the replica of what the first owns, and the owner of the rest.
pub const OTHER: Peer = Peer { node: NodeId(2), incarnation: 1 };

/// A near cache, by number.
pub fn near(number: u64) -> Peer {
    Peer { node: NodeId(1000 + number), incarnation: 1 }
}

/// A member and its time.
pub struct Rig {
    pub member: Member,
    pub now: Millis,
    pub out: Outbox,
    view: Arc<View>,
    keys_made: u64,
    tickets: u64,
    /// The replica's subscription.
    replica: u64,
    /// The last record that the replica was sent.
    pub sent: Position,
}

impl Rig {
    /// A member that has begun, and a replica that has all its slots.
    pub fn new() -> Rig {
        let seats = [ME, OTHER].map(|peer| Seat { peer, weight: 100 }).to_vec();
        let view = Arc::new(View::first(seats, 1, SLOTS));
        let start = Start { view: Some(Arc::clone(&view)), persisted: Vec::new() };
        let now = Millis(1000);
        // Nobody is taken for dead for its silence, and nobody waits in vain.
        let config = Config { digest_ms: 0, request_ms: 600_000, suspect_ms: 600_000, ..Config::new(ME) };
        let member = Member::new(config, start, now);
        let out = Outbox::default();
        let sent = Position(0);
        let mut rig = Rig { member, now, out, view, keys_made: 0, tickets: 0, replica: 0, sent };
        rig.step(Input::Tick);
        rig.serve();
        rig
    }

    /// One step; its outputs are in `out`, those of the step before are gone.
    pub fn step(&mut self, input: Input) {
        self.clear();
        self.member.step(self.now, input, &mut self.out);
    }

    /// Takes the steps that the last one left something to.
    pub fn go_on(&mut self) {
        while self.member.has_more() {
            self.step(Input::More);
        }
    }

    /// Throws the outputs away.
    pub fn clear(&mut self) {
        let out = &mut self.out;
        out.persist.clear();
        out.apply.clear();
        out.ask.clear();
        out.send.clear();
        out.answer.clear();
        out.tell.clear();
    }

    /// Plays the store and the replica until nothing more comes of it: contents are empty, and taken.
    pub fn serve(&mut self) {
        loop {
            let asks = std::mem::take(&mut self.out.ask);
            let sends = std::mem::take(&mut self.out.send);
            if asks.is_empty() && sends.is_empty() {
                return;
            }
            let mut next = Vec::new();
            for (job, ask) in asks {
                if matches!(ask, Ask::Export { .. }) {
                    let outcome = Outcome::Exported { entries: Vec::new(), end: None };
                    next.push(Input::Done(job, outcome));
                }
            }
            for (to, message) in sends {
                if let (To::Peer(OTHER), Message::State(state)) = (to, message) {
                    self.replica = state.subscription;
                    let State { subscription, ticket, .. } = *state;
                    let taken = StateTaken { subscription, ticket, taking: Taking::Stored };
                    next.push(Input::Message(OTHER, Message::StateTaken(taken)));
                }
            }
            for input in next {
                self.member.step(self.now, input, &mut self.out);
            }
        }
    }

    /// A new key of the member's own (`mine`) or of the other's.
    pub fn key(&mut self, mine: bool) -> Bytes {
        loop {
            self.keys_made += 1;
            let key: Bytes = format!("key:{:012}", self.keys_made).as_bytes().into();
            if (self.view.owner(slot_of(&key, SLOTS)) == ME) == mine {
                return key;
            }
        }
    }

    /// How many keys were made, with numbers from 1 on.
    #[cfg(test)]
    pub fn keys_made(&self) -> u64 {
        self.keys_made
    }

    /// A number that was not used yet.
    pub fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// A request to write a key.
    pub fn write(&mut self, key: Bytes, strategy: Strategy) -> Input {
        let ticket = self.ticket();
        let value = Some(b"value".as_slice().into());
        let (tags, dependencies, events) = ([].into(), [].into(), [].into());
        let (ttl_ms, meta, ack, id) = (None, Meta::default(), Ack::Replicas, ticket.0);
        let write = Write { key, value, tags, dependencies, events, ttl_ms, meta, strategy, ack, id };
        Input::Request(ticket, Request::Write(write))
    }

    /// A request to invalidate a key, for which nobody waits.
    pub fn invalidate(&mut self, key: &Bytes) -> Input {
        let (scope, effect, cascade) = (Arc::new(Name::Key(key.clone()).scope()), Effect::Gone, true);
        let invalidation = Invalidation { scope, effect, cascade, version: None, cause: Cause::Command };
        let asked = Invalidate { invalidation, wait: false, depth: 0 };
        Input::Request(self.ticket(), Request::Invalidate(asked))
    }

    /// A near cache notes its interest in keys. Each name is a copy of its own, as it is when it comes over a wire.
    pub fn enlist(&mut self, peer: Peer, keys: &[Bytes]) -> Input {
        let own = |key: &Bytes| (Name::Key(Bytes::from(&**key)), ME, Position(0));
        let names = keys.iter().map(own).collect();
        let enlist = Enlist { ticket: self.ticket(), sent: self.now, names, epoch: Epoch(1) };
        Input::Message(peer, Message::Enlist(enlist))
    }

    /// The heartbeat of a near cache that holds nothing.
    pub fn heartbeat(&self) -> Input {
        let (subscription, watermark) = (0, Position(0));
        let beat =
            Heartbeat { sent: self.now, subscription, watermark, released: Vec::new(), epoch: Epoch(1) };
        Input::Message(near(u64::MAX / 2), Message::Heartbeat(beat))
    }

    /// Notes the last record that was sent to the replica in this step.
    pub fn note_sent(&mut self) {
        for (to, message) in &self.out.send {
            if let (To::Peer(OTHER), Message::Records(records)) = (to, message)
                && let Some(last) = records.records.last()
            {
                self.sent = last.position;
            }
        }
    }

    /// The replica has applied all up to a place.
    pub fn applied(&self, watermark: Position) -> Input {
        Input::Message(OTHER, Message::Applied(Applied { subscription: self.replica, watermark }))
    }

    /// The replica's subscription.
    pub fn replica(&self) -> u64 {
        self.replica
    }

    /// What the other member says of its log.
    pub fn stream(&self) -> Stream {
        Stream {
            subscription: 1,
            first: Position(0),
            last: Position(0),
            head: Position(1),
            sent: self.now,
            lease_ms: 2500,
            epoch: Epoch(1),
            lost: None,
            at: None,
        }
    }
}
