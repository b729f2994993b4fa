//! How soon a commit that others made is invisible to a node's readers; the tests of the feed print it.

use super::report;
use crate::cargo;
use crate::step::output;

/// Runs the feed's tests in full, `rounds` times, and writes what they print as figures.
pub fn feed(rounds: usize) -> Result<(), String> {
    const ROWS: &str = "100000";
    const SECONDS: &str = "20";
    let mut text = report::head("what was changed in psql, and how soon it is invisible", "feed", rounds)?;
    for round in 1..=rounds {
        let mut command =
            cargo::cargo("test --release --locked --package clearwell --test postgres -- bench::");
        command.args(["--nocapture", "--test-threads", "1"]);
        command.env("CLEARWELL_ROWS", ROWS).env("CLEARWELL_SECONDS", SECONDS);
        let printed = output(&mut command)?;
        text.push_str(&format!("\n## Round {round}\n\n"));
        for (_, figure) in printed.lines().filter_map(|line| line.split_once("figure: ")) {
            println!("round {round}  {figure}");
            text.push_str(&format!("- {figure}\n"));
        }
    }
    report::write(&text, "feed")
}
