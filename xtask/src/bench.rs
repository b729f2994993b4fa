//! Measurements beside other servers, written to `bench/runs/`.

mod before;
mod feed;
mod figures;
mod load;
mod report;
mod server;
pub mod writes;

use crate::cargo;
pub use feed::feed;
use figures::Measurements;
use load::{CASES, Case};
use server::{RunningServer, Which};

/// Measures this node beside redis-server, `rounds` times in turn, and writes the medians.
pub fn compare(rounds: usize) -> Result<(), String> {
    let command = format!("cargo xtask bench compare --rounds {rounds}");
    let text = beside(Which::Redis, "redis-server", &command, rounds)?;
    report::write(&text, "redis-compare")
}

/// Measures this node beside itself at another commit, `rounds` times in turn, and writes the medians.
pub fn before(commit: &str, rounds: usize) -> Result<(), String> {
    before::build(commit)?;
    let command = format!("cargo xtask bench before {commit} --rounds {rounds}");
    let text = beside(Which::Before, &format!("commit {commit}"), &command, rounds)?;
    report::write(&text, "before")
}

/// The servers run on core 0 and the load on core 1. The figure that does not depend on which of them
/// is the bottleneck is the server's CPU time per request. A server is stopped while the other one is measured: a peer whose timers
/// fire a thousand times a second would else throw the measured one off its core, and its memory out of the caches, as often.
fn beside(peer: Which, peer_name: &str, command: &str, rounds: usize) -> Result<String, String> {
    cargo::call("build --release --locked --package clearwell")?;
    let servers = [RunningServer::start(Which::Clearwell)?, RunningServer::start(peer)?];
    for server in &servers {
        load::fill(server.port)?;
        server.stop()?;
    }
    let mut figures = Measurements::default();
    for round in 1..=rounds {
        for case in CASES.iter().filter(|case| case.is_known_to(peer)) {
            // Who goes first changes from round to round.
            for turn in 0..servers.len() {
                let server = &servers[(turn + round) % servers.len()];
                measure(server, case, round, &mut figures)?;
            }
        }
    }
    let text = report::text(&figures, peer, peer_name, command)?;
    println!("\n{text}");
    Ok(text)
}

fn measure(
    server: &RunningServer,
    case: &Case,
    round: usize,
    figures: &mut Measurements,
) -> Result<(), String> {
    let _awake = server.wake()?;
    // Timers that were due while the server was stopped fire before anything is counted.
    if case.takes_away() {
        load::fill(server.port)?;
    } else {
        load::benchmark(server.port, &case.warm_up())?;
    }
    let before = server.cpu_ns()?;
    let per_second = load::benchmark(server.port, case)?;
    let cpu_us = (server.cpu_ns()? - before) as f64 / 1000.0 / case.requests as f64;
    println!(
        "round {round}  {:<9}  {:<18}  {per_second:>10.0} requests/s  {cpu_us:>6.3} us",
        server.which.name(),
        case.name()
    );
    figures.add(server.which, case, per_second, cpu_us);
    Ok(())
}
