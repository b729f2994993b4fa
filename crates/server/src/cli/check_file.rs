//! `clearwell check`: the same as `clearwell serve --check`, for a file.

use std::path::PathBuf;
use std::process::ExitCode;

use super::check;

/// Checks a configuration without serving it.
#[derive(Debug, Clone, clap::Args)]
pub struct CheckArgs {
    /// The configuration; without one, ./clearwell.toml if it is there, else the small sample
    #[arg(value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Ask its databases as well, and change nothing in them
    #[arg(long)]
    pub connect: bool,
    /// The data folder, where paths of SQLite files begin
    #[arg(long, value_name = "DIR", default_value = "./clearwell-data")]
    pub data: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Runs `clearwell check`.
///
/// # Errors
/// In words: what is wrong with the configuration.
pub fn run(args: &CheckArgs) -> Result<ExitCode, String> {
    check::run(args.config.as_deref(), args.connect.then_some(args.data.as_path()), args.json)
}
