//! Changes of a host's memory, noted for whoever tells the story.

use clearwell_cluster::{Apply, Entry, Outcome};

use super::World;
use crate::names::{KeyId, number};
use crate::seen::Seen;
use crate::value::Value;

impl World {
    pub(super) fn apply_watched(&mut self, host: usize, what: Apply) {
        let given = match &what {
            Apply::Put(entry) | Apply::Fill { entry, .. } => Some(of_entry(entry)),
            _ => None,
        };
        let live = |world: &World| -> Vec<KeyId> {
            world.hosts[host].store.all().filter(|(_, held)| !held.stale).map(|(key, _)| key).collect()
        };
        let before = live(self);
        let refused = self.change_store(host, what);
        let after = live(self);
        let keys: Vec<KeyId> = before.into_iter().filter(|key| !after.contains(key)).collect();
        if let Some(&first) = keys.first() {
            let stale = self.hosts[host].store.get(first).is_some();
            self.see(|_| Some(Seen::Took { host, keys, stale }));
        }
        if let Some((key, Value { write, read })) = given {
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
    (number(&entry.key), entry.value.as_deref().map(Value::decode).unwrap_or_default())
}
