//! The dated report: the machine, the versions, the commands, medians and spread.

use super::figures::{Measurements, Summary};
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
pub fn text(figures: &Measurements, peer: Which, peer_name: &str, command: &str) -> Result<String, String> {
    let mut text = String::new();
    write_head(&mut text, peer, peer_name, command)?;
    write_table(&mut text, figures, peer);
    write_commands(&mut text, peer);
    Ok(text)
}

/// The head of a report of this node alone.
pub fn head(title: &str, bench: &str, rounds: usize) -> Result<String, String> {
    let line =
        |command: &mut Command| output(command).map(|said| said.lines().next().unwrap_or("").to_owned());
    let commit =
        line(Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).current_dir(repo::top()))?;
    let rustc = line(Command::new("rustc").arg("--version"))?;
    let postgres = line(Command::new("/usr/lib/postgresql/15/bin/postgres").arg("--version"))?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    Ok(format!(
        "# {}: {title}\n\n`cargo xtask bench {bench} --rounds {rounds}` at commit {commit}.\n\n- machine: {}, {} cores, {}, load {load} when it began\n- {postgres}, fsync on\n- {rustc}, `--release`\n",
        today()?,
        cpu_model(),
        cores(),
        line(Command::new("uname").arg("-sr"))?,
    ))
}

/// Keeps a report under `bench/runs/`.
pub fn write(text: &str, name: &str) -> Result<(), String> {
    let file = repo::top().join("bench/runs").join(format!("{}-{name}.md", today()?));
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    std::fs::create_dir_all(file.parent().expect("the file is in a folder")).map_err(failed)?;
    std::fs::write(&file, text).map_err(failed)?;
    println!("written to {}", file.strip_prefix(repo::top()).unwrap_or(&file).display());
    Ok(())
}

fn write_head(text: &mut String, peer: Which, peer_name: &str, command: &str) -> Result<(), String> {
    let line =
        |command: &mut Command| output(command).map(|said| said.lines().next().unwrap_or("").to_owned());
    let commit =
        line(Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).current_dir(repo::top()))?;
    let peer = match peer {
        Which::Redis => line(Command::new("redis-server").arg("--version"))?,
        Which::Before | Which::Clearwell => format!("{}: clearwell at {peer_name}", peer.name()),
    };
    let rustc = line(Command::new("rustc").arg("--version"))?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    let lines = [
        format!("# {}: beside {peer_name}\n", today()?),
        format!("`{command}` at commit {commit}; load {load} when it ended.\n"),
        format!("- machine: {}, {} cores, {}", cpu_model(), cores(), line(Command::new("uname").arg("-sr"))?),
        format!("- {peer}"),
        format!("- {rustc}, `--release`"),
        format!(
            "- server on core 0, load on core 1, {CONNECTIONS} connections, {KEYS} keys of 16 bytes, {VALUE}-byte values, servers in turn, the other one stopped (SIGSTOP)\n"
        ),
    ];
    text.push_str(&lines.join("\n"));
    text.push('\n');
    Ok(())
}

fn write_table(text: &mut String, figures: &Measurements, peer: Which) {
    text.push_str(
        "Server CPU in microseconds per request, and requests per second: median (least .. most).\n\n",
    );
    let name = peer.name();
    writeln!(
        text,
        "| load | clearwell us | {name} us | CPU ratio | clearwell requests/s | {name} requests/s | throughput ratio |"
    )
    .expect("a String takes any text");
    text.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
    for case in CASES.iter().filter(|case| case.is_known_to(peer)) {
        let [ours, theirs] = [Which::Clearwell, peer].map(|which| figures.cpu_us(which, case));
        let [our_rate, their_rate] = [Which::Clearwell, peer].map(|which| figures.per_second(which, case));
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

/// A median with its spread, with so many digits.
pub fn spread(summary: Summary, digits: usize) -> String {
    let Summary { median, least, most } = summary;
    format!("{median:.digits$} ({least:.digits$} .. {most:.digits$})")
}

fn write_commands(text: &mut String, peer: Which) {
    text.push_str("The load of each row:\n\n```\n");
    for case in CASES.iter().filter(|case| case.is_known_to(peer)) {
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
