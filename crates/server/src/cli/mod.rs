//! The command line: one file a subcommand.

/// Parses the command line and runs what it asks for.
pub fn run() -> std::process::ExitCode {
    todo!()
}
