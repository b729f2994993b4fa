//! Simulated worlds that nobody has run before.

use crate::{cargo, repo, step};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// Runs them for so many minutes. The first seed is printed; it repeats what was found.
pub fn run(minutes: usize) -> Result<(), String> {
    const SEEDS_A_SECOND: u64 = 1000;
    cargo::call("build --release --locked --package clearwell-sim")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
    step::call(simulator().args(arguments(minutes, 2, now.as_secs() * SEEDS_A_SECOND)))
}

fn simulator() -> Command {
    let mut command = Command::new(repo::target().join("release/clearwell-sim"));
    command.current_dir(repo::top());
    command
}

fn arguments(minutes: usize, threads: usize, first: u64) -> [String; 6] {
    let [minutes, threads, first] = [minutes as u64, threads as u64, first].map(|number| number.to_string());
    ["--minutes".into(), minutes, "--threads".into(), threads, "--from".into(), first]
}

/// Worlds that are new with every commit, and the same for the same one: what they find is its own doing or was there before,
/// but never a matter of the hour. They run beside the tests, which mostly wait, with what the processors have left.
pub struct FreshWorlds(Child);

impl FreshWorlds {
    /// Begins five minutes of them.
    pub fn begin() -> Result<FreshWorlds, String> {
        let mut command = Command::new("nice");
        command.args(["-n", "19"]).arg(simulator().get_program()).current_dir(repo::top());
        command.args(arguments(5, 1, first_seed()?));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        child.map(FreshWorlds).map_err(|error| format!("cannot start {command:?}: {error}"))
    }

    /// Waits for their end, and prints what they gave.
    pub fn end(mut self) -> Result<(), String> {
        let said = self.0.stdout.take().map(std::io::read_to_string).transpose();
        let status = self.0.wait().map_err(|error| error.to_string())?;
        print!("{}", said.map_err(|error| error.to_string())?.unwrap_or_default());
        if status.success() { Ok(()) } else { Err("a world broke a promise".into()) }
    }
}

impl Drop for FreshWorlds {
    /// The tests failed: nobody waits for them.
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// From what the commit contains, far beyond the seeds that are run by hand.
fn first_seed() -> Result<u64, String> {
    const DIGITS: usize = 12;
    let tree = step::output(Command::new("git").args(["rev-parse", "HEAD^{tree}"]).current_dir(repo::top()))?;
    let digits = tree.get(..DIGITS).unwrap_or_default();
    u64::from_str_radix(digits, 16).map_err(|_| format!("git named a tree {tree:?}"))
}
