//! "Put it in front of your PostgreSQL in five minutes", from the README, as it stands there.
//!
//! It uses the ports that a user would use, so it runs in a network of its own, where they are free and nobody else sees
//! them.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use support::Postgres;

const TITLE: &str = "## Put it in front of your PostgreSQL in five minutes\n";
/// Set for the process that is inside the network of its own.
const INSIDE: &str = "CLEARWELL_TEST_INSIDE";

#[test]
fn the_readme_does_what_it_says() {
    if std::env::var_os(INSIDE).is_some() {
        return follow_the_readme();
    }
    let this = std::env::current_exe().expect("a test knows its program");
    let status = Command::new("unshare")
        .args(["--net", "--fork", "--kill-child", "sh", "-c", "ip link set lo up && exec \"$0\" --nocapture"])
        .arg(this)
        .env(INSIDE, "1")
        .status();
    assert!(status.expect("unshare is installed").success(), "the README's lines failed: see above");
}

fn follow_the_readme() {
    let database = Postgres::start();
    let script = script(include_str!("../../../README.md"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = Path::new(env!("CARGO_BIN_EXE_clearwell")).parent().expect("it is in a folder");
    let path = std::env::var("PATH").expect("there is a PATH");
    let status = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", program.display()))
        .env("DATABASE_URL", database.url())
        .stdin(Stdio::null())
        .status();
    assert!(status.expect("bash is installed").success(), "a line of the README failed: see above");
}

/// The section's blocks, one after the other. A line with `# =>` is repeated until it prints what stands there: a commit takes
/// a moment to arrive, and so does a server that starts.
fn script(readme: &str) -> String {
    let (_, section) = readme.split_once(TITLE).expect("the README has the section");
    let section = section.split("\n## ").next().unwrap_or(section);
    let mut script = String::from("trap 'kill $(jobs -p)' EXIT\n");
    for block in section.split("```sh\n").skip(1) {
        let lines = block.split("```").next().unwrap_or(block).lines();
        for line in lines.filter(|line| !line.ends_with("# yours")) {
            match line.split_once("# =>") {
                Some((command, printed)) => script.push_str(&repeated(command.trim(), printed.trim())),
                None => script.push_str(line),
            }
            script.push('\n');
        }
    }
    assert!(script.matches("until").count() >= 5, "the section has lines that print something");
    script
}

fn repeated(command: &str, printed: &str) -> String {
    let printed = format!("'{}'", printed.replace('\'', r"'\''"));
    format!(
        "echo \"$ \"{shown}\nSECONDS=0\nuntil answer=$({command}); [ \"$answer\" = {printed} ]; do\n\
         if [ $SECONDS -gt 20 ]; then echo \"printed: $answer\"; exit 1; fi\ndone",
        shown = format_args!("'{}'", command.replace('\'', r"'\''")),
    )
}
