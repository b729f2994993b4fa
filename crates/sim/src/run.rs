//! One seed, from its world to the verdict.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::check::{self, Oldest, Violation};
use crate::counts::Counts;
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
    /// What happened how often.
    pub counts: Counts,
}

/// Runs the world of these options to its end, or to a panic, which is a violation like others.
pub fn run(options: Options, mask: Mask) -> Report {
    let mut world = World::new(options, mask);
    let end = world.options.end;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        world.run_until(end);
        world.finish();
    }));
    if let Err(panic) = outcome {
        let (at, text) = (world.now, said(&*panic));
        world.violations.push(Violation { checker: "panics", at, op: None, key: None, text });
    }
    report(world)
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}

/// Runs it again and writes down what happened until a time, a line each.
pub fn tell(options: Options, mask: Mask, trace: Trace, until: Micros) -> Vec<(Micros, String)> {
    let mut world = World::new(options, mask);
    world.trace = Some(trace);
    let until = world.options.end.min(until);
    // What happened before a panic is what somebody wants to read; the panic has told of itself.
    let _ = catch_unwind(AssertUnwindSafe(|| world.run_until(until)));
    world.trace.map(|trace| trace.lines).unwrap_or_default()
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
        counts: world.counts,
    }
}
