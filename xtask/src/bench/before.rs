//! This node as it was at another commit, built beside the checkout.

use super::server;
use crate::{repo, step};
use std::process::Command;

/// Builds `commit` in a worktree of its own below cargo's target folder.
pub fn build(commit: &str) -> Result<(), String> {
    let folder = server::before_target().with_file_name("checkout");
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(repo::top()).args(["-c", "safe.directory=*", "worktree"]).args(words);
        command
    };
    let path = folder.to_string_lossy().into_owned();
    if folder.exists() {
        step::call(&mut git(&["remove", "--force", &path]))?;
    }
    step::call(&mut git(&["add", "--detach", &path, commit]))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(&folder).args(["build", "--release", "--locked", "--package", "clearwell"]);
    let built = step::call(command.arg("--target-dir").arg(server::before_target()));
    // The checkout is git's to know of only as long as it is needed.
    step::call(&mut git(&["remove", "--force", &path]))?;
    built
}
