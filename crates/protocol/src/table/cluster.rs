//! What clients that know clusters say of their connection.

use crate::command::{Command, Group};
use crate::command_id::CommandId;
use crate::flags::{Categories, Flags};

const fn cluster(id: CommandId, name: &'static str, arity: i32) -> Command {
    Command::new(id, name, arity, Group::Cluster).flags(Flags::FAST).categories(Categories::CONNECTION)
}

pub(super) const COMMANDS: &[Command] = &[
    cluster(CommandId::Asking, "asking", 1).doc(
        "3.0.0",
        "O(1)",
        "Answers OK: no slot is ever half moved here.",
    ),
    cluster(CommandId::Readonly, "readonly", 1).doc(
        "3.0.0",
        "O(1)",
        "Answers OK: reads go to the owner all the same.",
    ),
    cluster(CommandId::Readwrite, "readwrite", 1).doc(
        "3.0.0",
        "O(1)",
        "Answers OK: what READONLY said is over.",
    ),
];
