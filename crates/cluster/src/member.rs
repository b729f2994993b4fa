//! A member of the cluster: owner, replica and copy holder in one.

mod cascade;
mod compare;
mod enlist;
mod evict;
mod fence;
mod fill;
mod hold;
mod invalidate;
mod journal;
mod leases;
mod log;
mod park;
mod propose;
mod read;
mod recover;
mod replica;
mod route;
mod serve;
mod standing;
mod state;
mod takeover;
mod touch;
mod transfer;
mod trim;
mod wait;
mod write;

pub use standing::{FollowerStanding, OwnerStanding, Standing};
pub use trim::Footprint;

use std::collections::BTreeMap;
use std::sync::Arc;

use clearwell_words::{Addresses, Millis};

use crate::chance::Chance;
use crate::decree::Chooser;
use crate::holder::Holder;
use crate::holds::Holds;
use crate::intents::Intents;
use crate::journal::Journal;
use crate::log::OwnLog;
use crate::membership::{Known, Membership};
use crate::message::Message;
use crate::name::Bytes;
use crate::outbox::{Outbox, Persist, To};
use crate::owned::OwnedSlots;
use crate::shown::Shown;
use crate::subscribers::Subscribers;
use crate::tenure::Tenure;
use crate::view::{Seat, View};
use crate::voter::Voter;
use crate::waiting::Waiting;
use crate::{Config, Epoch, Input, NodeId, Operation, Peer, Persisted, Slot, Ticket};

/// How a member begins.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// A view that all are given, for clusters whose first members are known; none to be found by gossip.
    pub view: Option<Arc<View>>,
    /// What the node's disk gave back, in the order in which it was given to the disk.
    pub persisted: Vec<Persist>,
}

/// One member.
#[derive(Debug)]
pub struct Member {
    config: Config,
    me: Peer,
    now: Millis,
    chance: Chance,
    tenure: Tenure,
    gossip: Membership,
    chooser: Chooser,
    proposing: propose::Proposing,
    voter: Voter,
    log: OwnLog,
    subscribers: Subscribers,
    owned: OwnedSlots,
    holder: Holder,
    journal: Journal,
    intents: Intents,
    /// Invalidations that are held, of slots that this member owns or follows.
    holds: Holds,
    jobs: route::UnderWay,
    waiting: Waiting<wait::Pending>,
    parked: Waiting<park::Parked>,
    fills: Waiting<fill::Waits>,
    routed: BTreeMap<Ticket, route::Routed>,
    wide: invalidate::Wides,
    seen: BTreeMap<Peer, route::Seen>,
    edges: cascade::Edges,
    shown: Shown,
    transfers: transfer::Transfers,
    /// Contents that arrived and are not taken: some are taken in each step, behind the records that belong before them.
    states: Vec<(Peer, crate::message::State)>,
    comparing: compare::Walk,
    trimming: trim::Round,
    recovered: recover::Recovered,
    /// What beginning led to; part of the first step's outputs.
    begun: Outbox,
}

/// What a member may act as owner of.
#[derive(Debug, Clone, Copy)]
pub struct Served<'m> {
    /// Until when, by its own clock.
    pub until: Millis,
    /// The slots, a bit each, from slot 0 on; those that are not there are 0.
    pub begun: &'m [u64],
    /// Another number whenever the slots are others.
    pub changes: u64,
    /// The view in which it serves them.
    pub view: Option<&'m Arc<View>>,
}

