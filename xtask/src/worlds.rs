//! Simulated worlds that nobody has run before.

use crate::{cargo, repo, step};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Runs them for so many minutes. The first seed is printed; it repeats what was found.
pub fn run(minutes: usize) -> Result<(), String> {
    const SEEDS_A_SECOND: u64 = 1000;
    cargo::call("build --release --locked --package clearwell-sim")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
    let first = (now.as_secs() * SEEDS_A_SECOND).to_string();
    let mut command = Command::new(repo::target().join("release/clearwell-sim"));
    command.args(["--minutes", &minutes.to_string(), "--threads", "2", "--from", &first]);
    step::call(command.current_dir(repo::top()))
}
