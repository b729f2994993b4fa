//! COMMAND: this table, told to clients.

use crate::command::{Command, Group};
use crate::command_id::CommandId;
use crate::flags::{Categories, Flags};

const fn server(id: CommandId, name: &'static str, arity: i32) -> Command {
    Command::new(id, name, arity, Group::Server)
}

pub(super) const COMMANDS: &[Command] = &[server(CommandId::Command, "command", -1)
    .flags(Flags::LOADING.and(Flags::STALE))
    .categories(Categories::CONNECTION)
    .doc("2.8.13", "O(n) in all commands", "Describes every command.")
    .tips(&["nondeterministic_output_order"])
    .contains(COMMAND_SUBCOMMANDS)];

const COMMAND_SUBCOMMANDS: &[Command] = &[
    server(CommandId::CommandCount, "command|count", 2)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CONNECTION)
        .doc("2.8.13", "O(1)", "Counts the commands."),
    server(CommandId::CommandInfo, "command|info", -2)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CONNECTION)
        .syntax("[command-name [command-name ...]]")
        .doc("2.8.13", "O(n) in the commands", "Describes commands by arity, flags and keys.")
        .tips(&["nondeterministic_output_order"]),
    server(CommandId::CommandDocs, "command|docs", -2)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CONNECTION)
        .syntax("[command-name [command-name ...]]")
        .doc("7.0.0", "O(n) in the commands", "Describes commands as a manual does.")
        .tips(&["nondeterministic_output_order"]),
    server(CommandId::CommandList, "command|list", -2)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CONNECTION)
        .syntax("[FILTERBY (MODULE module-name|ACLCAT category|PATTERN pattern)]")
        .doc("7.0.0", "O(n) in all commands", "Names the commands.")
        .tips(&["nondeterministic_output_order"]),
    server(CommandId::CommandGetkeys, "command|getkeys", -4)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CONNECTION)
        .syntax("command [arg ...]")
        .doc("2.8.13", "O(n) in the arguments", "Returns the keys in a whole command."),
    server(CommandId::CommandGetkeysandflags, "command|getkeysandflags", -4)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CONNECTION)
        .syntax("command [arg ...]")
        .doc(
            "7.0.0",
            "O(n) in the arguments",
            "Returns the keys in a whole command and what happens to them.",
        ),
    server(CommandId::Help, "command|help", 2)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CONNECTION)
        .doc("5.0.0", "O(1)", "Prints this help."),
];
