//! The simulator's command line.

mod cli;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = cli::Arguments::parse();
    cli::run(&args)
}