impl Member {
    /// A member that begins at `now`; what that leads to is among the outputs of its first step.
    pub fn new(config: Config, start: Start, now: Millis) -> Member {
        let restarted = !start.persisted.is_empty();
        let mut persisted = Persisted::new(config.slots);
        start.persisted.into_iter().for_each(|what| persisted.keep(what));
        let Persisted { ballot, view, granted, journal, holds, .. } = persisted;
        let mut view = view.or(start.view);
        let alone = view.is_none() && config.seeds.iter().all(|seed| *seed == config.me.node);
        let begins = (alone || view.as_ref().is_some_and(|view| view.epoch == Epoch(1))) && !restarted;
        if alone {
            let seats = vec![Seat { peer: config.me, weight: config.weight.max(1) }];
            view = Some(Arc::new(View::first(seats, config.replicas, config.slots)));
        }
        let mut member = Member {
            me: config.me,
            now,
            chance: Chance::new(config.seed ^ 0x5eed),
            tenure: Tenure::default(),
            gossip: Membership::new(&config),
            chooser: Chooser::new(ballot.unwrap_or_default()),
            proposing: propose::Proposing::default(),
            voter: Voter::new(now),
            log: OwnLog::new(config.slots),
            subscribers: Subscribers::default(),
            owned: OwnedSlots::default(),
            holder: Holder::default(),
            journal: Journal::default(),
            intents: Intents::default(),
            holds: Holds::default(),
            jobs: route::UnderWay::default(),
            waiting: Waiting::default(),
            parked: Waiting::default(),
            fills: Waiting::default(),
            routed: BTreeMap::new(),
            wide: invalidate::Wides::default(),
            seen: BTreeMap::new(),
            edges: cascade::Edges::default(),
            shown: Shown::new(config.slots),
            transfers: transfer::Transfers::default(),
            states: Vec::new(),
            comparing: compare::Walk::default(),
            trimming: trim::Round::default(),
            recovered: recover::Recovered::new(journal, holds, now),
            begun: Outbox::default(),
            config,
        };
        if let Some(view) = view {
            member.gossip.assume(now, &view);
            let mut begun = Outbox::default();
            member.adopt(view, &[], begins, &mut begun);
            if restarted {
                let now = member.tenure.epoch();
                let granted = granted.into_iter().filter(|(epoch, _)| *epoch == now);
                member.voter.restarts(granted.map(|(_, owner)| owner));
                member.go_on_alone(&mut begun);
            }
            member.begun = begun;
        }
        member
    }

    /// Takes one input and says what to do. `now` never goes back.
    pub fn step(&mut self, now: Millis, input: Input, out: &mut Outbox) {
        self.now = self.now.max(now);
        if !self.begun.is_empty() {
            out.append(std::mem::take(&mut self.begun));
        }
        self.renew_alone(out);
        match input {
            Input::Tick => self.tick(out),
            Input::Message(from, message) => self.message(from, message, out),
            Input::Request(ticket, request) => self.request(route::Origin::Local(ticket), request, out),
            Input::Done(job, outcome) => self.done(job, outcome, out),
            Input::Settle(ticket, key) => self.settle_key(ticket, key, out),
            Input::Evicted(key) => self.evicted(&key, out),
            Input::Operate(operation) => self.operate(operation, out),
            Input::More => {}
        }
        self.finish(out);
    }

    /// Whether a step has left something to those that follow, and wants the next one soon ([`Input::More`]).
    pub fn has_more(&self) -> bool {
        self.has_untold() || self.has_answers() || self.has_contents()
    }

    /// Whether holders are to be told of something in the steps that follow, or what they confirmed is to be freed.
    pub fn has_untold(&self) -> bool {
        self.subscribers.has_more()
    }

    /// Whether requests that may go on are left to the steps that follow.
    pub fn has_answers(&self) -> bool {
        self.waiting.woken() > 0
    }

    /// The view that it follows.
    pub fn view(&self) -> Option<&Arc<View>> {
        self.tenure.view()
    }

