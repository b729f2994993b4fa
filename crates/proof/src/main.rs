//! Clearwell on hosts of their own: a cluster whose machines and network break, and a checker of what its clients saw. `cargo xtask proof` builds the server and
//! runs this.

mod act;
mod check;
mod client;
mod clock;
mod fault;
mod history;
mod hosts;
mod node;
mod program;
mod report;
mod resp;
mod run;
mod stage;
mod status;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use fault::weather::WeatherArgs;
use run::RunArgs;

/// Breaks hosts and networks under a cluster of Clearwell, and judges what its clients saw.
#[derive(Debug, Parser)]
#[command(name = "clearwell-proof", version)]
struct ProofArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run it, as root
    Run(RunArgs),
    /// Delay, lose and reorder what netfilter hands to queue 0 (the run starts this on hosts)
    Weather(WeatherArgs),
}

fn main() -> ExitCode {
    let outcome = match ProofArgs::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Weather(args) => {
            fault::weather::run(&args).map(|()| true).map_err(|error| error.to_string())
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}
