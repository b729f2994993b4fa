//! Steps that write.

use clearwell_engine::{Change, Millis};

use crate::history::Names;
use crate::model::{Entry, Worth};
use crate::words;
use crate::world::{World, bytes, seen};

impl World {
    pub fn put(&mut self, key: u8) {
        let value = self.fresh_value();
        let names = self.names(key);
        let entry = self.entry(Some(value), names, true);
        let put = self.with_draft(&entry, |engine, draft, now| engine.put(&words::key(key), draft, now));
        self.agree(put.is_ok(), format_args!("{put:?}"));
        self.wrote(key, value, true);
        self.store(key, entry);
    }

    pub fn wrote(&mut self, key: u8, value: u64, put: bool) {
        self.truth[key as usize] = value;
        self.written[key as usize] = self.model.tick;
        self.model.write(key, put);
    }

    pub fn update(&mut self, key: u8) {
        let kind = self.random.u8(..5);
        let value = self.fresh_value();
        let names = self.names(key);
        let entry = self.entry(Some(value), names, true);
        let expires = self.random.bool().then(|| self.model.now + self.random.u64(..1_000));
        let seen = self.with_draft(&entry, |engine, draft, now| {
            engine.update(&words::key(key), now, |view| {
                let change = match kind {
                    0 => Change::Keep,
                    1 => Change::Put(draft.clone()),
                    2 => Change::Value(bytes(value)),
                    3 => Change::Expires(expires.map(Millis)),
                    _ => Change::Remove,
                };
                (change, view.map(|view| seen(view).unwrap_or_default()))
            })
        });
        let seen = match seen {
            Ok(seen) => seen,
            Err(unfit) => return self.agree(false, format_args!("{unfit:?}")),
        };
        let worth = self.model.worth(key);
        let kept = self.model.entries.get(&key).and_then(|entry| entry.value);
        let shown = worth.iter().any(|worth| *worth >= Worth::Stale) && kept.is_some();
        self.agree(seen.is_none() || shown && seen == kept, format_args!("{key}: saw {seen:?} for {kept:?}"));
        self.agree(
            !self.strict || seen.is_some() == shown,
            format_args!("{key}: saw {seen:?}, is {worth:?}"),
        );
        match (kind, seen) {
            (1, _) => {
                self.wrote(key, value, true);
                self.store(key, entry);
            }
            (2, None) => {
                self.wrote(key, value, true);
                let (names, expires) = (Names::default(), None);
                let plain = Entry { names, expires, grace_ms: 0, version: None, load_ms: 0, ..entry };
                self.store(key, plain);
            }
            (2, Some(_)) => {
                let old = self.model.entries[&key].clone();
                self.wrote(key, value, true);
                self.store(
                    key,
                    Entry { value: Some(value), put: true, stale: false, excused: Vec::new(), ..old },
                );
            }
            (3, Some(_)) => {
                if let Some(entry) = self.model.entries.get_mut(&key) {
                    entry.expires = expires;
                }
            }
            (4, _) => {
                let value = self.fresh_value();
                self.wrote(key, value, false);
                self.model.entries.remove(&key);
            }
            _ => {}
        }
    }
}