    /// What gossip knows of all members, this one included.
    pub fn known(&mut self) -> impl Iterator<Item = Known> + '_ {
        self.gossip.known().values().copied()
    }

    /// Another number whenever gossip knows something else.
    pub fn edition(&mut self) -> u64 {
        self.gossip.edition()
    }

    /// Where others say that they can be reached.
    pub fn addresses(&self) -> impl Iterator<Item = (Peer, Addresses)> + '_ {
        self.gossip.addresses()
    }

    /// Who it is.
    pub fn me(&self) -> Peer {
        self.me
    }

    /// Whether it may acknowledge for a slot at `now`. For checkers: at most one member may say so at any moment.
    pub fn owns(&self, now: Millis, slot: Slot) -> bool {
        self.tenure.is_leased(now) && self.owned.has_begun(slot)
    }

    /// What it may act as owner of. Until its next step nothing else.
    pub fn serves(&self) -> Served<'_> {
        let (begun, changes) = self.owned.begun();
        Served { until: self.tenure.until(), begun, changes, view: self.tenure.view() }
    }

    /// The last view in which a majority of the voters granted it a lease. For checkers.
    pub fn granted_in(&self) -> Epoch {
        self.tenure.granted_in()
    }

    /// The slots for which it may acknowledge at `now`.
    pub fn claims(&self, now: Millis) -> impl Iterator<Item = Slot> + '_ {
        let leased = self.tenure.is_leased(now);
        self.owned.from(Slot(0)).filter(move |slot| leased && self.owned.has_begun(*slot))
    }

    fn tick(&mut self, out: &mut Outbox) {
        self.gossip.tick(self.now, out);
        self.propose(out);
        self.seek_view(out);
        self.ask_lease(out);
        if let Some(view) = self.tenure.view().cloned() {
            self.holder.tick(self.now, &self.config, &view, out);
            self.export(out);
            self.flush_journal(out);
            self.release_holds(out);
            self.fence(out);
            self.compare(out);
            self.retry(out);
            self.ask_again(out);
            self.ask_for_fills(out);
        }
        self.subscribers.forget(self.now, 120_000);
        self.trim();
    }

    fn message(&mut self, from: Peer, message: Message, out: &mut Outbox) {
        match message {
            Message::Gossip(data) => self.gossip.message(self.now, &data, out),
            Message::Decree(decree) => {
                // Whoever takes part in a choice follows the view before it.
                self.notice(from, Epoch(decree.epoch().0.saturating_sub(1)), out);
                self.decree(from.node, decree, out);
            }
            Message::View(view, stopping) => self.install(view, &stopping, out),
            Message::ViewAsk(epoch) => self.tell_view(from, epoch, out),
            Message::LeaseAsk(ask) => self.lease_asked(from, &ask, out),
            Message::LeaseGrant(grant) => self.lease_granted(from, grant, out),
            Message::Request(ticket, request) => {
                self.request(route::Origin::Remote(from, ticket), request, out)
            }
            Message::Reply(ticket, reply) => self.reply(from, ticket, *reply, out),
            Message::Heartbeat(beat) => self.heartbeat(from, &beat, out),
            Message::Beat(stream) => {
                self.notice(from, stream.epoch, out);
                self.holder.news(self.now, &self.config, from, &stream, out);
                self.has_news(from);
            }
            Message::Records(records) => self.records(from, &records, out),
            Message::Applied(applied) => {
                let subscription = (from, applied.subscription);
                self.subscribers.applied(self.now, &self.config, subscription, applied.watermark);
                self.hears(from);
            }
            Message::Enlist(enlist) => self.enlist(from, &enlist, out),
            Message::Enlisted(enlisted) => {
                self.notice(from, enlisted.stream.epoch, out);
                self.holder.enlisted(self.now, &self.config, from, &enlisted, out);
                self.has_news(from);
            }
            Message::State(state) => self.state(from, *state, out),
            Message::StateTaken(taken) => self.state_taken(from, &taken, out),
            Message::Digests(digests) => self.digests(from, digests, out),
            Message::Differ(differ) => self.differ(from, differ, out),
            Message::Operate(operation) => self.proposing.want(operation),
            Message::Feed(_) => {}
        }
    }

    fn operate(&mut self, operation: Operation, out: &mut Outbox) {
        match operation {
            Operation::Weight(weight) => self.gossip.change(self.now, Some(weight), false, out),
            Operation::Leave => self.gossip.change(self.now, None, true, out),
            Operation::Replicas(_) | Operation::Forget(_) => {
                self.proposing.want(operation);
                let voters: Vec<NodeId> =
                    self.tenure.view().into_iter().flat_map(|view| view.voters.clone()).collect();
                for voter in voters.into_iter().filter(|voter| *voter != self.me.node) {
                    out.send.push((To::Node(voter), Message::Operate(operation)));
                }
            }
        }
    }

    /// What every step ends with: what can be decided now is decided, and what has gathered is sent.
    fn finish(&mut self, out: &mut Outbox) {
        if self.tenure.view().is_none() {
            return;
        }
        self.take_states(out);
        self.decide(out);
        if let Some(view) = self.tenure.view() {
            self.holder.enlist(self.now, &self.config, view, out);
        }
        self.unpark(out);
        self.fill_what_is_known(out);
        self.resolve(out);
        let epoch = self.tenure.epoch();
        self.subscribers.drain(self.now, &self.config, epoch, |peer, records| {
            let pieces = records.in_pieces();
            out.send.extend(pieces.map(|records| (To::Peer(peer), Message::Records(records))));
        });
    }

    /// How long a holder may serve from now on: never longer than this owner may own.
    fn read_lease_ms(&self) -> u64 {
        let own = self.tenure.until().since(self.now);
        self.config.read_lease_ms.min(own)
    }

    fn slot(&self, key: &Bytes) -> Slot {
        crate::slot::slot_of(key, self.config.slots)
    }
}
