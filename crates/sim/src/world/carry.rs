//! One step of a host, and its outputs carried out in their order; a crash may come after any of them.

use clearwell_cluster::{Answer, Apply, Ask, Event, Input, Job, Message, Outcome, To};
use clearwell_engine::Scope;
use clearwell_host::{Actor, Batch, Host, Next};

use super::feed::TICKETS;
use super::late::Carried;
use super::watched::Watched;
use super::{Happening, Statement, Wanted, World};
use crate::check::Violation;
use crate::counts::Count;
use crate::history::{Found, Got, RANKS};
use crate::host::State;
use crate::names::{Class, number};
use crate::seen::Seen;
use crate::value::{found_in, write_of};

impl World {
    pub(super) fn step(&mut self, host: usize, input: Input) {
        let there = &mut self.hosts[host];
        let now = there.clock.read(self.now);
        let Some(running) = there.host.as_ref().filter(|_| there.state == State::Up) else { return };
        let batch = running.step(now, input);
        self.steps += 1;
        self.settle_alone(host);
        self.decided.leased = self.leased(host);
        if let Some(batch) = batch {
            self.carry_on(host, batch);
        }
        self.evict(host);
        self.work_later(host);
    }

    /// Where there is room for few entries, those that are too many are given up by chance.
    fn evict(&mut self, host: usize) {
        let room = self.options.room as usize;
        let there = &mut self.hosts[host];
        if room == 0 || !std::mem::take(&mut there.stored) {
            return;
        }
        let now = there.clock.read(self.now);
        let mut keys = there.live_keys(self.now);
        while keys.len() > room {
            let key = keys.swap_remove(self.evictions.below(keys.len() as u64) as usize);
            if let Some(running) = &self.hosts[host].host {
                running.evict(now, self.history.names.key(key));
            }
            self.tell(Some(key), |_| format!("host {host} evicts it"));
        }
    }

    /// As far as a thread gets with a batch before another one is faster.
    pub(super) fn carry_out(&mut self, host: usize, batch: &mut Batch) -> Carried {
        loop {
            if self.falls_behind(host) {
                return Carried::Partly;
            }
            if !batch.is_settled() && self.burns(host) {
                return Carried::Died;
            }
            let watched = batch.next_apply().and_then(|what| self.before_apply(host, what));
            self.count_in_walk(host, batch.next_apply());
            let names = &self.history.names;
            let sourced = |key: &[u8]| names.class(number(key)) != Class::Cache;
            let there = &mut self.hosts[host];
            there.stored |= matches!(batch.next_apply(), Some(Apply::Put(_) | Apply::Fill { .. }));
            let now = there.clock.read(self.now);
            let Some(running) = &there.host else { return Carried::Whole };
            let Some(next) = running.next(now, batch, &sourced) else {
                self.work_later(host);
                return Carried::Whole;
            };
            if matches!(next, Next::Ask(..) | Next::Send(..) | Next::Answer(..)) {
                self.note_acted(host);
            }
            match next {
                Next::Waits => return Carried::Partly,
                Next::Unsynced => return Carried::Unsynced,
                Next::Did { .. } | Next::Invalidated(..) => {
                    let refused = matches!(next, Next::Did { refused: true });
                    if let Some(watched) = watched {
                        self.see_applied(host, watched, refused);
                    }
                }
                Next::Done(job, outcome) => self.done_soon(host as u32, job, outcome),
                Next::Persist(what) => self.persist(host, what),
                Next::Ask(job, ask) => self.ask(host, job, ask),
                Next::Send(to, message) => self.send(host, to, message),
                Next::Answer(ticket, answer) => self.answer(host, ticket.0, answer),
                Next::Tell(event) => self.hear(host, event),
            }
        }
    }

