//! Mutation testing of the deciding code: one-line mutations of `crates/cluster`, looked for by simulated worlds.
//!
//! All mutations are built at once, each behind a switch (mutant schemata: Untch, Offutt, Harrold 1993), in a copy of the tree: what
//! ships knows nothing of them.

mod calm;
mod hunt;
mod list;
mod place;
mod table;
mod tree;

use crate::repo;
use hunt::{Hunt, Outcome};
use list::{Expected, Mutant};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use table::{Line, Verdict};

/// What was asked for.
struct Wanted {
    only: Vec<String>,
    hunt: Hunt,
    jobs: usize,
    json: bool,
}

/// Builds all mutations, hunts for them, and prints the table. Fails when one of them is not what the list says.
pub fn run(words: &[&str]) -> Result<(), String> {
    let wanted = wanted(words)?;
    let mutants = list::read()?;
    let chosen = chosen(&mutants, &wanted.only)?;
    tree::copy_with(&mutants)?;
    if chosen.iter().any(|&at| mutants[at].needs_worlds()) {
        tree::build()?;
    }
    let (next, lines) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..wanted.jobs {
            scope.spawn(|| {
                while let Some(&at) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = judge(&wanted.hunt, &mutants, at);
                    let line = Line { mutant: &mutants[at], verdict };
                    let mut lines = lines.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    lines.push((at, line));
                    let (done, all) = (lines.len(), chosen.len());
                    if let Some((_, line)) = lines.last() {
                        eprintln!("[{done}/{all}] {}: {}", line.mutant.id, line.verdict.text());
                    }
                }
            });
        }
    });
    let mut lines = lines.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    lines.sort_by_key(|(at, _)| *at);
    let lines: Vec<Line> = lines.into_iter().map(|(_, line)| line).collect();
    table::print(&lines, wanted.json);
    table::conclusion(&lines)
}

/// What the worlds make of one mutation, and whether the list says so.
fn judge(hunt: &Hunt, mutants: &[Mutant], at: usize) -> Verdict {
    let mutant = &mutants[at];
    let (lean, shown) = (mutant.lean.as_deref(), |seed| show(hunt, &mutant.id, seed));
    let alone = match (&mutant.expected, &mutant.shown_by) {
        (Expected::Scenario(name), _) => hunt.play(at, name),
        (Expected::Test(name), _) | (Expected::Masked(_), Some(name)) => hunt.test(&[at], &[], name),
        (Expected::Found, _) => hunt.look((&[at], &[]), lean, mutant.seed, shown),
        // The seed is one of both mutations together.
        _ => hunt.look((&[at], &[]), lean, None, shown),
    };
    match (&mutant.expected, alone) {
        (_, Err(error)) => Verdict::Failed(error),
        (expected, Ok(Outcome::Found(found))) => Verdict::Found(found, expected.is_found()),
        (Expected::Equivalent, Ok(Outcome::Survived { reached })) => Verdict::Equivalent { reached },
        (Expected::Open, Ok(Outcome::Survived { reached })) => Verdict::Open { reached },
        (Expected::Masked(by), Ok(Outcome::Survived { .. })) => {
            let Some(other) = mutants.iter().position(|other| other.id == *by) else {
                return Verdict::Failed(format!("there is no mutation {by}"));
            };
            let both = match &mutant.shown_by {
                Some(name) => hunt.test(&[at, other], &[other], name),
                None => hunt.look((&[at, other], &[other]), lean, mutant.seed, shown),
            };
            match both {
                Ok(Outcome::Found(found)) => Verdict::Masked(by.clone(), found),
                Ok(Outcome::Survived { .. }) => Verdict::NotShown(by.clone()),
                Err(error) => Verdict::Failed(error),
            }
        }
        (_, Ok(Outcome::Survived { reached })) => Verdict::Survived { reached },
    }
}

/// Where a hunt is, for people.
fn show(hunt: &Hunt, id: &str, seed: u64) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{id}: seed {seed} of {}\r", hunt.from + hunt.seeds);
    }
}

fn wanted(words: &[&str]) -> Result<Wanted, String> {
    let mut wanted = Wanted { only: Vec::new(), hunt: Hunt::new(), jobs: 1, json: false };
    let mut words = words.iter();
    while let Some(&word) = words.next() {
        let mut value = || words.next().copied().ok_or_else(|| format!("{word} wants a value"));
        match word {
            "--only" => wanted.only.extend(value()?.split(',').map(str::to_owned)),
            "--seeds" => wanted.hunt.seeds = crate::whole(value()?)? as u64,
            "--from" => wanted.hunt.from = crate::whole(value()?)? as u64,
            "--cpu" => wanted.hunt.cpu_s = crate::whole(value()?)? as u64,
            "--jobs" => wanted.jobs = crate::whole(value()?)?,
            "--json" => wanted.json = true,
            _ => {
                return Err(format!(
                    "mutants knows --only, --seeds, --from, --cpu, --jobs and --json, not {word}"
                ));
            }
        }
    }
    Ok(wanted)
}

/// The places of those that are wanted: all, or those named.
fn chosen(mutants: &[Mutant], only: &[String]) -> Result<Vec<usize>, String> {
    if only.is_empty() {
        return Ok((0..mutants.len()).collect());
    }
    let find = |id: &String| {
        let at = mutants.iter().position(|mutant| mutant.id == *id);
        at.ok_or_else(|| format!("there is no mutation {id} in {}", list::FILE))
    };
    only.iter().map(find).collect()
}

/// The source that a list's file names.
fn source(file: &str) -> Result<String, String> {
    let path = repo::top().join(tree::MUTATED).join(file);
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever changes a line that a mutation stands on is told here, and not weeks later.
    #[test]
    fn every_mutation_of_the_list_has_its_place_in_the_tree() {
        let mutants = list::read().expect("the list can be read");
        let wrong: Vec<String> = tree::rewritten(&mutants).err().into_iter().collect();
        assert_eq!(wrong, [""; 0]);
    }

    /// Of those whose fate is known, at least 85 of a hundred are found by worlds; the others say why they are not.
    #[test]
    fn most_are_to_be_found_and_the_others_are_explained() {
        let mutants = list::read().expect("the list can be read");
        let known = mutants.iter().filter(|mutant| mutant.expected != Expected::Open);
        let (found, others): (Vec<&Mutant>, Vec<&Mutant>) =
            known.partition(|mutant| mutant.expected.is_found());
        let all = found.len() + others.len();
        assert!(mutants.len() >= 80 && found.len() * 100 >= all * 85, "{} of {all}", found.len());
        for mutant in others {
            assert!(!mutant.why.is_empty(), "{} says no reason", mutant.id);
        }
    }
}
