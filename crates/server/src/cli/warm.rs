//! `clearwell warm`: keys loaded before anybody asks, over the wire.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::remote::{Audience, Remote, json, print, print_json};
use super::table::{TextTable, cell, grouped};
use super::wire::{RemoteError, RemoteLink};

/// Loads keys before anybody asks, and shows how far it is. Ctrl-C ends the job.
///
/// What is given together is one job. Patterns and tags are looked for among the keys that keyspaces list (keys = "SELECT ..").
#[derive(Debug, Clone, clap::Args)]
#[command(subcommand_negates_reqs = true, group = clap::ArgGroup::new("what").required(true).multiple(true)
    .args(["key", "pattern", "tag"]))]
pub struct WarmArgs {
    #[command(subcommand)]
    action: Option<WarmAction>,
    /// A key
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// Keys that a glob matches
    #[arg(long, value_name = "GLOB")]
    pattern: Option<String>,
    /// Keys that carry a tag, like author:1
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Keys a second that are loaded at most [default: as the node decides]
    #[arg(long, value_name = "KEYS", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Load what is fresh again
    #[arg(long)]
    refresh: bool,
    /// Begin, and do not wait
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum WarmAction {
    /// Lists the jobs that run, and the last that have ended
    List,
    /// Tells how far a job is
    Status {
        /// Its number
        #[arg(value_name = "ID")]
        id: u64,
    },
    /// Ends a job
    Cancel {
        /// Its number
        #[arg(value_name = "ID")]
        id: u64,
    },
}

/// Between two looks at a job.
const PAUSE: Duration = Duration::from_millis(200);
/// The same where each look is a line of its own.
const PAUSE_OF_LINES: Duration = Duration::from_secs(1);

impl WarmArgs {
    /// The request that begins the job, word by word.
    fn words(&self) -> Vec<String> {
        let mut words = vec!["CW.WARM".to_owned()];
        let mut say = |parts: &[&str]| words.extend(parts.iter().map(|&part| part.to_owned()));
        for (name, list) in [("KEYS", &self.key), ("TAGS", &self.tag)] {
            if !list.is_empty() {
                say(&[name, &list.len().to_string()]);
                list.iter().for_each(|one| say(&[one]));
            }
        }
        if let Some(pattern) = &self.pattern {
            say(&["PATTERN", pattern]);
        }
        if let Some(rate) = self.rate {
            say(&["RATE", &rate.to_string()]);
        }
        if self.refresh {
            say(&["REFRESH"]);
        }
        words
    }
}

/// Runs `clearwell warm`.
///
/// # Errors
/// In words: the node cannot be reached, or refuses.
pub fn run(args: &WarmArgs) -> Result<ExitCode, String> {
    let remote = &args.remote;
    match &args.action {
        Some(WarmAction::List) => list(remote),
        Some(WarmAction::Status { id }) => {
            let job = remote.ask_json(&["CW.WARM", "STATUS", &id.to_string()])?;
            told(remote, *id, &job)
        }
        Some(WarmAction::Cancel { id }) => {
            let cancelled = remote.ask_json(&["CW.WARM", "CANCEL", &id.to_string()])?;
            let was_running = cancelled.as_i64() == Some(1);
            match remote.json {
                true => print_json(&serde_json::json!({ "cancelled": was_running }))?,
                false => print(if was_running { b"cancelled\n" } else { b"it is not running\n" })?,
            };
            Ok(if was_running { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        None => begin(args),
    }
}

fn begin(args: &WarmArgs) -> Result<ExitCode, String> {
    let remote = &args.remote;
    if args.detach {
        let words = args.words();
        let id = remote.ask_json(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
        match remote.json {
            true => print_json(&serde_json::json!({ "id": id }))?,
            false => print(format!("job {id}\n").as_bytes())?,
        };
        return Ok(ExitCode::SUCCESS);
    }
    let shown = ProgressShown { quiet: remote.json, over: std::io::stdout().is_terminal() };
    let job = remote.run(async |wire| watched(wire, &args.words(), &shown).await)?;
    match remote.json {
        true => print_json(&job)?,
        false => print(format!("{}\n", shown.line(&job)).as_bytes())?,
    };
    for error in job.get("errors").and_then(Json::as_array).into_iter().flatten() {
        eprintln!("clearwell: {}", cell(error));
    }
    Ok(code(&job))
}

/// Begins a job and looks at it until it has ended; asked to end, it ends the job.
async fn watched(
    wire: &mut RemoteLink,
    words: &[String],
    shown: &ProgressShown,
) -> Result<Json, RemoteError> {
    wire.call(&[b"HELLO", b"3"]).await?;
    let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
    let id = cell(&json(&wire.call(&words).await?)).replace(',', "");
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut ending = false;
    loop {
        let job = json(&wire.call(&[b"CW.WARM", b"STATUS", id.as_bytes()]).await?);
        if job.get("state").and_then(Json::as_str) != Some("running") {
            return Ok(job);
        }
        // Who reads the output no longer leaves the job as it is.
        if shown.progress(&job).is_err() {
            return Ok(job);
        }
        tokio::select! {
            _asked = &mut interrupted, if !ending => {
                ending = true;
                wire.call(&[b"CW.WARM", b"CANCEL", id.as_bytes()]).await?;
            }
            () = tokio::time::sleep(shown.pause()) => {}
        }
    }
}

/// How progress is shown.
struct ProgressShown {
    /// Not at all.
    quiet: bool,
    /// In one line, over and over.
    over: bool,
}

impl ProgressShown {
    fn pause(&self) -> Duration {
        if self.over || self.quiet { PAUSE } else { PAUSE_OF_LINES }
    }

    fn progress(&self, job: &Json) -> Result<(), ()> {
        let line = match (self.quiet, self.over) {
            (true, _) => return Ok(()),
            (false, true) => self.line(job),
            (false, false) => format!("{}\n", self.line(job)),
        };
        match print(line.as_bytes()) {
            Ok(Audience::All) => Ok(()),
            Ok(Audience::Enough) | Err(_) => Err(()),
        }
    }

    /// A job in a line, which on a terminal takes the place of the one before.
    fn line(&self, job: &Json) -> String {
        format!("{}{}", if self.over { "\r\x1b[K" } else { "" }, summary(job))
    }
}

fn summary(job: &Json) -> String {
    let number = |name: &str| job.get(name).and_then(Json::as_i64).unwrap_or(0);
    let count = |name: &str| grouped(number(name));
    let text = |name: &str| job.get(name).and_then(Json::as_str);
    let of = job.get("total").and_then(Json::as_i64).map(|total| {
        let share = number("listed").saturating_mul(100).checked_div(total).unwrap_or(100);
        format!(" of {} ({share} %)", grouped(total))
    });
    let mut line = format!(
        "job {} {}: {}{} looked at, {} loaded, {} present, {} absent, {} failed, {:.1} s",
        number("id"),
        text("state").unwrap_or("unknown"),
        count("listed"),
        of.unwrap_or_default(),
        count("loaded"),
        count("present"),
        count("absent"),
        count("failed"),
        number("elapsed_ms") as f64 / 1000.0
    );
    if number("without_source") > 0 {
        line.push_str(&format!(", {} of no source", count("without_source")));
    }
    if let Some(why) = text("waiting") {
        line.push_str(&format!(", waiting: {why}"));
    }
    line
}

fn told(remote: &Remote, id: u64, job: &Json) -> Result<ExitCode, String> {
    let Some(map) = job.as_object() else {
        return Err(format!("no job {id} is known: `clearwell warm list` shows those that are"));
    };
    if remote.json {
        print_json(job)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = TextTable::new(&["figure", "value"]);
    map.iter().for_each(|(name, value)| table.row([name.clone(), cell(value)]));
    print(table.text().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn list(remote: &Remote) -> Result<ExitCode, String> {
    let jobs = remote.ask_json(&["CW.WARM", "LIST"])?;
    if remote.json {
        print_json(&jobs)?;
        return Ok(ExitCode::SUCCESS);
    }
    let columns =
        ["id", "state", "total", "listed", "loaded", "present", "absent", "failed", "rate", "elapsed_ms"];
    let mut table = TextTable::new(&[&columns[..], &["what"]].concat());
    for job in jobs.as_array().into_iter().flatten().filter_map(Json::as_object) {
        let cells = columns.iter().map(|name| job.get(*name).map_or_else(|| "-".to_owned(), cell));
        table.row(cells.chain([what(job)]));
    }
    let text = table.text();
    print(if text.is_empty() { b"nothing was warmed\n" } else { text.as_bytes() })?;
    Ok(ExitCode::SUCCESS)
}

/// What a job was asked for.
fn what(job: &Map<String, Json>) -> String {
    let keys = job.get("keys").and_then(Json::as_i64).filter(|count| *count > 0);
    let keys = keys.map(|count| format!("{} keys", grouped(count)));
    let pattern = job.get("pattern").and_then(Json::as_str).map(|pattern| format!("pattern {pattern}"));
    let tags = job.get("tags").map(cell).filter(|tags| !tags.is_empty()).map(|tags| format!("tags {tags}"));
    [keys, pattern, tags].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A job that did not come through, or left keys out, is a failure.
fn code(job: &Json) -> ExitCode {
    let done = job.get("state").and_then(Json::as_str) == Some("done");
    let failed = job.get("failed").and_then(Json::as_u64).unwrap_or(0);
    if done && failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_told_in_a_line() {
        let job = serde_json::json!({
            "id": 3, "state": "running", "total": 4000, "listed": 1000, "loaded": 900, "present": 90, "absent": 10,
            "failed": 0, "elapsed_ms": 1850, "waiting": "the slot is gone",
        });
        let line = "job 3 running: 1,000 of 4,000 (25 %) looked at, 900 loaded, 90 present, 10 absent, 0 failed, 1.9 s, \
                    waiting: the slot is gone";
        assert_eq!(summary(&job), line);
        assert_eq!(ProgressShown { quiet: false, over: true }.line(&job), format!("\r\x1b[K{line}"));
        assert!(summary(&serde_json::json!({"id": 1, "total": 0})).contains("0 of 0 (100 %)"));
    }
}
