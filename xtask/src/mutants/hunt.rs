//! Worlds in which a mutation is looked for.

use super::tree;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::sync::Mutex;

/// How a mutation is looked for.
#[derive(Debug)]
pub struct Hunt {
    /// From which seed on, and in how many.
    pub from: u64,
    pub seeds: u64,
    /// The processor time that a mutation may take.
    pub cpu_s: u64,
    /// What all seeds give without mutations, by the worlds that they lean to.
    calm: Mutex<BTreeMap<String, String>>,
}

/// What came of it.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// A promise was broken.
    Found(Found),
    /// None was; whether any world went another way than without the mutation.
    Survived { reached: bool },
}

/// By whom a mutation was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The seed; `None` when the processor time ended first.
    pub seed: Option<u64>,
    /// The checker that complained first.
    pub checker: String,
}

impl Hunt {
    /// In the first 500 seeds.
    pub fn new() -> Hunt {
        Hunt { from: 0, seeds: 500, cpu_s: 300, calm: Mutex::new(BTreeMap::new()) }
    }

    /// Looks for the mutations `on` together. A seed that fails with only those of `without` proves nothing and is passed over.
    pub fn look(&self, on: &[usize], without: &[usize], lean: Option<&str>) -> Result<Outcome, String> {
        let end = self.from + self.seeds;
        let mut from = self.from;
        while from < end {
            let output = self.run(on, (from, end - from), lean)?;
            if output.status.signal().is_some() {
                return Ok(Outcome::Found(Found { seed: None, checker: "hangs".into() }));
            }
            let text = String::from_utf8_lossy(&output.stdout);
            let Some(seed) = field(&text, "seed").and_then(|seed| seed.parse().ok()) else {
                let hash = field(&text, "hash");
                let hash = hash.ok_or_else(|| format!("{}", String::from_utf8_lossy(&output.stderr)))?;
                let reached = from != self.from || hash != self.calm(without, lean)?;
                return Ok(Outcome::Survived { reached });
            };
            let clean = self.run(without, (seed, 1), lean)?;
            if clean.status.success() {
                let checker = field(&text, "checker").unwrap_or_default().to_owned();
                return Ok(Outcome::Found(Found { seed: Some(seed), checker }));
            }
            from = seed + 1;
        }
        Ok(Outcome::Survived { reached: true })
    }

    /// What all seeds give without the mutation.
    fn calm(&self, on: &[usize], lean: Option<&str>) -> Result<String, String> {
        let name = format!("{lean:?} {on:?}");
        if let Some(hash) = self.lock().get(&name) {
            return Ok(hash.clone());
        }
        let output = self.run(on, (self.from, self.seeds), lean)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let hash = field(&text, "hash").unwrap_or_default().to_owned();
        self.lock().insert(name, hash.clone());
        Ok(hash)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.calm.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Runs worlds until the first that breaks a promise. The shell's limit ends what never comes back.
    fn run(&self, on: &[usize], (from, seeds): (u64, u64), lean: Option<&str>) -> Result<Output, String> {
        let numbers: Vec<String> = on.iter().map(usize::to_string).collect();
        let mut command = Command::new("sh");
        command.args(["-c", r#"ulimit -t "$1" && shift && exec "$@""#, "sh"]).arg(self.cpu_s.to_string());
        command.arg(tree::program()).args(["--json", "--failures", "1"]);
        command.args(["--from", &from.to_string(), "--seeds", &seeds.to_string()]);
        command.args(lean.iter().flat_map(|lean| ["--lean", lean]));
        command.env(tree::SWITCH, numbers.join(","));
        command.output().map_err(|error| format!("cannot start {command:?}: {error}"))
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
        assert_eq!((field(clean, "seed"), field(clean, "hash")), (None, Some("00ab")));
    }
}
