//! THE command table, one file a chapter. Parsing checks, COMMAND, HELP and error texts all read it.

mod clearwell;
mod connection;
mod introspection;
mod keys;
mod server;
mod strings;
mod transactions;

use crate::command::Command;
use crate::flags::Flags;

/// The chapters, in the order that COMMAND lists them.
pub(crate) const CHAPTERS: [&[Command]; 7] = [
    strings::COMMANDS,
    keys::COMMANDS,
    connection::COMMANDS,
    server::COMMANDS,
    introspection::COMMANDS,
    transactions::COMMANDS,
    clearwell::COMMANDS,
];

/// Every command, containers but not their subcommands.
pub fn all() -> impl Iterator<Item = &'static Command> + Clone {
    CHAPTERS.iter().flat_map(|chapter| chapter.iter())
}

/// Every command and every subcommand.
pub fn all_with_subcommands() -> impl Iterator<Item = &'static Command> + Clone {
    all().flat_map(|command| std::iter::once(command).chain(command.subcommands))
}

/// Answered at any time, but not to scripts.
const ANY_TIME: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);
/// For operators at any time.
const OPERATE: Flags = Flags::ADMIN.and(ANY_TIME);
/// Framing of transactions.
const TRANSACTION: Flags = ANY_TIME.and(Flags::FAST).and(Flags::ALLOW_BUSY);
/// Answered before AUTH too.
const LOGIN: Flags = TRANSACTION.and(Flags::NO_AUTH);
