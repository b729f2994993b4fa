//! How long a slot is without an owner that serves: after its owner died, when two nodes join one, when a lone node is back.

use clearwell_cluster::request::Strategy;
use clearwell_cluster::slot::slot_of;
use clearwell_cluster::{Profile, Slot};

use super::calm;
use crate::history::{Deed, Got};
use crate::names::{Class, KeyId};
use crate::options::{Options, SECOND};
use crate::queue::Micros;
use crate::rng::Rng;
use crate::world::{Mask, World};

const MS: Micros = SECOND / 1000;

/// How often each slot is written to while it is measured.
const OFTEN: Micros = 10 * MS;

/// How long something took, many times.
#[derive(Debug, Clone)]
pub struct Took {
    /// What.
    pub what: &'static str,
    /// How many times it was done.
    pub times: usize,
    /// The time that half of them stayed below.
    pub median: Micros,
    /// The time that 99 of a hundred stayed below.
    pub p99: Micros,
    /// The longest.
    pub worst: Micros,
    /// Writes that were refused meanwhile.
    pub refused: usize,
}

impl Took {
    fn of(what: &'static str, times: usize, mut took: Vec<Micros>, refused: usize) -> Took {
        took.sort_unstable();
        let at = |percent: usize| {
            let place = (took.len() * percent / 100).min(took.len().saturating_sub(1));
            took.get(place).copied().unwrap_or_default()
        };
        Took { what, times, median: at(50), p99: at(99), worst: at(100), refused }
    }
}

/// What is killed, and what is written to its slots.
#[derive(Debug, Clone, Copy)]
pub struct Kill {
    /// The node comes back within a second.
    pub is_back: bool,
    /// How its keys are written.
    pub strategy: Strategy,
}

impl Kill {
    fn what(self) -> &'static str {
        match (self.strategy, self.is_back) {
            (Strategy::CacheOnly, false) => "an owner dies: a plain key is written again",
            (Strategy::CacheOnly, true) => "an owner dies and is back: a plain key is written again",
            (_, false) => "an owner dies: a key is written through again",
            (_, true) => "an owner dies and is back: a key is written through again",
        }
    }

    fn class(self) -> Class {
        if self.strategy == Strategy::CacheOnly { Class::Cache } else { Class::Source }
    }
}

/// Kills the owner of a slot among three nodes, at another moment of its lease in each world: from then until a write to each
/// slot that it owned is acknowledged again.
pub fn kills(profile: Profile, kill: Kill, times: u64) -> Took {
    let (mut took, mut refused) = (Vec::new(), 0);
    for seed in 0..times {
        let mut rng = Rng::new(seed, 47);
        let mut world = world(profile, seed, 3);
        world.run_until(10 * SECOND + rng.below(4 * SECOND));
        let victim = rng.below(3) as usize;
        let mut slots = Slots::of(&world, kill.class(), |world, slot| owner(world, slot) == Some(victim));
        let died_at = world.now;
        world.crash_now(victim);
        let back_at = died_at + rng.range(50, 1000) * MS;
        while slots.lacks_any() && world.now < died_at + 30 * SECOND {
            if kill.is_back && world.now >= back_at {
                world.start_again(victim);
            }
            slots.write(&mut world, (victim + 1) % 3, kill.strategy);
            world.run_until(world.now + OFTEN);
            slots.look(&world);
        }
        took.extend(slots.acknowledged().map(|at| at - died_at));
        refused += slots.refused;
    }
    Took::of(kill.what(), times as usize, took, refused)
}

/// Two nodes join one at the same moment: for each slot, the longest time in which nobody could acknowledge for it.
pub fn joins(profile: Profile, times: u64) -> Took {
    let mut longest = Vec::new();
    for seed in 0..times {
        let mut world = world(profile, seed, 1);
        world.run_until(5 * SECOND + Rng::new(seed, 47).below(4 * SECOND));
        world.join();
        world.join();
        let slots: Vec<Slot> = (0..world.options.slots).map(Slot).collect();
        let mut gaps = vec![(0, 0); slots.len()];
        let until = world.now + 20 * SECOND;
        while world.now < until {
            world.run_until(world.now + MS);
            for (slot, (gap, most)) in slots.iter().zip(&mut gaps) {
                *gap = if owner(&world, *slot).is_some() { 0 } else { *gap + MS };
                *most = (*gap).max(*most);
            }
        }
        longest.extend(gaps.into_iter().map(|(_, most)| most));
    }
    Took::of("two join one: a slot has no owner", times as usize, longest, 0)
}

