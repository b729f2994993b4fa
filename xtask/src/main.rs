//! Every automation of the repository: `cargo xtask test` checks all of it.

mod bench;
mod cargo;
mod mutants;
mod packages;
mod proof;
mod repo;
mod setup;
mod step;
mod test;
mod tidy;
mod worlds;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  check                          format, tidy, lints and the libraries' own tests: before each commit
  test                           set up, then check and test everything: what CI runs
  setup                          install the tools and clients that the tests drive
  tidy                           check what no compiler checks: file lengths, paths, leftovers, cycles of rooms, names
  packages                       package the crates that are published, and build them from their packages alone
  names                          the names of types that mean more than one thing, and where
  proof [--minutes N] [--seed S]   five nodes on hosts of their own, whose machines and network break; as root, 30 minutes of it
          [--planted NAME|all] [--json] and more: `clearwell-proof run --help`
  worlds [--minutes N]           simulated worlds that nobody has run before, five minutes of them
  mutants [--only NAMES]         mutations of the deciding code, which simulated worlds must find; 20 minutes and more
          [--seeds N] [--from N] [--cpu SECONDS] [--jobs N] [--json]
  bench compare [--rounds N]     redis-benchmark beside redis-server, CPU per request; writes bench/runs/
  bench before COMMIT [--rounds N]   this node beside itself at another commit; writes bench/runs/
  bench feed [--rounds N]        how soon what psql commits is invisible to a node's readers; writes bench/runs/
  bench writes [--rounds N]      each write strategy beside writing to PostgreSQL directly; writes bench/runs/";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["check"] => test::check(),
        ["test"] => test::run(),
        ["setup"] => setup::run(),
        ["tidy"] => tidy::run(),
        ["packages"] => packages::run(),
        ["names"] => tidy::names(),
        ["worlds"] => worlds::run(5),
        ["worlds", "--minutes", minutes] => whole(minutes).and_then(worlds::run),
        ["proof", ref words @ ..] => proof::run(words),
        ["mutants", ref words @ ..] => mutants::run(words),
        ["bench", "compare"] => bench::compare(3),
        ["bench", "compare", "--rounds", rounds] => whole(rounds).and_then(bench::compare),
        ["bench", "before", commit] => bench::before(commit, 6),
        ["bench", "before", commit, "--rounds", rounds] => {
            whole(rounds).and_then(|rounds| bench::before(commit, rounds))
        }
        ["bench", "feed"] => bench::feed(3),
        ["bench", "feed", "--rounds", rounds] => whole(rounds).and_then(bench::feed),
        ["bench", "writes"] => bench::writes::run(3),
        ["bench", "writes", "--rounds", rounds] => whole(rounds).and_then(bench::writes::run),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn whole(number: &str) -> Result<usize, String> {
    match number.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err(format!("a number of at least 1 is wanted, not {number:?}")),
    }
}
