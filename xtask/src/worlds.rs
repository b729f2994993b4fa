//! Simulated worlds that nobody has run before, beside the tests, which mostly wait.

use crate::repo;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// Five minutes of them, with what the processors have left.
pub struct FreshWorlds(Child);

impl FreshWorlds {
    /// Begins. The first seed is printed; it repeats what was found.
    pub fn begin() -> Result<FreshWorlds, String> {
        const SEEDS_A_SECOND: u64 = 1000;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
        let first = (now.as_secs() * SEEDS_A_SECOND).to_string();
        println!("    fresh worlds from seed {first}");
        let mut command = Command::new("nice");
        command.args(["-n", "19"]).arg(repo::target().join("release/clearwell-sim"));
        command.args(["--minutes", "5", "--threads", "2", "--from", &first]).current_dir(repo::top());
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
