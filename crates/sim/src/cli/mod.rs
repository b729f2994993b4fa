//! What the command line offers.

macro_rules! print_line {
    ($($text:tt)*) => { $crate::cli::print(format_args!($($text)*)) };
}

mod failover;
mod figures;
mod planted;
mod scenario;
mod seeds;
mod steps;

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{self, ExitCode};

use clap::{Parser, Subcommand};
use clearwell_cluster::Planted;
use clearwell_sim::lean::Part;
use clearwell_sim::options::Options;

/// Runs the coherence protocol of Clearwell in simulated worlds full of faults, and looks for broken promises.
#[derive(Debug, Parser)]
#[command(name = "clearwell-sim", version)]
pub struct Arguments {
    /// Scenarios instead of seeds.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    pub seeds: u64,
    /// Runs seeds for so many minutes instead of a number of them.
    #[arg(long, conflicts_with = "seeds")]
    pub minutes: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// One seed alone; when it fails it is shrunk and told as a story.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Nodes at the start; the seed decides (3 to 30) when left out. From 100 on, a tenth of them crash and the rest is cut in two, three times.
    #[arg(long, default_value_t = 0)]
    pub nodes: u16,
    /// Simulated seconds: faults for six tenths of them, then healing, for which at least 24 s are given.
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Threads.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Ends after so many failing seeds.
    #[arg(long, default_value_t = 20)]
    pub failures: usize,
    /// Looks for a planted bug by name, or for `all` of them, in at most `--seeds` seeds (needs the feature `planted`).
    #[arg(long)]
    pub planted: Option<String>,
    /// With `--planted`: in how many of all `--seeds` a promise is broken, with the bug and without it.
    #[arg(long)]
    pub share: bool,
    /// Worlds with more of what this planted bug needs to show, without the bug; or of what this part of the protocol is for.
    #[arg(long)]
    pub lean: Option<String>,
    /// Messages for each invalidation, idle traffic, and a near cache after a cut.
    #[arg(long)]
    pub bench_thrift: bool,
    /// Times of single steps of a member, and memory for each key and holder.
    #[arg(long)]
    pub bench_steps: bool,
    /// How long slots are without an owner: owners that die, nodes that join, a lone node that is back.
    #[arg(long)]
    pub bench_failover: bool,
    /// The whole story of `--seed`, of this key's number only when it is given.
    #[arg(long, num_args = 0..=1, default_missing_value = "all")]
    pub story: Option<String>,
    /// How many lines are told of what happened in a failing seed, counted from its end.
    #[arg(long, default_value_t = 60)]
    pub lines: usize,
    /// Nothing goes wrong.
    #[arg(long)]
    pub calm: bool,
    /// Messages in the story as well.
    #[arg(long)]
    pub messages: bool,
    /// Results as JSON, a line each.
    #[arg(long)]
    pub json: bool,
}

/// Stories from text files.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Plays a scenario and tells what happened.
    Scenario {
        /// Its file.
        file: PathBuf,
    },
    /// Plays all scenarios and compares what happened with what is recorded in them.
    Scenarios {
        /// Where they are.
        #[arg(long, default_value = "crates/sim/scenarios")]
        folder: PathBuf,
        /// Records what happened where it was something else; not where an expectation or a promise was broken.
        #[arg(long)]
        record: bool,
    },
}

impl Arguments {
    /// The world of a seed.
    fn world(&self, seed: u64) -> Options {
        let drawn = Options::draw(seed, self.nodes, self.seconds, None);
        let drawn = match self.lean.as_deref().and_then(Leaning::of) {
            Some(Leaning::Bug(bug)) => drawn.lean(bug),
            Some(Leaning::Part(part)) => drawn.lean_to(part),
            None => drawn,
        };
        if self.calm { drawn.calm() } else { drawn.crowd_when_large() }
    }
}

/// What worlds lean to.
enum Leaning {
    Bug(Planted),
    Part(Part),
}

impl Leaning {
    fn of(name: &str) -> Option<Leaning> {
        let part = Part::ALL.into_iter().find(|part| format!("{part:?}").eq_ignore_ascii_case(name));
        part.map(Leaning::Part).or(planted::by_name(name).map(Leaning::Bug))
    }
}

/// What a shell says of a process that SIGPIPE ended.
const NOBODY_READS: i32 = 128 + 13;

/// Prints a line. When nobody reads any more the process ends, as others do in a pipe.
fn print(text: fmt::Arguments<'_>) {
    let Err(error) = writeln!(io::stdout(), "{text}") else { return };
    if error.kind() == io::ErrorKind::BrokenPipe {
        process::exit(NOBODY_READS);
    }
    eprintln!("cannot write: {error}");
    process::exit(1);
}

/// Does what was asked for.
pub fn run(args: &Arguments) -> ExitCode {
    match &args.command {
        Some(Command::Scenario { file }) => return scenario::one(file),
        Some(Command::Scenarios { folder, record }) => return scenario::all(folder, *record),
        None => {}
    }
    if args.bench_thrift {
        return figures::show(args);
    }
    if args.bench_steps {
        return steps::show(args);
    }
    if args.bench_failover {
        return failover::show(args);
    }
    if let Some(name) = args.lean.as_ref().filter(|name| Leaning::of(name).is_none()) {
        eprintln!(
            "no part of the protocol and no planted bug {name}; there are {:?} and {:?}",
            Part::ALL,
            Planted::ALL
        );
        return ExitCode::FAILURE;
    }
    if let Some(name) = &args.planted {
        return planted::hunt_named(args, name);
    }
    match args.seed {
        Some(seed) => seeds::one(args, seed),
        None => seeds::many(args),
    }
}
