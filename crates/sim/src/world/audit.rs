//! The end: every host must answer, and what lies in memories is written down for the checkers.

use clearwell_cluster::{Event, Level, Slot, Token};

use super::World;
use crate::check::Violation;
use crate::history::{Deed, Last};
use crate::host::State;
use crate::lives::meta_of;
use crate::names::{KeyId, number};
use crate::options::SECOND;
use crate::value::{Stamp, found_at};

/// What an owner gave a replica once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mended {
    Slot(Slot),
    Key(KeyId),
}

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
        let keys = host.live_keys(self.now).into_iter().map(|key| self.history.names.key(key));
        let Some(host) = &host.host else { return 0 };
        let look = |key: &_| host.look(now, key, Level::Eventual, &Token::default(), |_, age_ms| age_ms);
        keys.filter(|key| look(key).flatten().is_some()).count()
    }

    /// Where all is well and nobody changes anything, nothing is given again and again.
    pub(super) fn check_mended(&mut self, host: usize, event: &Event) {
        let what = match event {
            Event::Lacked(slot) => Mended::Slot(*slot),
            Event::Differed(key) => Mended::Key(number(key)),
            _ => return,
        };
        if self.now < self.options.quiet {
            return;
        }
        // Several replicas may differ in the same round of comparing.
        let first = *self.mended.entry((host, what)).or_insert(self.now);
        if self.now - first >= SECOND {
            let text = format!("host {host} gives {what:?} once more, although nothing was done since");
            self.violations.push(Violation { checker: "settled", at: self.now, op: None, key: None, text });
        }
    }

    /// All that was to be handed over has been: the placement that was to come is there.
    fn check_settled(&mut self) {
        let up = self.hosts.iter().filter(|host| host.state == State::Up);
        let views = up.filter_map(|host| host.view());
        let Some(view) = views.max_by_key(|view| view.epoch) else { return };
        if !view.is_settled() {
            let text = format!("view {} is still on its way to the next placement", view.epoch.0);
            self.violations.push(Violation { checker: "settled", at: self.now, op: None, key: None, text });
        }
    }

    /// Writes down what could be served now, and what is still open.
    pub fn finish(&mut self) {
        for (index, machine) in self.hosts.iter().enumerate() {
            let Some(host) = machine.host.as_ref().filter(|_| machine.state == State::Up) else { continue };
            if let Err(differs) = host.check() {
                let text = format!("the books of host {index}'s store are wrong: {differs}");
                self.violations.push(Violation { checker: "store", at: self.now, op: None, key: None, text });
            }
            if machine.leaves {
                continue;
            }
            let now = machine.clock.read(self.now);
            for key in machine.live_keys(self.now) {
                let last = host.look(
                    now,
                    self.history.names.key(key),
                    Level::Eventual,
                    &Token::default(),
                    |view, _| {
                        let (value, version) = found_at(view);
                        Last { host: index as u16, key, value, version }
                    },
                );
                self.history.last.extend(last);
                let live = machine.live(self.now, self.history.names.key(key));
                let meta = live.map(|clearwell_cluster::Entry { meta, .. }| clearwell_cluster::Meta {
                    content_type: Stamp::take_off(meta.content_type.as_deref()).map(Into::into),
                    ..meta
                });
                let value = last.and_then(|last| last.value);
                if let Some(value) = value.filter(|value| meta != Some(meta_of(value.write))) {
                    let text = format!("host {index} has lost what was kept with write {}", value.write);
                    let key = Some(key);
                    self.violations.push(Violation { checker: "genuine", at: self.now, op: None, key, text });
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
