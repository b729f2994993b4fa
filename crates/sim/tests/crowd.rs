//! Many nodes: a tenth of them crash, the rest is cut in two, three times, and all converge without a broken promise.

use clearwell_sim::many::run_many;
use clearwell_sim::options::Options;

/// `CLEARWELL_NODES` nodes (1000 take a minute a seed), `CLEARWELL_ROUNDS` seeds from `CLEARWELL_SEED` on.
#[test]
fn a_crowd_converges() {
    let number = |name, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let nodes = number("CLEARWELL_NODES", 100) as u16;
    let (first, count) = (number("CLEARWELL_SEED", 0), number("CLEARWELL_ROUNDS", 3));
    let sum = run_many(first, count, 2, 1, |seed| Options::draw(seed, nodes, 60, None).crowd(), |_| true);
    if let Some(report) = sum.failed.first() {
        let first = &report.violations[0];
        panic!(
            "seed {}: {}: {}\nits story: cargo run --release -p clearwell-sim -- --nodes {nodes} --seed {}",
            report.seed, first.checker, first.text, report.seed
        );
    }
    assert!(sum.done * 2 > sum.ops, "{} of {} operations done", sum.done, sum.ops);
    // Reads that are bounded by 2 s find values that were overwritten elsewhere, or the bound is not tried at all.
    assert!(sum.oldest_bounded[1] > 1_000_000, "the oldest that was seen: {:?}", sum.oldest_bounded);
}
