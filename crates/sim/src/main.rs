//! The simulator's command line.

use clearwell_sim::options::Options;
use clearwell_sim::run::{Mask, run};

fn main() {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<u64>().unwrap());
    let (from, count, nodes) = (args.next().unwrap(), args.next().unwrap(), args.next().unwrap_or(0));
    let begin = std::time::Instant::now();
    let mut bad = 0;
    for seed in from..from + count {
        let report = run(Options::draw(seed, nodes as u16, 60, None), Mask::default());
        if let Some(first) = report.violations.first() {
            bad += 1;
            println!("seed {seed}: {} violations, first {} at {}: {}", report.violations.len(), first.checker, first.at, first.text);
        }
        if count < 10 {
            println!("{seed}: {:x} ops {} done {} steps {} messages {} oldest {}", report.hash, report.ops, report.done, report.steps, report.messages, report.oldest_bounded);
        }
    }
    println!("{bad} of {count} bad, {:.1} seeds/s", count as f64 / begin.elapsed().as_secs_f64());
}
