//! Cargo, as the automations call it.

use crate::{repo, step};
use std::process::Command;

/// `cargo WORDS`, at the top of the repository.
pub fn cargo(words: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repo::top()).args(words.split_whitespace());
    command
}

/// Runs `cargo WORDS`.
pub fn call(words: &str) -> Result<(), String> {
    step::call(&mut cargo(words))
}
