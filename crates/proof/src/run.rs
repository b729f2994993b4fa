//! A run: acts one after the other, each with a cluster of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::json;

use crate::act::{self, Episode, PlayedAct, Script};
use crate::check::{Ack, Violation};
use crate::clock::{Micros, SECOND, seconds};
use crate::history::ClientOp;
use crate::hosts::Hosts;
use crate::node::{self, NodeSettings};
use crate::report::{HEAD, Row};
use crate::stage::Stage;

/// The longest that one act lasts.
const ACT: Duration = Duration::from_secs(300);
/// How nice everything is to the rest of the machine.
const PRIORITY: i32 = -15;
/// How much of a history is printed around what breaks a promise.
const AROUND: Micros = 30 * SECOND;

/// What a run is asked to be.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// The server's program
    #[arg(long)]
    program: PathBuf,
    /// Where logs, histories and the hosts' disks are
    #[arg(long)]
    folder: PathBuf,
    /// The interpreter that has redis-py; without one, that client is left out
    #[arg(long)]
    python: Option<PathBuf>,
    /// For how long
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// Of all that is drawn [default: drawn]
    #[arg(long)]
    seed: Option<u64>,
    /// How many hosts have nodes
    #[arg(long, default_value_t = 5)]
    hosts: u32,
    /// Only these faults, by name
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only this acknowledgement: owner or replicas
    #[arg(long)]
    ack: Option<String>,
    /// So many replicas of each slot [default: one or two, drawn]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=4))]
    replicas: Option<u8>,
    /// A fault that is planted in the server
    #[arg(long)]
    planted: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs it; whether every promise was kept.
///
/// # Errors
/// The machine does not do what it should, in words.
pub fn run(args: &RunArgs) -> Result<bool, String> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    println!("seed {seed}");
    // What else the machine does is not to be taken for a fault. Nodes and clients inherit it.
    if let Err(error) = rustix::process::nice(PRIORITY) {
        println!("the machine is shared with what else it does: {error}");
    }
    let folder = fresh(&args.folder)?;
    let hosts = Hosts::make(args.hosts + 1, &folder)?;
    let mut rng = Rng::with_seed(seed);
    let began = Instant::now();
    let end = began + Duration::from_secs(60 * args.minutes);
    let share = Duration::from_secs(60 * args.minutes) / 2;
    let mut acts = Vec::new();
    for number in 0.. {
        let ack = match args.ack.as_deref() {
            Some("owner") => Ack::Owner,
            Some("replicas") => Ack::Replicas,
            Some(other) => return Err(format!("{other} is neither owner nor replicas")),
            None => [Ack::Replicas, Ack::Owner][number % 2],
        };
        let drawn = rng.u8(1..=2);
        let replicas = args.replicas.unwrap_or(drawn);
        let until = end.min(Instant::now() + share.min(ACT));
        let script = Script {
            ack,
            replicas,
            hosts: args.hosts,
            until,
            only: args.only.clone(),
            python: args.python.clone(),
        };
        let logs = folder.join(format!("act-{number}"));
        let played = stage(&hosts, args, &script, &logs, &mut rng)?;
        if !played.violations.is_empty() {
            tell(&played, &logs, seed)?;
        }
        acts.push((script, played));
        let is_broken = acts.last().is_some_and(|(_, played)| !played.violations.is_empty());
        if is_broken || Instant::now() >= end {
            break;
        }
    }
    Ok(summary(args, seed, began.elapsed(), &acts))
}

/// Plays one act.
fn stage(
    hosts: &Hosts,
    args: &RunArgs,
    script: &Script,
    logs: &Path,
    rng: &mut Rng,
) -> Result<PlayedAct, String> {
    fs::create_dir_all(logs).map_err(|error| format!("{}: {error}", logs.display()))?;
    let ack = script.ack;
    println!("\na cluster of {}, ack = {ack}, replicas = {}\n{HEAD}", script.hosts, script.replicas);
    let config = logs.join("clearwell.toml");
    let text = node::config(&ack.to_string(), script.replicas);
    fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
    let settings = NodeSettings {
        program: args.program.clone(),
        config,
        logs: logs.to_owned(),
        planted: args.planted.clone(),
    };
    let mut stage = Stage::build(hosts, settings, script.hosts)?;
    let played = act::play(&mut stage, script, rng);
    hosts.heal()?;
    played
}

/// An empty folder of that name; what an earlier run left in it goes.
fn fresh(folder: &Path) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    let folder = folder.canonicalize().map_err(failed)?;
    for entry in fs::read_dir(&folder).map_err(failed)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("act-") {
            fs::remove_dir_all(entry.path()).map_err(failed)?;
        }
    }
    Ok(folder)
}

