//! Changes of a host's memory, noted for whoever tells the story.

use clearwell_cluster::{Apply, Entry, Level, Outcome, Token};
use clearwell_host::Host;

use super::World;
use crate::names::{KeyId, number};
use crate::seen::Seen;
use crate::value::{Value, found_in};

/// What lay in a host's memory before a change, and what the change gives.
pub(super) struct Watched {
    given: Option<(KeyId, Value)>,
    before: Vec<KeyId>,
}

impl World {
    /// Looks at a host's memory before a change.
    pub(super) fn watch_apply(&self, host: usize, what: &Apply) -> Watched {
        let given = match what {
            Apply::Put(entry) | Apply::Fill { entry, .. } => Some(of_entry(entry)),
            _ => None,
        };
        Watched { given, before: self.hosts[host].live_keys(self.now) }
    }

    /// What became of it.
    pub(super) fn see_applied(&mut self, host: usize, watched: Watched, refused: bool) {
        let machine = &self.hosts[host];
        let after = machine.live_keys(self.now);
        let keys: Vec<KeyId> = watched.before.into_iter().filter(|key| !after.contains(key)).collect();
        if let Some(&first) = keys.first() {
            let (now, key) = (machine.clock.read(self.now), self.history.names.key(first));
            let weak = |host: &Host| host.look(now, key, Level::Weak, &Token::default(), |_, _| ());
            let stale = machine.host.as_ref().and_then(weak).is_some();
            self.see(|_| Some(Seen::Took { host, keys, stale }));
        }
        if let Some((key, Value { write, read })) = watched.given {
            self.see(|_| Some(Seen::Kept { host, key, write, read, kept: !refused }));
        }
    }

    /// An answer of the source reaches a host.
    pub(super) fn see_loaded(&mut self, host: usize, outcome: &Outcome) {
        let Outcome::Loaded { entry: Some(entry), stored: false } = outcome else { return };
        let (key, Value { write, read }) = of_entry(entry);
        self.see(|_| Some(Seen::Loaded { host, key, write, read }));
    }
}

fn of_entry(entry: &Entry) -> (KeyId, Value) {
    (number(&entry.key), found_in(entry).0.unwrap_or_default())
}