    /// What changes a store while it is walked through.
    fn count_in_walk(&mut self, host: usize, what: Option<&Apply>) {
        let Some(what) = what.filter(|_| self.hosts[host].host.as_ref().is_some_and(Host::walks)) else {
            return;
        };
        match what {
            Apply::Invalidate(one) if !matches!(*one.scope, Scope::Key(_) | Scope::Dependents(_)) => {
                self.counts.add(Count::WideInWalk, 1);
            }
            Apply::Put(_) | Apply::Fill { .. } => self.counts.add(Count::StoredInWalk, 1),
            _ => {}
        }
    }

    /// Whether a planned crash comes now.
    fn burns(&mut self, host: usize) -> bool {
        match &mut self.hosts[host].fuse {
            None => false,
            Some((0, _)) => true,
            Some((left, _)) => {
                *left -= 1;
                false
            }
        }
    }

    /// Whoever follows the story sees what changes.
    fn before_apply(&mut self, host: usize, what: &Apply) -> Option<Watched> {
        if self.trace.is_some() {
            self.tell_apply(host, what);
        }
        self.watch.is_some().then(|| self.watch_apply(host, what))
    }

    fn ask(&mut self, host: usize, job: Job, ask: Ask) {
        let what = match ask {
            Ask::Load { key, .. } => {
                let key = number(&key);
                self.see(|_| Some(Seen::Asks { host, key }));
                Wanted::Load { key, sent_at: self.history.source.log.len() }
            }
            Ask::Commit { id, fence, .. } => Wanted::Commit { write: id as u32, once: true, fence },
            Ask::Flush { entry, fence } => {
                let write = entry.value.as_deref().map_or(0, write_of);
                self.note_rank(entry.value.as_deref(), entry.version.0);
                Wanted::Commit { write, once: false, fence: Some(fence) }
            }
            Ask::Fence { slots, epoch } => Wanted::Fence { slots, epoch },
            Ask::Find { .. } | Ask::Export { .. } | Ask::Digest { .. } | Ask::DigestOf { .. } => {
                unreachable!("the host answers these itself")
            }
        };
        let incarnation = self.hosts[host].peer.incarnation;
        self.send_statement(Box::new(Statement { host: host as u32, incarnation, job, what }));
    }

    /// A host that could not answer all, or tell all, at once goes on in a moment.
    fn work_later(&mut self, host: usize) {
        let there = &mut self.hosts[host];
        let has_work = |running: &Host| running.has_work() || running.has_more();
        if !there.works && there.host.as_ref().is_some_and(has_work) {
            there.works = true;
            let incarnation = there.peer.incarnation;
            let after = 20 + self.walk_rng.below(self.options.walk_us);
            self.queue.push(self.now + after, Happening::Work { host: host as u32, incarnation });
        }
    }

    /// It goes on.
    pub(super) fn work(&mut self, host: u32, incarnation: u32) {
        let Some(later) = self.when(host, incarnation) else { return };
        if let Some(later) = later {
            return self.queue.push(later, Happening::Work { host, incarnation });
        }
        let there = &mut self.hosts[host as usize];
        there.works = false;
        let Some(running) = &there.host else { return };
        let (walks, tells) = (running.has_work(), running.has_more());
        self.counts.add(Count::SlicesOfWalks, u64::from(walks));
        if let Actor::Member(member) = &*running.actor() {
            self.counts.add(Count::ToldLater, u64::from(member.has_untold()));
            self.counts.add(Count::AnsweredLater, u64::from(member.has_answers()));
            self.counts.add(Count::TakenLater, u64::from(member.has_contents()));
        }
        for (job, outcome) in running.work(there.clock.read(self.now)) {
            self.done_soon(host, job, outcome);
        }
        match tells {
            true => self.step(host as usize, Input::More),
            false => self.work_later(host as usize),
        }
    }

    /// What a store has answered reaches the deciding part. Where walks rest, a host that is short of cores may hear it later than what was
    /// asked after it.
    fn done_soon(&mut self, host: u32, job: Job, outcome: Outcome) {
        let incarnation = self.hosts[host as usize].peer.incarnation;
        let outcome = Box::new(outcome);
        let late = self.options.walk_us > 0 && self.falls_behind(host as usize);
        let after = if late { self.lag_rng.below(self.options.lag_us) } else { 0 };
        self.queue.push(self.now + 20 + after, Happening::Done { host, incarnation, job, outcome });
    }

