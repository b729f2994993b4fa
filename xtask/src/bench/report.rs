//! The dated report: the machine, the versions, the commands, medians and spread.

use super::figures::{Figures, Summary};
use super::load::{CASES, CONNECTIONS, KEYS, VALUE, arguments};
use super::server::Which;
use crate::repo;
use crate::step::output;
use std::fmt::Write;
use std::process::Command;

/// The date, as file names have it.
pub fn today() -> Result<String, String> {
    Ok(output(Command::new("date").args(["--utc", "+%Y-%m-%d"]))?.trim().to_owned())
}

/// The report as Markdown.
pub fn text(figures: &Figures, rounds: usize) -> Result<String, String> {
    let mut text = String::new();
    write_head(&mut text, rounds)?;
    write_table(&mut text, figures);
    write_commands(&mut text);
    Ok(text)
}

fn write_head(text: &mut String, rounds: usize) -> Result<(), String> {
    let line =
        |command: &mut Command| output(command).map(|said| said.lines().next().unwrap_or("").to_owned());
    let commit =
        line(Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).current_dir(repo::top()))?;
    let redis = line(Command::new("redis-server").arg("--version"))?;
    let rustc = line(Command::new("rustc").arg("--version"))?;
    let lines = [
        format!("# {}: beside redis-server\n", today()?),
        format!("`cargo xtask bench compare --rounds {rounds}` at commit {commit}.\n"),
        format!("- machine: {}, {} cores, {}", cpu_model(), cores(), line(Command::new("uname").arg("-sr"))?),
        format!("- {redis}"),
        format!("- {rustc}, `--release`"),
        format!(
            "- server on core 0, load on core 1, {CONNECTIONS} connections, {KEYS} keys of 16 bytes, {VALUE}-byte values, servers in turn\n"
        ),
    ];
    text.push_str(&lines.join("\n"));
    text.push('\n');
    Ok(())
}

fn write_table(text: &mut String, figures: &Figures) {
    text.push_str(
        "Server CPU in microseconds per request, and requests per second: median (least .. most).\n\n",
    );
    text.push_str("| load | clearwell us | redis us | CPU ratio | clearwell requests/s | redis requests/s | throughput ratio |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for case in CASES {
        let [ours, theirs] = [Which::Clearwell, Which::Redis].map(|which| figures.cpu_us(which, case));
        let [our_rate, their_rate] =
            [Which::Clearwell, Which::Redis].map(|which| figures.per_second(which, case));
        let cells = [
            case.name(),
            spread(ours, 3),
            spread(theirs, 3),
            format!("{:.2}", ours.median / theirs.median),
            spread(our_rate, 0),
            spread(their_rate, 0),
            format!("{:.2}", our_rate.median / their_rate.median),
        ];
        writeln!(text, "| {} |", cells.join(" | ")).expect("a String takes any text");
    }
    text.push_str("\nA CPU ratio below 1, or a throughput ratio above 1, is in clearwell's favour.\n\n");
}

fn spread(summary: Summary, digits: usize) -> String {
    let Summary { median, least, most } = summary;
    format!("{median:.digits$} ({least:.digits$} .. {most:.digits$})")
}

fn write_commands(text: &mut String) {
    text.push_str("The load of each row:\n\n```\n");
    for case in CASES {
        writeln!(text, "taskset -c 1 redis-benchmark -p PORT {}", arguments(case))
            .expect("a String takes any text");
    }
    text.push_str("```\n");
}

fn cpu_model() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or("unknown CPU", |(_, name)| name).to_owned()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}
