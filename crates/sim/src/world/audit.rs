//! The end: every host must answer, and what lies in memories is written down for the checkers.

use clearwell_cluster::{Level, Service, Token};

use super::World;
use crate::check::Violation;
use crate::history::{Deed, Last};
use crate::host::{Actor, State};
use crate::value::Value;

impl World {
    /// Asks a host for a few keys in the strictest way.
    pub(super) fn audit(&mut self, host: u32) {
        let host = host as usize;
        if !self.hosts[host].acts(self.now) || self.hosts[host].leaves {
            return;
        }
        for n in 0..3 {
            let key = (host as u32 * 3 + n) % self.options.keys;
            let client = self.options.clients + host as u16;
            self.ask_host(client, host, key, Deed::Read(Level::Strong));
        }
    }

    /// How many copies a host serves by itself, proven current.
    pub fn served_without_asking(&self, host: usize) -> usize {
        let host = &self.hosts[host];
        let now = host.clock.read(self.now);
        let Some(actor) = &host.actor else { return 0 };
        let token = Token::default();
        let serves = |entry| {
            matches!(actor.may_serve(now, entry, Level::Eventual, &token), Service::Serve { age_ms: Some(_) })
        };
        host.store.all().filter(|(_, held)| !held.stale && serves(&held.entry)).count()
    }

    /// All that was to be handed over has been: the placement that was to come is there.
    fn check_settled(&mut self) {
        let views = self.hosts.iter().filter_map(|host| match &host.actor {
            Some(Actor::Member(member)) if host.state == State::Up => member.view(),
            _ => None,
        });
        let Some(view) = views.max_by_key(|view| view.epoch) else { return };
        if !view.is_settled() {
            let text = format!("view {} is still on its way to the next placement", view.epoch.0);
            self.violations.push(Violation { checker: "settled", at: self.now, op: None, key: None, text });
        }
    }

    /// Writes down what could be served now, and what is still open.
    pub fn finish(&mut self) {
        for (index, host) in self.hosts.iter().enumerate() {
            let Some(actor) = host.actor.as_ref().filter(|_| host.state == State::Up && !host.leaves) else {
                continue;
            };
            let now = host.clock.read(self.now);
            for (key, held) in host.store.all().filter(|(_, held)| !held.stale) {
                let service = actor.may_serve(now, &held.entry, Level::Eventual, &Token::default());
                if service != Service::Ask {
                    let value = held.entry.value.as_deref().map(Value::decode);
                    let version = held.entry.version.0;
                    self.history.last.push(Last { host: index as u16, key, value, version });
                }
            }
        }
        self.check_settled();
        if !self.feed.is_done(self.history.source.log.len()) {
            let text = "the feed could not tell all commits, although all is well again".into();
            self.violations.push(Violation { checker: "answered", at: self.now, op: None, key: None, text });
        }
        let left = self.history.last.len() as u64;
        self.note(left);
    }
}
