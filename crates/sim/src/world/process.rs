//! What reaches a process: messages, ticks of its clock, answers of what is around it.

use clearwell_cluster::{Input, Job, Message, Outcome, To};
use clearwell_wire::Kind;

use super::{Happening, World};
use crate::counts::Count;
use crate::host::{State, index_of};
use crate::network::Frame;
use crate::queue::Micros;

impl World {
    /// Whether something for a process is to be dropped (`None`), done now (`Some(None)`), or put off until then.
    pub(super) fn when(&self, host: u32, incarnation: u32) -> Option<Option<Micros>> {
        let host = &self.hosts[host as usize];
        if host.state != State::Up || host.peer.incarnation != incarnation {
            return None;
        }
        Some((host.stopped_until > self.now).then_some(host.stopped_until))
    }

    /// The same for what it takes in: not more than what can wait for its disk.
    pub(super) fn when_taken(&mut self, host: u32, incarnation: u32) -> Option<Option<Micros>> {
        let when = self.when(host, incarnation)?;
        let full = self.is_full_until(host);
        self.counts.add(Count::PutOffByDisk, u64::from(full.is_some()));
        Some(when.max(full))
    }

    pub(super) fn deliver(&mut self, host: u32, from: clearwell_cluster::Peer, to: To, frame: Frame) {
        let there = &self.hosts[host as usize];
        let meant = match to {
            To::Peer(peer) => peer == there.peer,
            To::Node(_) => true,
        };
        let incarnation = there.peer.incarnation;
        match self.when_taken(host, incarnation).filter(|_| meant) {
            None => self.network.give_back(frame),
            Some(Some(later)) => self.queue.push(later, Happening::Deliver { host, from, to, frame }),
            Some(None) => {
                let message = self.network.read(&frame);
                self.network.give_back(frame);
                let message = match message {
                    Ok(message) => message,
                    Err(error) => return self.not_carried(index_of(from.node), &error),
                };
                self.note(u64::from(host) << 8 | Kind::of(&message).index() as u64);
                let changes_owner = crate::traffic::may_change_owner(&message);
                self.decided.asked_in = match &message {
                    Message::LeaseAsk(ask) => Some(ask.epoch),
                    _ => None,
                };
                self.step(host as usize, Input::Message(from, message));
                if changes_owner {
                    self.check_owners(host as usize);
                }
            }
        }
    }

    pub(super) fn tick(&mut self, host: u32, incarnation: u32) {
        let Some(later) = self.when_taken(host, incarnation) else { return };
        if let Some(later) = later {
            self.queue.push(later, Happening::Tick { host, incarnation });
            return;
        }
        let after = self.hosts[host as usize].clock.truly(self.options.profile.tick_ms() * 1000);
        self.queue.push(self.now + after, Happening::Tick { host, incarnation });
        self.step(host as usize, Input::Tick);
        self.check_owners(host as usize);
    }

    pub(super) fn done(&mut self, host: u32, incarnation: u32, job: Job, outcome: Box<Outcome>) {
        match self.when_taken(host, incarnation) {
            None => {}
            Some(Some(later)) => self.queue.push(later, Happening::Done { host, incarnation, job, outcome }),
            Some(None) => {
                self.see_loaded(host as usize, &outcome);
                self.step(host as usize, Input::Done(job, *outcome));
            }
        }
    }
}
