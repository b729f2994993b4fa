//! The copy of the tree in which the mutations are: only there, and built once for all of them.

use super::list::Mutant;
use super::{place, source};
use crate::{cargo, repo, step};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The sources that mutations may stand in.
pub const MUTATED: &str = "crates/cluster/src";

/// The environment variable that switches mutations on: their numbers, with commas between.
pub const SWITCH: &str = "CLEARWELL_MUTANTS";

/// The environment variable that names the file to which the numbers of those go that would have made a difference.
pub const REACHED: &str = "CLEARWELL_REACHED";

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

/// Notes that a mutation that is switched off would have made a difference.
pub(crate) fn reached(number: usize) {
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};
    static NOTED: [AtomicBool; 1024] = [const { AtomicBool::new(false) }; 1024];
    if NOTED[number].load(Ordering::Relaxed) || NOTED[number].swap(true, Ordering::Relaxed) {
        return;
    }
    let Ok(path) = std::env::var("CLEARWELL_REACHED") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| writeln!(file, "{number}")).expect("what was reached is noted");
}

/// A condition, with what a mutation that is switched off would have made of it.
pub(crate) fn judged(number: usize, is: bool, mutated: bool) -> bool {
    if is != mutated {
        reached(number);
    }
    is
}
"#;

fn copy() -> PathBuf {
    repo::target().join("mutants/tree")
}

/// A file beside it.
pub fn beside(name: &str) -> PathBuf {
    repo::target().join("mutants").join(name)
}

fn target() -> PathBuf {
    beside("target")
}

/// The simulator with the mutations.
pub fn program() -> PathBuf {
    target().join("release/clearwell-sim")
}

/// Copies the workspace, with the mutations.
pub fn copy_with(mutants: &[Mutant]) -> Result<(), String> {
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
    Ok(())
}

/// Builds the copy's simulator.
pub fn build() -> Result<(), String> {
    step::call(&mut cargo_there("build --release --locked --package clearwell-sim"))
}

/// `cargo WORDS` in the copy.
pub fn cargo_there(words: &str) -> Command {
    let mut command = cargo::cargo(words);
    command.current_dir(copy()).env("CARGO_TARGET_DIR", target());
    command
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