    fn send(&mut self, from: usize, to: To, message: Message) {
        let Some(host) = self.host_of(to) else { return };
        let frame = match self.network.write(&message) {
            Ok(frame) => frame,
            Err(error) => return self.not_carried(from, &error),
        };
        self.traffic.count(from, host, &message, frame.len());
        self.check_grant(from, &message);
        self.check_decree(from, &message);
        let [mut first, mut second] = match self.is_to_be_lost(from, host, &message)
            || self.loses_choice(&message)
            || self.is_deaf_to(host, &message)
        {
            true => [None, None],
            false => self.network.carry(from, host),
        };
        let queued = match first {
            Some(_) => self.network.queue(self.now, (from, host), &message, frame.len() as u64),
            None => Some(0),
        };
        if queued.is_none() {
            self.counts.add(Count::QueueFull, 1);
            (first, second) = (None, None);
        }
        let queued = queued.unwrap_or_default();
        let lost = first.is_none();
        if self.trace.as_ref().is_some_and(|trace| trace.messages) {
            self.tell_message(from, host, lost, &message);
        }
        self.see(|_| Some(Seen::Sent { from, to: host, lost, message }));
        let peer = self.hosts[from].peer;
        let deliver = |frame| Happening::Deliver { host: host as u32, from: peer, to, frame };
        if let Some(after) = second {
            let copy = self.network.copy(&frame);
            self.queue.push(self.now + queued + after, deliver(copy));
        }
        match first {
            Some(after) => self.queue.push(self.now + queued + after, deliver(frame)),
            None => self.network.give_back(frame),
        }
    }

    /// Something is wrong with the bytes of a message that a host sent.
    pub(super) fn not_carried(&mut self, from: usize, error: &clearwell_wire::Error) {
        let text = format!("a message of host {from} does not get over the wire: {error}");
        self.violations.push(Violation { checker: "wire", at: self.now, op: None, key: None, text });
    }

    fn answer(&mut self, host: usize, ticket: u64, answer: Answer) {
        self.hosts[host].waiting.retain(|&other| other != ticket);
        match answer {
            Answer::Value { entry, token, lease } => {
                if let Some(lease) = lease.filter(|_| ticket < TICKETS) {
                    self.note_miss(ticket as u32, lease);
                }
                if let Some(entry) = &entry {
                    self.note_rank(entry.value.as_deref(), entry.version.0);
                }
                let (value, version) = entry.as_ref().map_or((None, 0), found_in);
                let found = Found { value, version, local: false, age_ms: None };
                self.answered(ticket, Got::Value(found), Some(token));
            }
            Answer::Written(done) | Answer::Invalidated(done) => {
                self.note_alone(ticket, &done);
                let version = done.version.map(|version| version.0);
                let got = Got::Done { version, survives: done.survives };
                self.answered(ticket, got, Some(done.token));
            }
            Answer::Refused(refusal) => {
                let surely = refusal != clearwell_cluster::Refusal::Unknown;
                self.answered(ticket, Got::Refused { surely }, None);
            }
        }
    }

    pub(super) fn note_rank(&mut self, value: Option<&[u8]>, version: u64) {
        if let Some(value) = value.filter(|_| version >= RANKS) {
            self.history.rank(write_of(value), version);
        }
    }

