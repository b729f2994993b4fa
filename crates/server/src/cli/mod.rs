//! The command line: one file a subcommand.

mod check;
mod check_file;
mod cluster;
mod cluster_text;
mod completions;
mod entry;
mod feed;
mod held;
mod invalidate;
mod remote;
mod replay;
mod serve;
mod stats;
mod table;
mod top;
mod try_nodes;
mod warm;
mod why;
mod wire;
mod writeback;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use serve::ServeArgs;

/// A distributed cache whose first purpose is freshness.
#[derive(Debug, Parser)]
#[command(name = "clearwell", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(ServeArgs),
    Replay(replay::ReplayArgs),
    Invalidate(invalidate::InvalidateArgs),
    Cluster(cluster::ClusterArgs),
    Try(try_nodes::TryArgs),
    Held(held::HeldArgs),
    Why(why::WhyArgs),
    Feed(feed::FeedArgs),
    Writeback(writeback::WritebackArgs),
    Get(entry::GetArgs),
    Set(entry::SetArgs),
    Del(entry::DelArgs),
    Stats(stats::StatsArgs),
    Top(top::TopArgs),
    Warm(warm::WarmArgs),
    Check(check_file::CheckArgs),
    Completions(completions::CompletionsArgs),
}

/// Parses the command line and runs what it asks for. Exits with 2 for a wrong command line, 1 for a failure.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => serve::run(&cli.serve),
        Some(Command::Serve(args)) => serve::run(&args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Invalidate(args)) => invalidate::run(&args),
        Some(Command::Cluster(args)) => cluster::run(&args),
        Some(Command::Try(args)) => try_nodes::run(&args),
        Some(Command::Held(args)) => held::run(&args),
        Some(Command::Why(args)) => why::run(&args),
        Some(Command::Feed(args)) => feed::run(&args),
        Some(Command::Writeback(args)) => writeback::run(&args),
        Some(Command::Get(args)) => entry::get(&args),
        Some(Command::Set(args)) => entry::set(&args),
        Some(Command::Del(args)) => entry::del(&args),
        Some(Command::Stats(args)) => stats::run(&args),
        Some(Command::Top(args)) => top::run(&args),
        Some(Command::Warm(args)) => warm::run(&args),
        Some(Command::Check(args)) => check_file::run(&args),
        Some(Command::Completions(args)) => completions::run(&args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("clearwell: {error}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_declared_without_contradiction() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn no_subcommand_means_serve_with_the_same_arguments() {
        let cli = Cli::try_parse_from(["clearwell", "--resp", "127.0.0.1:0"]).expect("serve's arguments");
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.resp, "127.0.0.1:0");
        let cli = Cli::try_parse_from(["clearwell", "serve", "--check"]).expect("serve's arguments");
        assert!(
            matches!(cli.command, Some(Command::Serve(args)) if args.check && args.http == "127.0.0.1:7380")
        );
    }

    #[test]
    fn a_wrong_command_line_is_exit_code_2() {
        for wrong in [&["replay", "--writes", "200%"][..], &["invalidate", "--cascade", "maybe"], &["srve"]] {
            let words = ["clearwell"].iter().chain(wrong);
            assert_eq!(Cli::try_parse_from(words).expect_err("wrong").exit_code(), 2);
        }
    }
}
