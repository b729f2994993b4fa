//! Where things are.

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
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(top())
        .output()
        .map_err(|error| format!("cannot start git: {error}"))?;
    if !output.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let names = String::from_utf8_lossy(&output.stdout);
    let listed = names.split_terminator('\0').map(PathBuf::from);
    Ok(listed.filter(|file| top().join(file).is_file()).collect())
}
