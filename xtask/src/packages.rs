//! The crates that are published, packaged and built from their packages alone.
//!
//! `cargo package` could build them by itself, but takes an earlier package of the same version for this one: it unpacks each version once into its
//! home. So the packages are unpacked here, into a workspace of their own, where cargo sees what has changed.

use crate::{cargo, repo, step};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

/// The crates that are published.
const PUBLISHED: [&str; 9] = [
    "clearwell-words",
    "clearwell-engine",
    "clearwell-protocol",
    "clearwell-cluster",
    "clearwell-wire",
    "clearwell-links",
    "clearwell-host",
    "clearwell-source",
    "clearwell",
];

/// Packages and builds them.
pub fn run() -> Result<(), String> {
    let chosen: Vec<String> = PUBLISHED.iter().map(|name| format!("--package {name}")).collect();
    cargo::call(&format!("package --locked --allow-dirty --no-verify {}", chosen.join(" ")))?;
    let folder = repo::target().join("packages");
    unpack(&folder).map_err(|error| format!("cannot unpack packages in {}: {error}", folder.display()))?;
    // One by one: built together, each would have the features that another asks for.
    for name in PUBLISHED {
        let mut build = cargo::cargo(&format!("build --package {name}"));
        step::call(build.current_dir(&folder).env("CARGO_TARGET_DIR", repo::target()))?;
    }
    Ok(())
}

/// Makes a workspace of the packages alone, each of which finds the others there.
fn unpack(folder: &Path) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.to_string()),
        _ => fs::create_dir_all(folder).map_err(told)?,
    }
    let version = env!("CARGO_PKG_VERSION");
    let (mut members, mut patches) = (String::new(), String::new());
    for name in PUBLISHED {
        let package = repo::target().join(format!("package/{name}-{version}.crate"));
        // Files in packages are all of one date, and cargo goes by dates: `m` makes them files of now.
        step::call(Command::new("tar").arg("-xmzf").arg(package).arg("-C").arg(folder))?;
        members += &format!("\"{name}-{version}\", ");
        patches += &format!("{name} = {{ path = \"{name}-{version}\" }}\n");
    }
    let workspace =
        format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n\n[patch.crates-io]\n{patches}");
    fs::write(folder.join("Cargo.toml"), workspace).map_err(told)?;
    fs::copy(repo::top().join("Cargo.lock"), folder.join("Cargo.lock")).map_err(told)?;
    Ok(())
}
