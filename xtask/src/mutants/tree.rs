//! The copy of the tree in which the mutations are: only there, and built once for all of them.

use super::list::Mutant;
use super::{place, source};
use crate::{cargo, repo, step};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The sources that mutations may stand in.
pub const MUTATED: &str = "crates/cluster/src";

/// The environment variable that switches mutations on: their numbers, with commas between.
pub const SWITCH: &str = "CLEARWELL_MUTANTS";

/// What the copy's crate has more than the shipped one.
const SWITCHES: &str = r#"
/// Whether a mutation is switched on.
pub(crate) fn mutant(number: usize) -> bool {
    static ON: std::sync::LazyLock<Vec<usize>> = std::sync::LazyLock::new(|| {
        let numbers = std::env::var("CLEARWELL_MUTANTS").unwrap_or_default();
        numbers.split(',').filter_map(|number| number.parse().ok()).collect()
    });
    ON.contains(&number)
}
"#;

fn copy() -> PathBuf {
    repo::target().join("mutants/tree")
}

fn target() -> PathBuf {
    repo::target().join("mutants/target")
}

/// The simulator with the mutations.
pub fn program() -> PathBuf {
    target().join("release/clearwell-sim")
}

/// Copies the workspace, with the mutations, and builds its simulator.
pub fn build(mutants: &[Mutant]) -> Result<(), String> {
    let mut rewritten = rewritten(mutants)?;
    for file in repo::files()? {
        let is_needed = !["docs", "bench"].iter().any(|folder| file.starts_with(folder));
        if !is_needed {
            continue;
        }
        let contents = match rewritten.remove(&file) {
            Some(text) => text.into_bytes(),
            None => std::fs::read(repo::top().join(&file)).map_err(|error| at(&file, &error))?,
        };
        write(&copy().join(&file), &contents)?;
    }
    let mut command = cargo::cargo("build --release --locked --package clearwell-sim");
    command.current_dir(copy()).env("CARGO_TARGET_DIR", target());
    step::call(&mut command)
}

/// The files that mutations change, as they are in the copy.
pub fn rewritten(mutants: &[Mutant]) -> Result<BTreeMap<PathBuf, String>, String> {
    let mut by_file: BTreeMap<&str, Vec<(usize, &Mutant)>> = BTreeMap::from([("lib.rs", Vec::new())]);
    for (number, mutant) in mutants.iter().enumerate() {
        by_file.entry(&mutant.file).or_default().push((number, mutant));
    }
    let (mut rewritten, mut wrong) = (BTreeMap::new(), Vec::new());
    for (file, mutants) in by_file {
        let original = source(file)?;
        // All that have lost their place are named at once.
        wrong.extend(mutants.iter().filter_map(|(_, mutant)| place::find(&original, mutant).err()));
        if wrong.is_empty() {
            let mut text = place::mutate(&original, &mutants)?;
            if file == "lib.rs" {
                // What a mutation leaves unused is no news.
                text = format!("#![allow(warnings)]\n{text}{SWITCHES}");
            }
            rewritten.insert(Path::new(MUTATED).join(file), text);
        }
    }
    if wrong.is_empty() { Ok(rewritten) } else { Err(wrong.join("\n")) }
}

/// Writes a file, unless it is the same already: cargo builds anew what was written.
fn write(path: &Path, contents: &[u8]) -> Result<(), String> {
    if std::fs::read(path).is_ok_and(|old| old == contents) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, contents));
    written.map_err(|error| at(path, &error))
}

fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
