//! `clearwell held`: invalidations that wait for a time or an event, over the wire.

use std::process::ExitCode;

use serde_json::{Map, Value as Json};

use super::remote::{Remote, print, print_json};
use crate::rest::rfc3339;

/// Lists invalidations that wait for a time or an event, and takes them back.
#[derive(Debug, Clone, clap::Args)]
pub struct HeldArgs {
    #[command(subcommand)]
    action: Option<HeldAction>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum HeldAction {
    /// Takes them back before they take effect
    Cancel {
        /// Their numbers, as the list shows them
        #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<u64>,
        /// All that is held
        #[arg(long)]
        all: bool,
    },
}

/// How many are asked for at once.
const PAGE: &str = "1000";

/// Runs `clearwell held`.
///
/// # Errors
/// In words: the node cannot be reached, or refuses.
pub fn run(args: &HeldArgs) -> Result<ExitCode, String> {
    let Some(HeldAction::Cancel { ids, all }) = &args.action else {
        let rows = list(&args.remote)?;
        match args.remote.json {
            true => print_json(&Json::Array(rows))?,
            false => print(table(&rows).as_bytes())?,
        };
        return Ok(ExitCode::SUCCESS);
    };
    let mut words = vec!["CW.HELD".to_owned(), "CANCEL".to_owned()];
    if *all {
        words.push("ALL".to_owned());
    }
    words.extend(ids.iter().map(u64::to_string));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let cancelled = args.remote.ask_json(&words)?.as_u64().unwrap_or(0);
    match args.remote.json {
        true => print_json(&serde_json::json!({ "cancelled": cancelled }))?,
        false => print(format!("cancelled {cancelled}\n").as_bytes())?,
    };
    // Whoever names what is not held any more is told.
    let meant = if *all { cancelled } else { ids.len() as u64 };
    Ok(if cancelled == meant { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list(remote: &Remote) -> Result<Vec<Json>, String> {
    let (mut rows, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let Json::Array(page) = remote.ask_json(&["CW.HELD", "LIST", "COUNT", PAGE, "AFTER", &after])? else {
            return Err("the node's answer to CW.HELD LIST is no list".to_owned());
        };
        let Some(last) = page.last().and_then(|row| row.get("id")?.as_u64()) else { return Ok(rows) };
        after = last.to_string();
        rows.extend(page);
    }
}

fn table(rows: &[Json]) -> String {
    if rows.is_empty() {
        return "nothing is held\n".to_owned();
    }
    let text = |row: &Map<String, Json>, name: &str| match row.get(name) {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let mut out =
        format!("{:>6}  {:<10}  {:<24}  {:<24}  {:>6}  {}\n", "ID", "SCOPE", "MODE", "DUE", "ASKED", "NAME");
    for row in rows.iter().filter_map(Json::as_object) {
        let due = row.get("due_ms").and_then(Json::as_i64).map_or_else(|| "-".to_owned(), rfc3339);
        let (id, scope, mode) = (text(row, "id"), text(row, "scope"), text(row, "mode"));
        let (asked, name) = (text(row, "asked"), text(row, "name"));
        out.push_str(&format!("{id:>6}  {scope:<10}  {mode:<24}  {due:<24}  {asked:>6}  {name}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_a_table() {
        let row = serde_json::json!({
            "id": 3, "scope": "tag", "name": "author:1", "mode": "delayed:2s", "due_ms": 0, "asked": 2,
        });
        let table = table(&[row]);
        let line = "     3  tag         delayed:2s                1970-01-01T00:00:00.000Z       2  author:1";
        assert_eq!(table.lines().nth(1), Some(line));
        assert_eq!(super::table(&[]), "nothing is held\n");
    }
}
