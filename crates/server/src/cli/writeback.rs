//! `clearwell writeback`: what the sources do not have yet, and what they refused, over the wire.

use std::process::ExitCode;

use clearwell_protocol::Value;

use serde_json::Value as Json;

use super::remote::{Remote, json, object, print};
use super::table::{TextTable, cell};

/// Tells and decides about write-back writes that the sources do not have yet.
#[derive(Debug, Clone, clap::Args)]
pub struct WritebackArgs {
    #[command(subcommand)]
    what: ParkedAction,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum ParkedAction {
    /// Show how much is unflushed, and how that goes
    Status,
    /// List the writes that a source refused
    List {
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        count: u32,
    },
    /// Write refused writes again
    Retry(WhichParked),
    /// Give refused writes up
    Drop(WhichParked),
    /// Wait until the sources have what was acknowledged; exits with 1 when they refused some of it
    Flush,
}

#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
struct WhichParked {
    /// The keys
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// All of them
    #[arg(long)]
    all: bool,
}

impl ParkedAction {
    /// The request, word by word.
    fn words(&self) -> Vec<String> {
        let which = |word: &str, which: &WhichParked| {
            let mut words = vec![word.to_owned()];
            if which.all {
                words.push("ALL".to_owned());
            } else {
                words.extend(["KEYS".to_owned(), which.keys.len().to_string()]);
                words.extend(which.keys.iter().cloned());
            }
            words
        };
        let words = match self {
            ParkedAction::Status => vec!["STATUS".to_owned()],
            ParkedAction::List { count } => vec!["LIST".to_owned(), count.to_string()],
            ParkedAction::Retry(keys) => which("RETRY", keys),
            ParkedAction::Drop(keys) => which("DROP", keys),
            ParkedAction::Flush => vec!["FLUSH".to_owned()],
        };
        std::iter::once("CW.WRITEBACK".to_owned()).chain(words).collect()
    }

    /// What the node's answer is called; nothing for those that are maps.
    fn said(&self) -> &'static str {
        match self {
            ParkedAction::Status | ParkedAction::List { .. } | ParkedAction::Flush => "",
            ParkedAction::Retry(_) => "retried",
            ParkedAction::Drop(_) => "dropped",
        }
    }
}

/// Runs `clearwell writeback`.
///
/// # Errors
/// In words: the node cannot be reached, or refuses.
pub fn run(args: &WritebackArgs) -> Result<ExitCode, String> {
    let words = args.what.words();
    let answer = args.remote.ask(&words.iter().map(String::as_bytes).collect::<Vec<_>>())?;
    let lines = match (&args.what, answer) {
        (ParkedAction::List { .. }, Value::Array(rows)) => rows.into_iter().map(object).collect(),
        (ParkedAction::Status | ParkedAction::Flush, figures) => vec![object(figures)],
        (what, answer) => vec![[(what.said().to_owned(), json(&answer))].into_iter().collect()],
    };
    let parked = lines.first().and_then(|line: &Told| line.get("parked")?.as_u64()).unwrap_or(0);
    if args.remote.json {
        let lines: String = lines.into_iter().map(|line| format!("{}\n", Json::Object(line))).collect();
        print(lines.as_bytes())?;
    } else {
        print(shown(&args.what, &lines).as_bytes())?;
    }
    if matches!(args.what, ParkedAction::Flush) && parked > 0 {
        let (writes, are) = if parked == 1 { ("write", "is") } else { ("writes", "are") };
        return Err(format!(
            "{parked} {writes} {are} parked: the source refused them; see `clearwell writeback list`, then retry or drop"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// A write on a line, each field in quotes: it may hold anything.
fn line(row: &Told) -> String {
    row.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}

fn said((name, value): (&String, &Json)) -> String {
    format!("{name} {}", cell(value))
}

/// For people: a table of figures, a line for each write, a word for what was done.
fn shown(what: &ParkedAction, lines: &[Told]) -> String {
    match (what, lines) {
        (ParkedAction::Status, [figures]) => {
            let mut table = TextTable::new(&["write-back", "now"]);
            figures.iter().for_each(|(name, value)| table.row([name.clone(), cell(value)]));
            table.text()
        }
        (ParkedAction::List { .. } | ParkedAction::Flush, rows) => {
            rows.iter().map(|row| format!("{}\n", line(row))).collect()
        }
        (_, done) => {
            done.iter().map(|done| format!("{}\n", done.iter().map(said).collect::<String>())).collect()
        }
    }
}

type Told = serde_json::Map<String, Json>;

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: WritebackArgs,
    }

    #[test]
    fn a_command_line_becomes_one_request() {
        let said = |words: &[&str]| {
            let line = Line::try_parse_from(["writeback"].iter().chain(words));
            line.map(|line| line.args.what.words().join(" ")).map_err(|error| error.exit_code())
        };
        assert_eq!(said(&["list"]).as_deref(), Ok("CW.WRITEBACK LIST 100"));
        assert_eq!(said(&["retry", "a", "b"]).as_deref(), Ok("CW.WRITEBACK RETRY KEYS 2 a b"));
        assert_eq!(said(&["drop", "--all", "--json"]).as_deref(), Ok("CW.WRITEBACK DROP ALL"));
        assert_eq!(said(&["drop"]), Err(2), "all of them only when it is said");
        assert_eq!(said(&["retry", "--all", "a"]), Err(2));
    }
}
