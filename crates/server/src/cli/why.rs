//! `clearwell why`: what became of a key, over the wire.

use std::process::ExitCode;

use serde_json::{Map, Value as Json};

use super::remote::{Remote, print, print_json};
use crate::rest::rfc3339;

/// Tells why a key is here, stale, or gone.
///
/// Every step that the node remembers, with its time and its cause. What is older than its history (`history_memory` in
/// clearwell.toml) is said to be not known. Nothing is loaded.
#[derive(Debug, Clone, clap::Args)]
pub struct WhyArgs {
    /// The key
    #[arg(value_name = "KEY")]
    pub key: String,
    #[command(flatten)]
    pub remote: Remote,
}

/// Runs `clearwell why`.
///
/// # Errors
/// In words: the node cannot be reached, or refuses.
pub fn run(args: &WhyArgs) -> Result<ExitCode, String> {
    let Json::Object(told) = args.remote.ask_json(&["CW.WHY", &args.key])? else {
        return Err("the node's answer to CW.WHY is no map".to_owned());
    };
    match args.remote.json {
        true => print_json(&Json::Object(told))?,
        false => print(table(&told).as_bytes())?,
    };
    Ok(ExitCode::SUCCESS)
}

/// The answer for people.
fn table(told: &Map<String, Json>) -> String {
    let text =
        |map: &Map<String, Json>, name: &str| map.get(name).and_then(Json::as_str).unwrap_or("").to_owned();
    let (key, state, why) = (text(told, "key"), text(told, "state"), text(told, "why"));
    let said = if why.starts_with(&state) { why } else { format!("{state} ({why})") };
    let mut out = format!("{key}: {said}\n");
    if let Some(doubt) = told.get("unverified").and_then(Json::as_str) {
        out.push_str(&format!("unverified: {doubt}\n"));
    }
    let steps = told.get("steps").and_then(Json::as_array).cloned().unwrap_or_default();
    if !steps.is_empty() {
        out.push_str(&format!("\n{:<24}  {:<11}  {:>6}  {}\n", "TIME", "STATE", "TIMES", "HOW"));
    }
    for step in steps.iter().filter_map(Json::as_object) {
        let at = step.get("at_ms").and_then(Json::as_i64).map_or_else(|| "not known".to_owned(), rfc3339);
        let times =
            step.get("times").and_then(Json::as_u64).map(|times| times.to_string()).unwrap_or_default();
        out.push_str(&format!(
            "{at:<24}  {:<11}  {times:>6}  {}\n",
            text(step, "state"),
            text(step, "detail")
        ));
    }
    if told.get("complete").and_then(Json::as_bool) == Some(false) {
        let since = told.get("known_since_ms").and_then(Json::as_i64).map(rfc3339).unwrap_or_default();
        out.push_str(&format!("\nWhat ended before {since} may be forgotten: older than the history.\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_is_a_table() {
        let step = serde_json::json!({"at_ms": 0, "state": "accessed", "times": 3, "detail": "read"});
        let unknown = serde_json::json!({"at_ms": null, "state": "stale", "times": null, "detail": "by x"});
        let told = serde_json::json!({
            "key": "k", "state": "stale", "why": "because", "unverified": null, "known_since_ms": 1000,
            "complete": false, "steps": [step, unknown],
        });
        let Json::Object(told) = told else { unreachable!("an object is written above") };
        let table = table(&told);
        for line in [
            "k: stale (because)",
            "1970-01-01T00:00:00.000Z  accessed          3  read",
            "not known                 stale                by x",
            "What ended before 1970-01-01T00:00:01.000Z may be forgotten: older than the history.",
        ] {
            assert!(table.lines().any(|it| it == line), "{line:?} in\n{table}");
        }
    }
}
