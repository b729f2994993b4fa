//! Programs that are run to their end.

use std::process::{Command, Stdio};

/// Runs a program; what it printed.
///
/// # Errors
/// It cannot be started, or ends with another code than 0: what it complained about.
pub fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{command:?} cannot be started: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            let wrong = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(format!("{command:?}: {}: {wrong}", output.status))
        }
    }
}

/// The same of words that stand with spaces between them.
pub fn call(words: &str) -> Result<String, String> {
    let mut words = words.split_whitespace();
    run(Command::new(words.next().unwrap_or_default()).args(words))
}
