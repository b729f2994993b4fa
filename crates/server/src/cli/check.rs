//! `clearwell serve --check`: the configuration, without and with its databases.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clearwell_source::Source;
use serde::Serialize;

use super::serve::configuration;
use crate::config::{Config, ConfigError};
use crate::keyspace::{FeedRules, Keyspaces};

/// What a check found.
#[derive(Serialize)]
struct CheckFindings {
    file: String,
    sources: usize,
    keyspaces: usize,
    /// Whether the databases were asked.
    connected: bool,
    mistakes: Vec<ToldProblem>,
    warnings: Vec<ToldProblem>,
}

#[derive(Serialize)]
struct ToldProblem {
    /// From 1; null for what has no place in the file.
    line: Option<usize>,
    message: String,
}

impl ToldProblem {
    fn shown(&self, file: &str) -> String {
        match self.line {
            Some(line) => format!("{file}:{line}: {}", self.message),
            None => format!("{file}: {}", self.message),
        }
    }
}

impl From<ConfigError> for ToldProblem {
    fn from(error: ConfigError) -> ToldProblem {
        ToldProblem { line: error.line, message: error.message }
    }
}

/// Checks the configuration; with `connect`, the data folder, its databases are asked as well, and not changed. Exits with 1
/// when there is a mistake; a warning is none.
///
/// # Errors
/// In words: the first mistake that keeps the file from being read.
pub fn run(file: Option<&Path>, connect: Option<&Path>, json: bool) -> Result<ExitCode, String> {
    let (config, file) = match configuration(file) {
        Ok(read) => read,
        Err(error) if json => {
            let file = error.file.clone();
            let mistakes = vec![error.into()];
            let found = CheckFindings {
                file,
                sources: 0,
                keyspaces: 0,
                connected: false,
                mistakes,
                warnings: Vec::new(),
            };
            return Ok(print(&found, json));
        }
        Err(error) => return Err(error.to_string()),
    };
    let mut found = CheckFindings {
        file,
        sources: config.sources.len(),
        keyspaces: config.keyspaces.len(),
        connected: connect.is_some(),
        mistakes: Vec::new(),
        warnings: config.warnings.iter().cloned().map(ToldProblem::from).collect(),
    };
    match FeedRules::build(&config) {
        Err(message) => found.mistakes.push(ToldProblem { line: None, message }),
        Ok(feeds) => {
            if let Some(data) = connect {
                ask(&config, &feeds, data, &mut found);
            }
        }
    }
    Ok(print(&found, json))
}

/// Asks the databases.
fn ask(config: &Config, feeds: &FeedRules, data: &Path, found: &mut CheckFindings) {
    let mut sources: BTreeMap<String, Arc<dyn Source>> = BTreeMap::new();
    for (name, source) in &config.sources {
        let told = |message: String| ToldProblem { line: None, message: format!("source {name}: {message}") };
        match clearwell_source::inspect(name, source, data, feeds.watched(name)) {
            Ok((source, problems)) => {
                found.mistakes.extend(problems.into_iter().map(told));
                sources.insert(name.clone(), source);
            }
            Err(error) => found.mistakes.push(told(error.to_string())),
        }
    }
    for (keyspace, built) in config.keyspaces.iter().zip(Keyspaces::build_each(config, &sources)) {
        let is_open = keyspace.source.as_ref().is_none_or(|name| sources.contains_key(name));
        let line = Some(keyspace.line);
        match built {
            // Its source was told of already.
            Err(_) if !is_open => {}
            Err(error) => found.mistakes.push(ToldProblem { line, message: error.to_string() }),
            Ok(built) => {
                if let Some(why) = built.neglected() {
                    let message = format!(
                        "keyspace {} is not followed: {why}; its entries may be old until their ttl ends, unless it says unfollowed = \"ok\"",
                        built.name
                    );
                    found.warnings.push(ToldProblem { line, message });
                }
            }
        }
    }
}

fn print(found: &CheckFindings, json: bool) -> ExitCode {
    let code = if found.mistakes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if json {
        println!("{}", serde_json::to_string(found).unwrap_or_default());
        return code;
    }
    for told in &found.mistakes {
        eprintln!("clearwell: {}", told.shown(&found.file));
    }
    for told in &found.warnings {
        eprintln!("warning: {}", told.shown(&found.file));
    }
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let (sources, keyspaces) = (counted(found.sources, "source"), counted(found.keyspaces, "keyspace"));
    let judged = match (found.mistakes.len(), found.warnings.len()) {
        (0, 0) => "no mistakes".to_owned(),
        (0, warnings) => counted(warnings, "warning"),
        (mistakes, 0) => counted(mistakes, "mistake"),
        (mistakes, warnings) => format!("{}, {}", counted(mistakes, "mistake"), counted(warnings, "warning")),
    };
    println!("{}: {sources}, {keyspaces}, {judged}", found.file);
    code
}
