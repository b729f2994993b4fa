//! Plain SETs, which may be late fills.

use clearwell_engine::{Offered, Origin, Seq};

use crate::history::Covered;
use crate::model::{Entry, Tale};
use crate::words;
use crate::world::{Load, World};

impl World {
    /// A plain SET of a value that was read when its client missed. Some orders cannot be told apart, so the model takes
    /// the engine's answer, if what is accepted is what the source holds.
    pub fn offer(&mut self, load: &Load, mut entry: Entry) {
        let key = load.key;
        let window_over = self.model.now.saturating_sub(load.time) >= 1_000;
        let own = self.random.bool().then_some(load.began);
        if window_over {
            return;
        }
        let name = words::key(key);
        let before = self.engine.stamp(&name, self.now());
        let offered = self.with_draft(&entry, |engine, draft, now| {
            engine.offer(&name, Origin { miss: own, flush: Seq(0) }, draft, now)
        });
        let after = self.engine.stamp(&name, self.now());
        let read = entry.value.unwrap_or_default();
        if offered == Offered::Written || offered == Offered::Filled {
            let put_since = own.is_none() && self.written[key as usize] > load.tick;
            let current = read == self.truth[key as usize];
            self.agree(
                current || put_since,
                format_args!("{key}: an old SET was accepted as {offered:?}, own {own:?}"),
            );
        }
        match offered {
            Offered::Written => {
                self.agree(own.is_none(), "a SET after its own miss is no write");
                self.truth[key as usize] = read;
                self.written[key as usize] = self.model.tick;
                entry.put = true;
                self.model.write(key);
                self.store(key, entry);
            }
            Offered::Filled if before != after || before == 0 => {
                let covered = self.model.covered(key, &entry.names, load.tick);
                let tagged = covered == Covered::Surely && !self.model.key_covered(key, load.tick);
                self.agree(
                    !(tagged && own.is_some()),
                    format_args!("{key}: a SET older than its tags was stored; {}", Tale(&self.model, key)),
                );
                self.store(key, entry);
            }
            Offered::Filled => {
                let same = self.model.entries.get(&key).is_some_and(|stored| stored.value == entry.value);
                self.agree(same, "taken for what stands there, and is not");
            }
            Offered::Refused if after == 0 && before != 0 => {
                self.model.entries.remove(&key);
            }
            Offered::Refused => {}
            Offered::TooLarge(unfit) => self.agree(false, format_args!("{unfit:?}")),
        }
    }
}
