//! Seeds, many or one.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clearwell_sim::check::{BOUNDS_MS, Violation};
use clearwell_sim::many::{Sum, cpu_seconds, run_many};
use clearwell_sim::run::{Mask, Report, Trace, run, tell};
use clearwell_sim::shrink::shrink;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::Arguments;

/// Runs many seeds and says what they gave.
pub fn many(args: &Arguments) -> ExitCode {
    let until = args.minutes.map(|minutes| Duration::from_secs(minutes * 60));
    match until {
        _ if args.json => {}
        Some(_) => print_line!("seeds from {} on", args.from),
        None => print_line!("seeds {} to {}", args.from, args.from + args.seeds.saturating_sub(1)),
    }
    let bar = until.map_or_else(|| bar(args.seeds), bar_of_time);
    let began = Instant::now();
    let shown = |report: &Report| {
        if let Some(first) = report.violations.first() {
            bar.suspend(|| say(args, report, first.checker, &first.text));
        }
        match until {
            None => bar.inc(1),
            Some(_) => bar.set_position(began.elapsed().as_secs()),
        }
        until.is_none_or(|until| began.elapsed() < until)
    };
    let count = if until.is_some() { u64::MAX - args.from } else { args.seeds };
    let sum = run_many(args.from, count, args.threads, args.failures, |seed| args.world(seed), shown);
    bar.finish_and_clear();
    summary(args, &sum, began);
    if let Some(first) = sum.failed.first().filter(|_| !args.json) {
        print_line!("\nthe first of them, made small:");
        story(args, first.seed);
    }
    if sum.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

pub fn bar(count: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} seeds, {per_sec}, {eta} left");
    ProgressBar::new(count).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn bar_of_time(time: Duration) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} s");
    let bar = ProgressBar::new(time.as_secs());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn say(args: &Arguments, report: &Report, checker: &str, text: &str) {
    let (seed, count) = (report.seed, report.violations.len());
    match args.json {
        true => {
            print_line!("{}", json!({"seed": seed, "violations": count, "checker": checker, "text": text}))
        }
        false => print_line!("seed {seed}: {count} violations, first {checker}: {text}"),
    }
}

fn summary(args: &Arguments, sum: &Sum, began: Instant) {
    let cpu = cpu_seconds();
    let rate = if cpu > 0.0 { sum.seeds as f64 / cpu } else { 0.0 };
    let oldest_ms = sum.oldest_bounded.map(|us| us as f64 / 1000.0);
    if args.json {
        let line = json!({
            "seeds": sum.seeds, "failed": sum.failed.len(), "ops": sum.ops, "done": sum.done, "steps": sum.steps,
            "messages": sum.messages, "oldestBoundedMs": oldest_ms, "cpuSeconds": cpu, "seedsPerCpuSecond": rate,
            "hash": format!("{:016x}", sum.hash),
        });
        print_line!("{line}");
        return;
    }
    print_line!(
        "{} seeds of {} s, {} failed; {} operations ({} done), {} steps, {} messages",
        sum.seeds,
        args.seconds,
        sum.failed.len(),
        sum.ops,
        sum.done,
        sum.steps,
        sum.messages
    );
    print_line!("the oldest that reads bounded by {BOUNDS_MS:?} ms saw: {oldest_ms:.3?} ms");
    print_line!("{}", sum.counts);
    let wall = began.elapsed().as_secs_f64();
    print_line!("{wall:.1} s, {cpu:.1} CPU seconds, {rate:.1} seeds per CPU second; hash {:016x}", sum.hash);
}

/// Runs one seed; tells its story when it fails or when that is wanted.
pub fn one(args: &Arguments, seed: u64) -> ExitCode {
    print_line!("seed {seed}");
    if let Some(key) = &args.story {
        for (at, line) in tell(args.world(seed), Mask::default(), trace(args, key.parse().ok()), u64::MAX) {
            print_line!("{:12.6}  {line}", at as f64 / 1e6);
        }
        return ExitCode::SUCCESS;
    }
    let report = run(args.world(seed), Mask::default());
    print_line!(
        "{} operations ({} done), {} steps, {} messages, hash {:016x}",
        report.ops,
        report.done,
        report.steps,
        report.messages,
        report.hash
    );
    if report.violations.is_empty() {
        return ExitCode::SUCCESS;
    }
    story(args, seed);
    ExitCode::FAILURE
}

/// How many smaller worlds are tried.
const TRIES: usize = 150;

fn story(args: &Arguments, seed: u64) {
    let options = args.world(seed);
    let report = run(options.clone(), Mask::default());
    let style = ProgressStyle::with_template("{bar:30} {pos} of at most {len} smaller worlds");
    let bar =
        ProgressBar::new(TRIES as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let small = shrink(options, report, TRIES, &mut || bar.inc(1));
    bar.finish_and_clear();
    let Some(violation) = small.violation() else { return };
    print_line!("{} nodes, {} near caches; what has to go wrong:", small.options.nodes, small.options.near);
    small.faults().for_each(|fault| print_line!("  {fault}"));
    let lines = tell(small.options.clone(), small.mask.clone(), trace(args, violation.key), until(violation));
    print_line!("what happened to its key at last:");
    for (at, line) in &lines[lines.len().saturating_sub(args.lines)..] {
        print_line!("{:12.6}  {line}", *at as f64 / 1e6);
    }
    print_line!("{}: {}", violation.checker, violation.text);
}

/// What is wrong at the end shows at the end only.
fn until(violation: &Violation) -> u64 {
    match violation.checker {
        "durable" | "converged" | "answered" => u64::MAX,
        _ => violation.at,
    }
}

fn trace(args: &Arguments, key: Option<u32>) -> Trace {
    Trace { key, messages: args.messages, lines: Vec::new() }
}
