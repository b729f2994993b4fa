//! `clearwell feed`: what a database needs so that its commits can be followed.

use std::path::PathBuf;
use std::process::ExitCode;

use clearwell_source::config::PostgresConfig;
use clearwell_source::{Watched, postgres, sqlite};

use crate::keyspace::FeedRules;

/// Prepares a database so that its commits can be followed.
#[derive(Debug, Clone, clap::Args)]
pub struct FeedArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Command {
    /// Prints the SQL that the sources of the configuration still need, or runs it
    Init(InitArgs),
}

/// Arguments of `clearwell feed init`.
#[derive(Debug, Clone, clap::Args)]
struct InitArgs {
    /// Run the SQL instead of printing it
    #[arg(long)]
    run: bool,
    /// The configuration; without one, ./clearwell.toml if it is there, else a small sample
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder, where SQLite's files are
    #[arg(long, value_name = "DIR", default_value = "./clearwell-data")]
    data: PathBuf,
}

/// Runs `clearwell feed`. Exits with 1 while something is missing that it did not mend.
///
/// # Errors
/// In words: why a database could not be looked at.
pub fn run(args: &FeedArgs) -> Result<ExitCode, String> {
    let Command::Init(init) = &args.command;
    let (config, origin) =
        super::serve::configuration(init.config.as_deref()).map_err(|error| error.to_string())?;
    let feeds = FeedRules::build(&config).map_err(|error| format!("{origin}: {error}"))?;
    let mut ready = true;
    for (name, source) in &config.sources {
        match &source.postgres {
            Some(postgres) => ready &= postgresql(name, postgres, &feeds.watched(name), init.run)?,
            None => {
                let lacking = sqlite::setup(name, source, &init.data, feeds.watched(name), init.run)
                    .map_err(|error| format!("source {name}: {error}"))?;
                print(name, &lacking, init.run);
                ready &= init.run || lacking.is_empty();
            }
        }
    }
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether nothing is left to do.
fn postgresql(name: &str, config: &PostgresConfig, watched: &[Watched], run: bool) -> Result<bool, String> {
    let (setup, statements) =
        postgres::setup(config, watched, run).map_err(|error| format!("source {name}: {error}"))?;
    if !statements.is_empty() || setup.problems.is_empty() {
        print(name, &statements, run);
    }
    for problem in &setup.problems {
        println!("-- {name}: {}", problem.what);
        if let Some(role) = &problem.role {
            // As comments: they would fail for whoever runs what stands above.
            println!("-- {name}: to be run as {role}:");
            problem.sql.iter().for_each(|sql| println!("-- {sql};"));
        }
        if problem.restart {
            println!("-- {name}: restart the server then, and run this again");
        }
    }
    Ok((run || statements.is_empty()) && setup.problems.is_empty())
}

fn print(name: &str, statements: &[String], run: bool) {
    println!(
        "-- {name}: {}",
        match (statements.is_empty(), run) {
            (true, _) => "ready",
            (false, true) => "done",
            (false, false) => "to be run in this order, each by itself",
        }
    );
    for statement in statements {
        println!("{statement};");
    }
}
