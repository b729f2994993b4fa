//! Worlds, scenarios and tests in which a mutation is looked for.

use super::calm::Calm;
use super::tree;
use crate::repo;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

/// How a mutation is looked for.
#[derive(Debug)]
pub struct Hunt {
    /// From which seed on, and in how many.
    pub from: u64,
    pub seeds: u64,
    /// The processor time that a world may take.
    pub cpu_s: u64,
    calm: Calm,
}

/// What came of it.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// A promise was broken.
    Found(Found),
    /// None was; whether the mutation would have made a difference anywhere.
    Survived { reached: bool },
}

/// By whom a mutation was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The seed; `None` for a scenario and for a test.
    pub seed: Option<u64>,
    /// The checker that complained first, or what was played.
    pub checker: String,
}

/// How a world ended.
#[derive(Debug, PartialEq)]
pub enum End {
    Clean,
    Broken(String),
}

impl Hunt {
    /// In the first 500 seeds.
    pub fn new() -> Hunt {
        Hunt { from: 0, seeds: 500, cpu_s: 60, calm: Calm::default() }
    }

    /// Looks for the mutations `on` together: in the seed `known` first, then in all. A seed that fails with only those of `without` proves
    /// nothing and is passed over; so is one in which a mutation alone would have made no difference. `shown` hears of each seed.
    pub fn look(
        &self,
        (on, without): (&[usize], &[usize]),
        lean: Option<&str>,
        known: Option<u64>,
        shown: impl Fn(u64),
    ) -> Result<Outcome, String> {
        let mut reached = false;
        let others = (self.from..self.from + self.seeds).filter(|seed| known != Some(*seed));
        for seed in known.into_iter().chain(others) {
            shown(seed);
            if let ([alone], []) = (on, without)
                && known != Some(seed)
            {
                let calm = self.calm.of(lean, seed, |file| self.world(&[], seed, lean, Some(file)))?;
                if !calm.is_clean || !calm.reached.contains(alone) {
                    continue;
                }
            }
            reached = true;
            let End::Broken(checker) = self.world(on, seed, lean, None)? else { continue };
            if self.world(without, seed, lean, None)? == End::Clean {
                return Ok(Outcome::Found(Found { seed: Some(seed), checker }));
            }
        }
        Ok(Outcome::Survived { reached })
    }

    /// Plays a scenario: whether it breaks with a mutation, and not without.
    pub fn play(&self, on: usize, name: &str) -> Result<Outcome, String> {
        let file = repo::top().join("crates/sim/scenarios").join(format!("{name}.txt"));
        let is_red = |on: &[usize]| {
            let mut command = self.program(on);
            command.arg("scenario").arg(&file);
            self.output(&mut command).map(|output| !output.status.success())
        };
        told(format!("scenario {name}"), is_red(&[on])?, is_red(&[])?)
    }

    /// Runs a test of the mutated crate likewise: `lib NAME`, or the file that it is in and its name.
    pub fn test(&self, on: &[usize], without: &[usize], name: &str) -> Result<Outcome, String> {
        let (target, test) = name.split_once(' ').ok_or_else(|| format!("{name} names no test"))?;
        let target = if target == "lib" { "--lib".to_owned() } else { format!("--test {target}") };
        let words =
            format!("test --quiet --release --locked --package clearwell-cluster {target} -- --exact");
        let is_red = |on: &[usize]| {
            let mut command = tree::cargo_there(&words);
            command.arg(test).env(tree::SWITCH, numbers(on)).env_remove(tree::REACHED);
            let output = self.output(&mut command)?;
            let text = String::from_utf8_lossy(&output.stdout);
            match (output.status.success(), text.contains("test result: FAILED")) {
                (true, _) if text.contains("test result: ok. 1 passed") => Ok(false),
                (false, true) => Ok(true),
                _ => Err(format!("no test {name}: {}", String::from_utf8_lossy(&output.stderr))),
            }
        };
        told(format!("test {name}"), is_red(on)?, is_red(without)?)
    }

    /// Runs the world of a seed. What would have made a difference is noted in the file.
    fn world(
        &self,
        on: &[usize],
        seed: u64,
        lean: Option<&str>,
        reached: Option<&Path>,
    ) -> Result<End, String> {
        let mut command = self.program(on);
        command.args(["--json", "--seeds", "1", "--from", &seed.to_string()]);
        command.args(lean.iter().flat_map(|lean| ["--lean", lean]));
        command.envs(reached.map(|file| (tree::REACHED, file)));
        let output = self.output(&mut command)?;
        if output.status.signal().is_some() {
            return Ok(End::Broken("hangs".into()));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        match (field(&text, "checker"), field(&text, "hash")) {
            (Some(checker), _) => Ok(End::Broken(checker.to_owned())),
            (None, Some(_)) => Ok(End::Clean),
            (None, None) => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// The simulator. The shell's limit ends what never comes back.
    fn program(&self, on: &[usize]) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", r#"ulimit -t "$1" && shift && exec "$@""#, "sh"]).arg(self.cpu_s.to_string());
        command.arg(tree::program()).env(tree::SWITCH, numbers(on)).env_remove(tree::REACHED);
        command
    }

    fn output(&self, command: &mut Command) -> Result<Output, String> {
        command.output().map_err(|error| format!("cannot start {command:?}: {error}"))
    }
}

fn numbers(on: &[usize]) -> String {
    on.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

/// What is red with the mutation and green without has found it.
fn told(by: String, with: bool, without: bool) -> Result<Outcome, String> {
    match (with, without) {
        (_, true) => Err(format!("{by} is red without any mutation")),
        (true, false) => Ok(Outcome::Found(Found { seed: None, checker: by })),
        (false, false) => Ok(Outcome::Survived { reached: true }),
    }
}

/// The first value of a name in lines of JSON without nesting; a quote within a text is escaped there.
fn field<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let quoted = format!("\"{name}\":");
    let value = &json[json.find(&quoted)? + quoted.len()..];
    match value.strip_prefix('"') {
        Some(text) => text.split('"').next(),
        None => value.split([',', '}']).next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulators_lines_are_read() {
        let failed = r#"{"checker":"age","seed":17,"text":"the \"seed\":5","violations":2}"#;
        assert_eq!((field(failed, "seed"), field(failed, "checker")), (Some("17"), Some("age")));
        let clean = r#"{"cpuSeconds":1.5,"hash":"00ab","seeds":500}"#;
        assert_eq!((field(clean, "checker"), field(clean, "hash")), (None, Some("00ab")));
    }
}
