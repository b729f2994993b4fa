//! The crates that are published, packaged and built from their packages alone.
//!
//! Cargo unpacks a package once for each version, into its home, and builds it once for each version, into the target folder. Our versions
//! stay while sources change: a later run on the same machine would build what an earlier one packaged. So both folders are of this run alone.

use crate::{cargo, repo, step};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The crates that are published.
const PUBLISHED: [&str; 8] = [
    "clearwell-words",
    "clearwell-engine",
    "clearwell-protocol",
    "clearwell-cluster",
    "clearwell-wire",
    "clearwell-host",
    "clearwell-source",
    "clearwell",
];

/// Packages and builds them.
pub fn run() -> Result<(), String> {
    let target = repo::target().join("packages");
    empty(&target)?;
    let home = target.join("cargo-home");
    borrow(&user_home()?, &home, &["registry", ".global-cache"])?;
    borrow(&user_home()?.join("registry"), &home.join("registry"), &["src"])?;
    let chosen: Vec<String> = PUBLISHED.iter().map(|name| format!("--package {name}")).collect();
    let mut package = cargo::cargo(&format!("package --locked --allow-dirty {}", chosen.join(" ")));
    step::call(package.env("CARGO_HOME", &home).env("CARGO_TARGET_DIR", &target))?;
    empty(&target)
}

/// Where cargo keeps its settings and what it has downloaded.
fn user_home() -> Result<PathBuf, String> {
    match env::var_os("CARGO_HOME") {
        Some(home) => Ok(home.into()),
        None => env::home_dir().map(|home| home.join(".cargo")).ok_or("no home folder is known".to_owned()),
    }
}

/// Makes a folder with links to what is in another, but for these names.
fn borrow(from: &Path, to: &Path, except: &[&str]) -> Result<(), String> {
    let failed = |error| format!("cannot link {} in {}: {error}", from.display(), to.display());
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !except.iter().any(|name| entry.file_name() == *name) {
            std::os::unix::fs::symlink(entry.path(), to.join(entry.file_name())).map_err(failed)?;
        }
    }
    Ok(())
}

fn empty(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}