    fn hear(&mut self, host: usize, event: Event) {
        if let Event::Judged(..) = event {
            return;
        }
        self.check_mended(host, &event);
        if let Event::TookEffect(hold) = event {
            self.history.effects.push((hold as u32, self.now));
            self.note(hold << 4 | 11);
        }
        self.see(|world| {
            let view = world.hosts[host].view();
            Some(Seen::Heard { host, event: event.clone(), view })
        });
        self.tell(None, |world| match &event {
            Event::View(epoch) => format!("host {host} follows view {}", epoch.0),
            Event::Suspect(peer) => format!("host {host} suspects host {}", peer.node.0 - 1),
            Event::Dead(peer) => format!("host {host} takes host {} for dead", peer.node.0 - 1),
            Event::Owns(epoch, slots) => {
                format!("host {host} begins to own {} slots in view {}", slots.len(), epoch.0)
            }
            Event::Lost(slots) => format!("host {host} begins {} slots empty", slots.len()),
            Event::Doubted(peer, count) => {
                format!("host {host} doubts {count} copies of host {}", peer.node.0 - 1)
            }
            Event::TookEffect(hold) => format!("host {host} lets the hold of operation {hold} take effect"),
            Event::Parked(key) => format!("{} is parked", world.history.names.text(number(key))),
            Event::Lacked(slot) => format!("somebody does not have slot {} of host {host} whole", slot.0),
            Event::Differed(key) => {
                format!("a replica has another {} than host {host}", world.history.names.text(number(key)))
            }
            Event::Judged(..) => String::new(),
        });
    }

    /// Everything but what goes on all the time.
    fn tell_message(&mut self, from: usize, to: usize, is_lost: bool, message: &Message) {
        const LONGEST: usize = 400;
        let is_routine = matches!(
            message,
            Message::Gossip(_)
                | Message::LeaseAsk(_)
                | Message::LeaseGrant(_)
                | Message::Heartbeat(_)
                | Message::Beat(_)
        );
        if is_routine {
            return;
        }
        let mut text = format!("{message:?}");
        text.truncate(LONGEST);
        let lost = if is_lost { ", lost" } else { "" };
        self.tell(None, |_| format!("  {from} to {to}{lost}: {text}"));
    }

    fn tell_apply(&mut self, host: usize, what: &Apply) {
        let (key, text) = match what {
            Apply::Invalidate(one) => {
                let (key, scope) = scope_text(&one.scope);
                let version =
                    one.version.map_or(String::new(), |version| format!(" older than {:x}", version.0));
                (key, format!("takes away {scope}{version}"))
            }
            Apply::Put(entry) => (
                Some(number(&entry.key)),
                format!("puts {:x} at {}", entry.version.0, self.history.names.text(number(&entry.key))),
            ),
            Apply::Fill { entry, .. } => (
                Some(number(&entry.key)),
                format!("fills {:x} at {}", entry.version.0, self.history.names.text(number(&entry.key))),
            ),
            Apply::Touch { key, expiry } => {
                let end = expiry.map_or("never".into(), |expiry| format!("at {} of its clock", expiry.at.0));
                (Some(number(key)), format!("lets it expire {end}"))
            }
            Apply::Drop(keys) => {
                let of = self.trace.as_ref().and_then(|trace| trace.key);
                let drops = keys.iter().map(|key| number(key)).find(|&key| of.is_none_or(|of| of == key));
                let Some(key) = drops else { return };
                (Some(key), "drops it".into())
            }
            Apply::Clear(slots) => (None, format!("clears {} slots", slots.len())),
            Apply::Replace(part) => (None, format!("clears a part of {} slots", part.slots.len())),
        };
        self.tell(key, |_| format!("host {host} {text}"));
    }
}

/// A scope for people, and the key that it is about when it is one that everybody knows to be a single key's.
fn scope_text(scope: &Scope) -> (Option<u32>, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match scope {
        Scope::Key(key) => (Some(number(key)), format!("key {}", text(key))),
        Scope::Tag(tag) => (None, format!("tag {}", text(tag))),
        Scope::Dependents(name) => (None, format!("what depends on {}", text(name))),
        Scope::Pattern(_) | Scope::Prefix(_) => (None, "a pattern".into()),
        Scope::Event(event) => (None, format!("what depends on event {}", event.name)),
        Scope::Everything => (None, "everything".into()),
    }
}
