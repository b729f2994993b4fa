//! `clearwell stats`: a node's figures, over the wire.

use std::process::ExitCode;

use clearwell_protocol::Value;
use serde_json::{Map, Value as Json};

use super::remote::{Remote, object, print, print_json, text};
use super::table::{TextTable, cell};
use super::wire::pairs;
use crate::figures::FIGURES;

/// Shows the figures of a node.
#[derive(Debug, Clone, clap::Args)]
pub struct StatsArgs {
    #[command(flatten)]
    pub remote: Remote,
}

/// Runs `clearwell stats`.
///
/// # Errors
/// In words: the node cannot be reached, or refuses.
pub fn run(args: &StatsArgs) -> Result<ExitCode, String> {
    let figures = figures(args.remote.ask(&[b"CW.STATS"])?);
    if args.remote.json {
        print_json(&figures.into())?;
    } else {
        print(tables(&figures).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The answer of CW.STATS: those of a label are maps within, which RESP2 writes as arrays.
pub fn figures(answer: Value) -> Map<String, Json> {
    let mut figures = Map::new();
    for (name, value) in pairs(answer) {
        let value = match value {
            Value::Array(_) | Value::Map(_) => {
                let one = |(which, value)| (text(&which), Json::from(numbers(object(value))));
                pairs(value).into_iter().map(one).collect()
            }
            other => number(super::remote::json(&other)),
        };
        figures.insert(text(&name), value);
    }
    figures
}

fn numbers(figures: Map<String, Json>) -> Map<String, Json> {
    figures.into_iter().map(|(name, value)| (name, number(value))).collect()
}

/// RESP2 writes a number that is not whole as text.
fn number(value: Json) -> Json {
    match value.as_str().map(str::parse::<f64>) {
        Some(Ok(number)) => Json::from(number),
        _ => value,
    }
}

fn tables(figures: &Map<String, Json>) -> String {
    let mut table = TextTable::new(&["figure", "now", "what it says"]);
    let help = |name: &str| {
        let figure = FIGURES.iter().find(|figure| figure.name == name && figure.label().is_none());
        figure.map_or("", |figure| figure.help).to_owned()
    };
    for (name, value) in figures.iter().filter(|(_, value)| !value.is_object()) {
        table.row([name.clone(), cell(value), help(name)]);
    }
    let mut text = table.text();
    for (label, all) in figures {
        let labelled = all.as_object().map(|all| of_label(label, all)).unwrap_or_default();
        if !labelled.is_empty() {
            text.push('\n');
            text.push_str(&labelled);
        }
    }
    text
}

/// A row for each figure of each value of a label; what is 0 is left out, and in what `--json` prints it is not.
fn of_label(label: &str, all: &Map<String, Json>) -> String {
    let mut table = TextTable::new(&[label, "figure", "now"]);
    for (which, figures) in all {
        let figures = figures.as_object().into_iter().flatten();
        for (name, value) in figures.filter(|(_, value)| value.as_f64() != Some(0.0)) {
            table.row([which.clone(), name.clone(), cell(value)]);
        }
    }
    table.text()
}

/// A row for each value of a label, a column for each of these figures, under a name for people.
pub fn columns(label: &str, all: &Map<String, Json>, columns: &[(&str, &str)]) -> String {
    let head: Vec<&str> = std::iter::once(label).chain(columns.iter().map(|(title, _)| *title)).collect();
    let mut table = TextTable::new(&head);
    for (which, figures) in all {
        let cells = columns.iter().map(|(_, name)| cell(&figures[*name]));
        table.row(std::iter::once(which.clone()).chain(cells));
    }
    table.text()
}
