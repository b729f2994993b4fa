//! THE command table, one file a chapter. Parsing checks, COMMAND, HELP and error texts all read it.

mod clearwell;
mod cluster;
mod connection;
mod introspection;
mod keys;
mod pubsub;
mod server;
mod strings;
mod transactions;

use crate::command::Command;
use crate::command_id::CommandId;
use crate::flags::Flags;

/// The chapters, in the order that COMMAND lists them.
pub(crate) const CHAPTERS: [&[Command]; 9] = [
    strings::COMMANDS,
    keys::COMMANDS,
    connection::COMMANDS,
    server::COMMANDS,
    introspection::COMMANDS,
    transactions::COMMANDS,
    pubsub::COMMANDS,
    cluster::COMMANDS,
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

/// Every id has its row, and only HELP has several: checked by the compiler.
const _: () = check_ids();

#[allow(clippy::arithmetic_side_effects)] // Evaluated by the compiler, which would report an overflow.
const fn check_ids() {
    let mut rows = [0; CommandId::COUNT];
    let mut chapter = 0;
    while chapter < CHAPTERS.len() {
        let mut place = 0;
        while place < CHAPTERS[chapter].len() {
            let command = &CHAPTERS[chapter][place];
            rows[command.id as usize] += 1;
            let mut sub = 0;
            while sub < command.subcommands.len() {
                rows[command.subcommands[sub].id as usize] += 1;
                sub += 1;
            }
            place += 1;
        }
        chapter += 1;
    }
    let mut id = 0;
    while id < rows.len() {
        assert!(rows[id] > 0, "a CommandId has no row in the table");
        assert!(rows[id] == 1 || id == CommandId::Help as usize, "a CommandId has two rows in the table");
        id += 1;
    }
}

/// Answered at any time, but not to scripts.
const ANY_TIME: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);
/// For operators at any time.
const OPERATE: Flags = Flags::ADMIN.and(ANY_TIME);
/// Framing of transactions.
const TRANSACTION: Flags = ANY_TIME.and(Flags::FAST).and(Flags::ALLOW_BUSY);
/// Answered before AUTH too.
const LOGIN: Flags = TRANSACTION.and(Flags::NO_AUTH);
