//! The clients of other languages, at the versions that the tests pin.

use crate::repo;
use crate::step::call;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the pins are.
fn pins() -> PathBuf {
    repo::top().join("crates/server/tests/clients")
}

/// A virtual environment with the pinned Python packages.
pub fn python() -> Result<(), String> {
    let folder = repo::clients().join("python");
    let pin = pins().join("requirements.txt");
    installed_once(&folder, &pin, || {
        call(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        call(Command::new(folder.join("bin/python")).args(pip).arg(&pin))
    })
}

/// The locked Node.js modules.
pub fn node() -> Result<(), String> {
    let folder = repo::clients().join("node");
    installed_once(&folder, &pins().join("package-lock.json"), || {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(pins().join(file), folder.join(file)).map_err(|error| format!("{file}: {error}"))?;
        }
        let options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        call(Command::new("npm").args(options).current_dir(&folder))
    })
}

/// Runs `install` into an empty `folder`, unless that was done before with the same `pin`.
fn installed_once(
    folder: &Path,
    pin: &Path,
    install: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let wanted = fs::read(pin).map_err(|error| format!("{}: {error}", pin.display()))?;
    let stamp = folder.join("installed-pin");
    if fs::read(&stamp).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    println!("    installing the clients of {}", pin.file_name().unwrap_or_default().display());
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;
    install()?;
    fs::write(&stamp, wanted).map_err(failed)
}
