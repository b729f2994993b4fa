//! What worlds do without any mutation: which of them prove something, and which mutations would have made a difference in each.
//!
//! It is kept in a file as long as the program is the same, for all mutations that are looked for in the same worlds.

use super::hunt::End;
use super::tree;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::UNIX_EPOCH;

/// The worlds of all seeds so far, by what they lean to.
#[derive(Debug, Default)]
pub struct Calm(Mutex<BTreeMap<String, BTreeMap<u64, World>>>);

/// One of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    /// It breaks no promise.
    pub is_clean: bool,
    /// The mutations that would have made a difference.
    pub reached: BTreeSet<usize>,
}

impl Calm {
    /// The world of a seed; `run` runs it when nobody has yet, and notes in a file what is reached.
    pub fn of(
        &self,
        lean: Option<&str>,
        seed: u64,
        run: impl FnOnce(&Path) -> Result<End, String>,
    ) -> Result<World, String> {
        let lean = lean.unwrap_or("ordinary");
        let kept = kept(lean)?;
        let known = self.lock().entry(lean.to_owned()).or_insert_with(|| read(&kept)).get(&seed).cloned();
        if let Some(world) = known {
            return Ok(world);
        }
        let noted = tree::beside(&format!("reached-{lean}-{seed}"));
        let end = run(&noted)?;
        let reached = fs::read_to_string(&noted).unwrap_or_default();
        fs::remove_file(&noted).ok();
        let reached = reached.lines().filter_map(|number| number.parse().ok()).collect();
        let world = World { is_clean: end == End::Clean, reached };
        let mut worlds = self.lock();
        if worlds.entry(lean.to_owned()).or_default().insert(seed, world.clone()).is_none() {
            let file = fs::OpenOptions::new().create(true).append(true).open(&kept);
            let written = file.and_then(|mut file| writeln!(file, "{}", line(seed, &world)));
            written.map_err(|error| format!("{}: {error}", kept.display()))?;
        }
        Ok(world)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<u64, World>>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The file of what this very program did.
fn kept(lean: &str) -> Result<PathBuf, String> {
    let program = tree::program();
    let built = fs::metadata(&program).and_then(|data| data.modified());
    let built = built.map_err(|error| format!("{}: {error}", program.display()))?;
    let built = built.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Ok(tree::beside(&format!("calm-{lean}-{built:x}")))
}

fn read(file: &Path) -> BTreeMap<u64, World> {
    fs::read_to_string(file).unwrap_or_default().lines().filter_map(parse).collect()
}

fn line(seed: u64, world: &World) -> String {
    let reached: Vec<String> = world.reached.iter().map(usize::to_string).collect();
    format!("{seed} {} {}", if world.is_clean { "clean" } else { "broken" }, reached.join(","))
}

fn parse(line: &str) -> Option<(u64, World)> {
    let mut words = line.split(' ');
    let seed = words.next()?.parse().ok()?;
    let is_clean = words.next()? == "clean";
    let reached = words.next()?.split(',').filter_map(|number| number.parse().ok()).collect();
    Some((seed, World { is_clean, reached }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_is_read_as_it_was_written() {
        let worlds = [
            World { is_clean: true, reached: BTreeSet::from([3, 17]) },
            World { is_clean: false, reached: BTreeSet::new() },
        ];
        for world in worlds {
            assert_eq!(parse(&line(7, &world)), Some((7, world)));
        }
        assert_eq!(parse("7 cle"), None);
    }
}
