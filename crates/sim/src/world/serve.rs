//! The node around a member: reads are served from memory where the member allows it, all else goes through it.

use clearwell_cluster::request::{Cancel, Fill, Invalidate, Read, Touch, Write};
use clearwell_cluster::{Awaited, Bytes, FillLease, Hold, Input, Level, Request, Ticket, Token};
use clearwell_engine::{Cause, Effect, Invalidation};

use super::clients::scope_of;
use super::feed::TICKETS;
use super::{Happening, World};
use crate::history::{Covered, Deed, Found, Got, Later};
use crate::host::State;
use crate::lives::meta_of;
use crate::names::KeyId;
use crate::value::{WriteId, found_at};

impl World {
    /// An operation reaches its host.
    pub(super) fn submit(&mut self, op: u32) {
        let host = u32::from(self.history.ops[op as usize].host);
        let incarnation = self.hosts[host as usize].peer.incarnation;
        match self.when(host, incarnation) {
            None => self.end_op(op, Got::Nothing, None),
            Some(None) => self.serve(op),
            Some(Some(later)) => {
                self.hosts[host as usize].waiting.push(u64::from(op));
                self.queue.push(later, Happening::Submit { host, incarnation, op });
            }
        }
    }

    pub(super) fn submitted(&mut self, host: u32, incarnation: u32, op: u32) {
        match self.when(host, incarnation) {
            // The crash has told already.
            None => {}
            Some(Some(later)) => self.queue.push(later, Happening::Submit { host, incarnation, op }),
            Some(None) => {
                self.hosts[host as usize].waiting.retain(|&other| other != u64::from(op));
                self.serve(op);
            }
        }
    }

    fn serve(&mut self, index: u32) {
        let op = self.history.ops[index as usize];
        let token = self.token_of(op.client);
        match op.deed {
            Deed::Read(level) => match self.look(usize::from(op.host), op.key, level, &token) {
                Some(found) => self.end_op(index, Got::Value(found), None),
                None => {
                    let key = self.history.names.key(op.key).clone();
                    let read = Read { key, level, token, hold: true };
                    self.request(usize::from(op.host), u64::from(index), Request::Read(read));
                }
            },
            Deed::Write(strategy, write) => {
                let fill = self.leases.remove(&write).map(|lease| self.fill(op.key, write, lease));
                if let Some(fill) = fill {
                    return self.request(usize::from(op.host), u64::from(index), Request::Fill(fill));
                }
                let write = Write {
                    key: self.history.names.key(op.key).clone(),
                    value: self.history.source.value_of(write),
                    tags: self.history.source.tags_of(write),
                    dependencies: [].into(),
                    events: self.history.source.events_of(write),
                    ttl_ms: self.history.source.ttl_of(write),
                    meta: meta_of(write),
                    strategy,
                    ack: self.options.acks.of(op.key),
                    id: u64::from(write),
                };
                self.request(usize::from(op.host), u64::from(index), Request::Write(write));
            }
            Deed::Invalidate(covered, wait) => {
                let invalidation = self.invalidation(index, covered);
                let invalidate = Invalidate { invalidation, wait, depth: 0 };
                self.request(usize::from(op.host), u64::from(index), Request::Invalidate(invalidate));
            }
            Deed::Touch(ttl_ms) => {
                let key = self.history.names.key(op.key).clone();
                let touch = Touch { key, ttl_ms };
                self.request(usize::from(op.host), u64::from(index), Request::Touch(touch));
            }
            Deed::Hold(covered, later) => {
                let hold = self.hold(index, covered, later);
                self.request(usize::from(op.host), u64::from(index), Request::Hold(hold));
            }
            Deed::Cancel(hold) => {
                let Deed::Hold(covered, _) = self.history.ops[hold as usize].deed else { return };
                let cancel = Cancel { id: u64::from(hold), scope: scope_of(&self.history.names, covered) };
                self.request(usize::from(op.host), u64::from(index), Request::Cancel(cancel));
            }
            Deed::TakeToken { .. } => {}
        }
    }

    fn fill(&self, key: KeyId, write: WriteId, lease: FillLease) -> Fill {
        let source = &self.history.source;
        Fill {
            key: self.history.names.key(key).clone(),
            value: source.value_of(write).unwrap_or_else(|| Bytes::from(&[][..])),
            tags: source.tags_of(write),
            dependencies: [].into(),
            events: source.events_of(write),
            ttl_ms: source.ttl_of(write),
            meta: meta_of(write),
            ack: self.options.acks.of(key),
            lease,
        }
    }

    fn invalidation(&self, index: u32, covered: Covered) -> Invalidation {
        let is_lazy = self.lazy.as_ref().map_or(index % 4 == 3, |lazy| lazy.contains(&index));
        Invalidation {
            scope: scope_of(&self.history.names, covered),
            effect: if is_lazy { Effect::Stale } else { Effect::Gone },
            cascade: matches!(covered, Covered::Key(_)),
            version: None,
            cause: Cause::Command,
        }
    }

    fn hold(&self, index: u32, covered: Covered, later: Later) -> Hold {
        let Invalidation { scope, effect, cascade, cause, .. } = self.invalidation(index, covered);
        let until = match later {
            Later::Ms(ms) => Awaited::After(ms),
            Later::Event(patterns) => Awaited::Event(self.history.names.events.patterns(patterns)[0].clone()),
        };
        Hold { id: u64::from(index), scope, effect, cascade, cause, until }
    }

    /// What lies in a host's memory, when it may be served.
    fn look(&self, host: usize, key: u32, level: Level, token: &Token) -> Option<Found> {
        let there = &self.hosts[host];
        let now = there.clock.read(self.now);
        there.host.as_ref()?.look(now, self.history.names.key(key), level, token, |view, age_ms| {
            let (value, version) = found_at(view);
            Found { value, version, local: true, age_ms }
        })
    }

    /// A request for the deciding part of a host.
    pub(super) fn request(&mut self, host: usize, ticket: u64, request: Request) {
        if self.hosts[host].state != State::Up {
            self.answered(ticket, Got::Nothing, None);
            return;
        }
        self.hosts[host].waiting.push(ticket);
        self.step(host, Input::Request(Ticket(ticket), request));
    }

    /// A request was answered, or its host died.
    pub(super) fn answered(&mut self, ticket: u64, got: Got, token: Option<Token>) {
        match ticket < TICKETS {
            true => self.end_op(ticket as u32, got, token),
            false => self.feed_answered(ticket, got),
        }
    }
}
