//! One seed, from its world to the verdict.

use crate::check::{self, Oldest, Violation};
use crate::history::{Deed, Got, Op};
use crate::options::Options;
use crate::queue::Micros;
use crate::world::World;
pub use crate::world::{Mask, Trace};

/// What came of a seed.
#[derive(Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What was wrong, earliest first.
    pub violations: Vec<Violation>,
    /// A number that all that happened went into.
    pub hash: u64,
    /// Operations of clients.
    pub ops: usize,
    /// Of them, those that were done.
    pub done: usize,
    /// Fills that were refused: somebody may have been faster, and a fill may always be refused.
    pub refused_fills: usize,
    /// Steps of members and near caches.
    pub steps: u64,
    /// Messages.
    pub messages: u64,
    /// The oldest that bounded reads saw.
    pub oldest_bounded: Oldest,
}

/// Runs the world of these options to its end.
pub fn run(options: Options, mask: Mask) -> Report {
    let mut world = World::new(options, mask);
    to_the_end(&mut world);
    report(world)
}

/// Runs it again and writes down what happened until a time, a line each.
pub fn tell(options: Options, mask: Mask, trace: Trace, until: Micros) -> Vec<(Micros, String)> {
    let mut world = World::new(options, mask);
    world.trace = Some(trace);
    world.run_until(world.options.end.min(until));
    world.trace.map(|trace| trace.lines).unwrap_or_default()
}

fn to_the_end(world: &mut World) {
    let end = world.options.end;
    world.run_until(end);
    world.finish();
}

fn report(world: World) -> Report {
    let verdict = check::all(&world.history);
    let hash = world.hash();
    let mut violations = world.violations;
    violations.extend(verdict.violations);
    violations.sort_by_key(|violation| violation.at);
    let ops = &world.history.ops;
    let done = ops.iter().filter(|op| matches!(op.got, Got::Value(_) | Got::Done { .. }));
    let fills = &world.history.fills;
    let is_fill = |deed| matches!(deed, Deed::Write(_, write) if fills.contains_key(&write));
    let refused = |op: &&Op| is_fill(op.deed) && matches!(op.got, Got::Refused { .. });
    Report {
        refused_fills: ops.iter().filter(refused).count(),
        seed: world.options.seed,
        violations,
        hash,
        ops: ops.len(),
        done: done.count(),
        steps: world.steps,
        messages: world.traffic.total(),
        oldest_bounded: verdict.oldest_bounded,
    }
}
