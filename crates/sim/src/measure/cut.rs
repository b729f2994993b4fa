//! What a lost message and a cut cost.

use clearwell_cluster::request::Strategy;
use clearwell_cluster::slot::slot_of;
use clearwell_cluster::{Bytes, Level};

use super::calm;
use crate::history::{Covered, Deed};
use crate::host::Machine;
use crate::names::KeyId;
use crate::network::Set;
use crate::options::{Options, SECOND};
use crate::queue::Micros;
use crate::world::{Mask, World};

/// Loses one invalidation on its way to one holder of a copy. After how long its copy is gone; `None` when this host does not
/// hold one, or owns the key.
pub fn lost_invalidation(holder: usize, seed: u64) -> Option<Micros> {
    const KEY: KeyId = 0;
    const STEP: Micros = SECOND / 1000;
    let mut world = World::new(Options { seed, ..calm(5, 0, 16, 64) }, Mask::default());
    world.run_until(5 * SECOND);
    world.ask_host(0, holder, KEY, Deed::Read(Level::Eventual));
    // Each seed loses it at another moment between two heartbeats.
    world.run_until(8 * SECOND + seed * 37 % 1000 * STEP);
    let key: Bytes = world.history.names.key(KEY).clone();
    let slot = slot_of(&key, world.options.slots);
    let now = world.hosts[holder].clock.read(world.now);
    let owns = |host: &Machine| host.owns(now, slot);
    let owner = world.hosts.iter().position(owns)?;
    let is_held = |world: &World| world.hosts[holder].live(world.now, &key).is_some();
    if owner == holder || !is_held(&world) {
        return None;
    }
    let alone = |host| {
        let mut set = Set::default();
        set.insert(host);
        set
    };
    world.cut_between(alone(holder), alone(owner));
    let lost_at = world.now;
    world.ask_host(0, owner, KEY, Deed::Invalidate(Covered::Key(KEY), false));
    world.run_until(lost_at + STEP);
    world.mend_all();
    while is_held(&world) && world.now < lost_at + 10 * SECOND {
        world.run_until(world.now + STEP);
    }
    Some(world.now - lost_at)
}

/// A near cache after a cut.
#[derive(Debug, Clone)]
pub struct AfterCut {
    /// Entries that it held.
    pub entries: usize,
    /// Their bytes.
    pub entry_bytes: u64,
    /// Entries that changed meanwhile.
    pub changed: usize,
    /// Bytes that went from and to it from the end of the cut until it was current again.
    pub bytes: u64,
    /// Entries that it serves without asking afterwards.
    pub kept: usize,
}

/// Cuts a near cache of so many entries off for a minute, in which one of a hundred changes.
pub fn after_cut(entries: u32) -> AfterCut {
    const VALUE_BYTES: usize = 100;
    let options = Options { value_bytes: VALUE_BYTES, tags: 1000, ..calm(3, 1, entries, 64) };
    let mut world = World::new(options, Mask::default());
    let near = 3;
    world.run_until(3 * SECOND);
    for key in 0..entries {
        world.ask_host(0, near, key, Deed::Read(Level::Eventual));
        if key % 64 == 0 {
            world.run_until(world.now + SECOND / 100);
        }
    }
    world.run_until(world.now + 5 * SECOND);
    let held = world.hosts[near].live_keys(world.now).len();
    let (mut one, mut others) = (Set::default(), Set::default());
    one.insert(near);
    (0..near).for_each(|host| others.insert(host));
    world.cut_between(one, others);
    world.run_until(world.now + 20 * SECOND);
    let mut changed = 0;
    for key in (0..entries).step_by(100) {
        let write = world.history.source.intend(key, false);
        let strategy = Strategy::Invalidate;
        world.ask_host(0, (key % 3) as usize, key, Deed::Write(strategy, write));
        world.run_until(world.now + SECOND / 100);
        changed += 1;
    }
    world.run_until(world.now + 30 * SECOND);
    world.traffic.weigh_only = Some(near);
    let before = world.traffic.total_bytes();
    world.mend_all();
    world.run_until(world.now + 8 * SECOND);
    let bytes = world.traffic.total_bytes() - before;
    let kept = world.served_without_asking(near);
    let per_entry = VALUE_BYTES as u64 + 8 + 16;
    AfterCut { entries: held, entry_bytes: held as u64 * per_entry, changed, bytes, kept }
}