/// Tells what was broken, and writes down everything.
fn tell(played: &PlayedAct, logs: &Path, seed: u64) -> Result<(), String> {
    let all = logs.join("history.txt");
    let mut ops: Vec<&ClientOp> = played.history.iter().chain(&played.rest).collect();
    ops.sort_by_key(|op| op.began);
    let text: String = ops.iter().map(|op| format!("{op}\n")).collect();
    fs::write(&all, text).map_err(|error| format!("{}: {error}", all.display()))?;
    for violation in played.violations.iter().take(5) {
        println!("\nBROKEN: {}\n  {}", violation.promise, violation.why);
        violation.shown_by.iter().for_each(|op| println!("  {op}"));
        around(played, violation);
    }
    println!("\nwhat the owners tell:");
    played.reasons.iter().for_each(|why| println!("  {why}"));
    println!("\n{} in all; seed {seed}", played.violations.len());
    println!("history: {}\nlogs of the nodes: {}", all.display(), logs.display());
    Ok(())
}

/// The faults around a violation, and what else was done with its key.
fn around(played: &PlayedAct, violation: &Violation) {
    let (Some(first), Some(last)) = (violation.shown_by.first(), violation.shown_by.last()) else { return };
    let near =
        |episode: &&Episode| episode.began <= last.ended + SECOND && first.began <= episode.settled + AROUND;
    for episode in played.episodes.iter().filter(near) {
        let Episode { began, healed, settled, .. } = episode;
        let name = episode.name();
        println!(
            "  fault {name}: {:.4} .. {:.4}, settled {:.4}",
            seconds(*began),
            seconds(*healed),
            seconds(*settled)
        );
    }
    let Some(key) = last.did.key() else { return };
    let mut beside: Vec<&ClientOp> =
        played.history.iter().chain(&played.rest).filter(|op| op.did.touches(key)).collect();
    beside.sort_by_key(|op| op.began);
    let from = beside.partition_point(|op| op.began < first.began).saturating_sub(3);
    let changes = |op: &&&ClientOp| op.saw().is_none() || op.outcome == last.outcome;
    println!("  what became of {} (changes, and reads of what was shown):", key.name());
    let upto = beside.iter().skip(from).take_while(|op| op.began <= last.began + SECOND / 10);
    let lines: Vec<&&ClientOp> = upto.filter(changes).collect();
    let skipped = lines.len().saturating_sub(30);
    lines.iter().skip(skipped).for_each(|op| println!("    {op}"));
}

/// The last words; whether every promise was kept.
fn summary(args: &RunArgs, seed: u64, took: Duration, acts: &[(Script, PlayedAct)]) -> bool {
    let violations: usize = acts.iter().map(|(_, played)| played.violations.len()).sum();
    let operations: usize = acts.iter().map(|(_, played)| played.history.len() + played.rest.len()).sum();
    let episodes: usize = acts.iter().map(|(_, played)| played.episodes.len()).sum();
    if args.json {
        let rows = |played: &PlayedAct| played.rows.iter().map(|row| row.json()).collect::<Vec<_>>();
        let broken = |played: &PlayedAct| {
            played
                .violations
                .iter()
                .map(|one| json!({"promise": one.promise, "why": one.why}))
                .collect::<Vec<_>>()
        };
        let acts: Vec<_> = acts
            .iter()
            .map(|(script, played)| {
                json!({
                    "ack": script.ack.to_string(), "replicas": script.replicas, "faults": rows(played),
                    "broken": broken(played), "unasked_views": played.unasked,
                })
            })
            .collect();
        println!("{}", json!({"seed": seed, "seconds": took.as_secs_f64(), "acts": acts}));
    }
    for ack in [Ack::Replicas, Ack::Owner] {
        let rows = acts.iter().filter(|(script, _)| script.ack == ack).flat_map(|(_, played)| &played.rows);
        let worst = Row::worst(rows);
        if !worst.is_empty() {
            println!("\nthe worst of each, ack = {ack}\n{HEAD}");
        }
        worst.iter().for_each(|row| println!("{row}"));
    }
    let unasked: usize = acts.iter().map(|(_, played)| played.unasked).sum();
    println!(
        "\nseed {seed}: {operations} operations, {episodes} episodes, {:.1} minutes; {unasked} views changed although nothing was broken; {}",
        took.as_secs_f64() / 60.0,
        if violations == 0 {
            "every promise was kept".to_owned()
        } else {
            format!("{violations} times a promise was broken")
        }
    );
    violations == 0
}
