//! Steps that print their name and time, and one summary at the end.

use std::process::Command;
use std::time::{Duration, Instant};

/// The steps run so far.
#[derive(Default)]
pub struct Checklist {
    done: Vec<(String, Duration)>,
}

impl Checklist {
    /// Runs one step; its failure ends the whole.
    pub fn run(&mut self, name: &str, step: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        println!("==> {name}");
        let started = Instant::now();
        let outcome = step();
        let took = started.elapsed();
        match outcome {
            Ok(()) => {
                println!("    {name}: {:.1} s", took.as_secs_f64());
                self.done.push((name.to_owned(), took));
                Ok(())
            }
            Err(message) => Err(format!("FAILED {name} after {:.1} s: {message}", took.as_secs_f64())),
        }
    }

    /// Prints every step with its time.
    pub fn summary(&self) {
        println!("\nall passed");
        for (name, took) in &self.done {
            println!("{:>8.1} s  {name}", took.as_secs_f64());
        }
        let total: Duration = self.done.iter().map(|(_, took)| took).sum();
        println!("{:>8.1} s  in all", total.as_secs_f64());
    }
}

/// Runs `command` with its output shown; an error names it.
pub fn call(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}

/// Runs `command` and returns its standard output.
pub fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}
