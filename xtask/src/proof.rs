//! The proof on hosts of their own (docs/proof.md).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{cargo, repo, step};

/// Faults that are planted in the server, each of which the proof has to find; `all` means these.
const PLANTED: [&str; 6] = [
    "SettleSkipped",
    "LeaseUnchecked",
    "AckBeforeReplication",
    "InvalidationDropped",
    "TtlLost",
    "NoGapDetection",
];

/// How long a planted fault is looked for.
const PLANTED_MINUTES: &str = "10";

/// Runs it with what the command line says, as `clearwell-proof run --help` lists it; `--planted NAME|all` looks for faults instead.
pub fn run(words: &[&str]) -> Result<(), String> {
    match words {
        ["--planted", "all"] => planted(&PLANTED),
        ["--planted", name] => planted(&[name]),
        _ => {
            cargo::call("build --locked --release -p clearwell -p clearwell-proof")?;
            prove(&repo::target().join("release/clearwell"), words)
        }
    }
}

/// Runs the program that proves, with a server.
fn prove(server: &Path, words: &[&str]) -> Result<(), String> {
    let mut command = Command::new(repo::target().join("release/clearwell-proof"));
    command.arg("run").arg("--program").arg(server).arg("--folder").arg(repo::target().join("proof"));
    let python = repo::clients().join("python/bin/python");
    if python.exists() {
        command.arg("--python").arg(python);
    }
    step::call(command.args(words))
}

/// Each of these must be found.
fn planted(names: &[&str]) -> Result<(), String> {
    cargo::call("build --locked --release -p clearwell-proof")?;
    cargo::call("build --locked --release -p clearwell --features planted")?;
    let server = with_planted()?;
    let mut missed = Vec::new();
    for name in names {
        println!("\n==> {name}");
        let words = ["--planted", name, "--minutes", PLANTED_MINUTES];
        // The proof fails where it finds one.
        if prove(&server, &words).is_ok() {
            missed.push(*name);
        }
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("not found: {}", missed.join(", "))) }
}

/// The server with faults under a name of its own, so that nobody takes it for another one.
fn with_planted() -> Result<PathBuf, String> {
    let release = repo::target().join("release");
    let (built, kept) = (release.join("clearwell"), release.join("clearwell-planted"));
    fs::rename(&built, &kept).map_err(|error| format!("{}: {error}", built.display()))?;
    Ok(kept)
}
