//! Where things are.

use crate::step;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The top of the repository.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository")
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => top().join(folder),
        None => top().join("target"),
    }
}

/// Where the clients of other languages are installed; the tests look for them here.
pub fn clients() -> PathBuf {
    target().join("clients")
}

/// The files that git tracks or would track, relative to the top.
pub fn files() -> Result<Vec<PathBuf>, String> {
    let names = git(&["ls-files", "--cached", "--others", "--exclude-standard", "-z"])?;
    let listed = names.split_terminator('\0').map(PathBuf::from);
    Ok(listed.filter(|file| top().join(file).is_file()).collect())
}

/// What differs from the last commit, a line a file.
pub fn status() -> Result<String, String> {
    git(&["status", "--porcelain", "--untracked-files=all"])
}

fn git(words: &[&str]) -> Result<String, String> {
    step::output(Command::new("git").args(["-c", "safe.directory=*"]).args(words).current_dir(top()))
}