/// A node that is the whole cluster dies and starts again with its disk: from its start until a write to each slot is
/// acknowledged.
pub fn alone_again(profile: Profile, times: u64) -> Took {
    let (mut took, mut refused) = (Vec::new(), 0);
    for seed in 0..times {
        let mut rng = Rng::new(seed, 47);
        let mut world = world(profile, seed, 1);
        world.run_until(5 * SECOND + rng.below(4 * SECOND));
        let mut slots = Slots::of(&world, Class::Cache, |_, _| true);
        world.crash_now(0);
        world.run_until(world.now + rng.range(10, 1000) * MS);
        world.start_again(0);
        let began_at = world.now;
        while slots.lacks_any() && world.now < began_at + 30 * SECOND {
            slots.write(&mut world, 0, Strategy::CacheOnly);
            world.run_until(world.now + OFTEN);
            slots.look(&world);
        }
        took.extend(slots.acknowledged().map(|at| at - began_at));
        refused += slots.refused;
    }
    Took::of("a lone node is back: a plain key is written", times as usize, took, refused)
}

fn world(profile: Profile, seed: u64, nodes: u16) -> World {
    let calm = calm(nodes, 0, 120, 16);
    World::new(Options { seed, profile, only_source: false, ..calm }, Mask::default())
}

/// The host that could acknowledge for a slot.
fn owner(world: &World, slot: Slot) -> Option<usize> {
    world.hosts.iter().position(|host| {
        let now = host.clock.read(world.now);
        host.owns(now, slot)
    })
}

/// A key for each of some slots, and what came of the writes of it.
struct Slots {
    all: Vec<Written>,
    refused: usize,
}

struct Written {
    key: KeyId,
    open: Vec<u32>,
    acknowledged: Option<Micros>,
}

impl Slots {
    fn of(world: &World, class: Class, wanted: impl Fn(&World, Slot) -> bool) -> Slots {
        let names = &world.history.names;
        let mut slots = Vec::new();
        let mut all = Vec::new();
        for key in (0..names.key_count()).filter(|&key| names.class(key) == class) {
            let slot = slot_of(names.key(key), world.options.slots);
            if wanted(world, slot) && !slots.contains(&slot) {
                slots.push(slot);
                all.push(Written { key, open: Vec::new(), acknowledged: None });
            }
        }
        Slots { all, refused: 0 }
    }

    fn lacks_any(&self) -> bool {
        self.all.iter().any(|written| written.acknowledged.is_none())
    }

    /// Another write to each that lacks one, whatever became of those before.
    fn write(&mut self, world: &mut World, host: usize, strategy: Strategy) {
        for written in self.all.iter_mut().filter(|written| written.acknowledged.is_none()) {
            let write = world.history.source.intend(written.key, false);
            written.open.push(world.ask_host(0, host, written.key, Deed::Write(strategy, write)));
        }
    }

    fn look(&mut self, world: &World) {
        for written in &mut self.all {
            written.open.retain(|&op| match world.history.ops[op as usize].got {
                Got::Nothing => true,
                Got::Refused { .. } => {
                    self.refused += 1;
                    false
                }
                Got::Value(_) | Got::Done { .. } => {
                    let end = world.history.ops[op as usize].end;
                    let first = written.acknowledged.unwrap_or(end);
                    written.acknowledged = Some(first.min(end));
                    false
                }
            });
        }
    }

    /// When each was; one that never was is told as the end of time.
    fn acknowledged(&self) -> impl Iterator<Item = Micros> + '_ {
        self.all.iter().map(|written| written.acknowledged.unwrap_or(Micros::MAX / 2))
    }
}
