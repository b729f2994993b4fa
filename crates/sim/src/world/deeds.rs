//! What a client does next, drawn from chance.

use clearwell_cluster::Level;
use clearwell_cluster::request::Strategy;

use super::World;
use crate::check::BOUNDS_MS;
use crate::history::{Covered, Deed, Later};
use crate::names::{Class, KeyId};
use crate::rng::Rng;

impl World {
    /// What is to be done through the cluster; `None` when it was done already.
    pub(super) fn draw_deed(&mut self, index: u16, rng: &mut Rng) -> Option<(KeyId, Deed)> {
        if let Some((key, write)) = self.draw_fill(index, rng) {
            return Some((key, Deed::Write(Strategy::CacheOnly, write)));
        }
        if index < self.options.writers
            && let Some(key) = self.takes_read(index)
        {
            return self.draw_write(key, rng);
        }
        let key = self.draw_key(rng);
        if rng.percent(3) {
            let from = rng.below(u64::from(self.options.clients)) as u16;
            self.hand_on(index, from);
            return None;
        }
        let writes = index < self.options.writers;
        if writes && rng.percent(self.options.invalidates_percent) {
            return Some((key, Deed::Invalidate(self.draw_scope(key, rng), rng.percent(30))));
        }
        if writes && self.options.holds_percent > 0 && rng.percent(self.options.holds_percent) {
            return Some((key, self.draw_hold(index, key, rng)));
        }
        if !writes || !rng.percent(self.writes_percent()) {
            return Some((key, Deed::Read(self.draw_level(rng))));
        }
        self.draw_write(key, rng)
    }

    fn draw_write(&mut self, key: KeyId, rng: &mut Rng) -> Option<(KeyId, Deed)> {
        if let Some(ttl_ms) = self.options.lives.draw_touch(rng) {
            return Some((key, Deed::Touch(ttl_ms)));
        }
        let class = self.history.names.class(key);
        if self.follows(key) && rng.percent(self.options.behind_percent) {
            self.commit_behind(key, rng);
            return None;
        }
        let write = self.history.source.intend(key, class == Class::Source && rng.percent(5));
        let strategy = match class {
            Class::Source => *rng.pick(&[Strategy::Through, Strategy::Invalidate]),
            Class::Back => Strategy::Back,
            Class::Cache => Strategy::CacheOnly,
        };
        Some((key, Deed::Write(strategy, write)))
    }

    /// An invalidation for later, the event that some wait for, or the end of one that waits.
    fn draw_hold(&mut self, index: u16, key: KeyId, rng: &mut Rng) -> Deed {
        let events = &self.history.names.events;
        let kind = rng.below(20);
        if kind < 4 {
            let told = rng.below(u64::from(events.told_count())) as u32;
            return Deed::Invalidate(Covered::Event(told), rng.percent(30));
        }
        let held = self.clients[usize::from(index)].held.take();
        if let Some(hold) = held.filter(|_| kind < 7) {
            return Deed::Cancel(hold);
        }
        let later = match kind {
            _ if kind < 12 => Later::Event(rng.below(u64::from(events.pattern_count())) as u32),
            _ => Later::Ms(rng.range(100, 4_000)),
        };
        Deed::Hold(self.draw_scope(key, rng), later)
    }

    fn writes_percent(&self) -> u32 {
        let burst = self.options.burst_percent.filter(|_| self.options.is_cut_young(self.now));
        burst.unwrap_or(self.options.writes_percent)
    }

    fn draw_level(&self, rng: &mut Rng) -> Level {
        let is_bounded = self.options.bounded_percent.is_some_and(|percent| rng.percent(percent));
        match if is_bounded { 5 } else { rng.below(10) } {
            0 | 1 => Level::Strong,
            2..5 => Level::Session,
            5 | 6 => Level::Bounded(*rng.pick(&[BOUNDS_MS[0], BOUNDS_MS[1], BOUNDS_MS[1], BOUNDS_MS[2]])),
            7 | 8 => Level::Eventual,
            _ => Level::Weak,
        }
    }

    /// A few keys are asked for much more often than the others.
    fn draw_key(&self, rng: &mut Rng) -> KeyId {
        let keys = u64::from(self.options.keys);
        let most = if rng.percent(50) { keys.min(10) } else { keys };
        rng.below(most) as KeyId
    }

    fn draw_scope(&self, key: KeyId, rng: &mut Rng) -> Covered {
        let kind = match self.options.wide_percent {
            None => rng.below(20),
            Some(percent) if rng.percent(percent) => rng.range(15, 19),
            Some(_) => rng.below(15),
        };
        match kind {
            0..8 => Covered::Key(key),
            8..15 => Covered::Tag(rng.below(u64::from(self.options.tags)) as u32),
            15..18 => Covered::Event(rng.below(u64::from(self.history.names.events.told_count())) as u32),
            18 => Covered::Class('s'),
            _ => Covered::Everything,
        }
    }

    /// A transaction that the cluster does not make: one to three rows.
    fn commit_behind(&mut self, key: KeyId, rng: &mut Rng) {
        let (rows, keys) = (rng.range(1, 3) as u32, self.options.keys);
        for key in (0..rows).map(|n| (key + n) % keys) {
            let class = self.history.names.class(key);
            if self.follows(key) {
                let removes = class == Class::Source && rng.percent(5);
                let write = self.history.source.intend(key, removes);
                let version = self.history.source.commit(write, false, true, self.now);
                self.tell(Some(key), |world| {
                    format!(
                        "somebody commits {} behind the cluster's back, version {}",
                        world.history.names.text(key),
                        version.0
                    )
                });
            }
        }
    }
}
