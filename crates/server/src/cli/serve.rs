//! `clearwell serve`: a node.

use std::path::PathBuf;
use std::process::ExitCode;

/// Serves a node: RESP and HTTP, with the sources that the configuration names.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// Check the configuration and exit
    #[arg(long)]
    pub check: bool,
    /// The configuration; without one, ./clearwell.toml if it is there, else a small sample
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data folder, made when it is missing
    #[arg(long, value_name = "DIR", default_value = "./clearwell-data")]
    pub data: PathBuf,
    /// Where Redis clients connect; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7379")]
    pub resp: String,
    /// Where HTTP is served; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7380")]
    pub http: String,
    /// Worker threads for Redis clients [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
}

/// Runs `clearwell serve`.
///
/// # Errors
/// In words: why it does not serve.
pub fn run(args: &ServeArgs) -> Result<ExitCode, String> {
    let _ = args;
    Err("this build has no node".to_owned())
}
