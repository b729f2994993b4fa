//! `clearwell completions`: what a shell needs to complete command lines.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use super::remote::print;

/// Prints the completions of a shell.
///
/// For example: clearwell completions bash > /etc/bash_completion.d/clearwell
#[derive(Debug, Clone, clap::Args)]
pub struct CompletionsArgs {
    /// Which shell
    pub shell: Shell,
}

/// Runs `clearwell completions`.
///
/// # Errors
/// It cannot be printed.
pub fn run(args: &CompletionsArgs) -> Result<ExitCode, String> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "clearwell", &mut script);
    print(&script)?;
    Ok(ExitCode::SUCCESS)
}
