//! MULTI and WATCH.

use super::TRANSACTION;
use crate::command::{Command, Group, KeyAccess, KeySpec};
use crate::command_id::CommandId;
use crate::flags::{Categories, Flags};

const fn transaction(id: CommandId, name: &'static str, arity: i32) -> Command {
    Command::new(id, name, arity, Group::Transactions)
}

pub(super) const COMMANDS: &[Command] =
    &[
        transaction(CommandId::Multi, "multi", 1).flags(TRANSACTION).categories(Categories::TRANSACTION).doc(
            "1.2.0",
            "O(1)",
            "Begins a transaction.",
        ),
        transaction(CommandId::Exec, "exec", 1)
            .flags(Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::SKIP_SLOWLOG))
            .categories(Categories::TRANSACTION)
            .doc("1.2.0", "O(n) in the queued commands", "Runs the transaction."),
        transaction(CommandId::Discard, "discard", 1)
            .flags(TRANSACTION)
            .categories(Categories::TRANSACTION)
            .doc("2.0.0", "O(n) in the queued commands", "Drops the transaction."),
        transaction(CommandId::Watch, "watch", -2)
            .flags(TRANSACTION)
            .categories(Categories::TRANSACTION)
            .keys(&[KeySpec::rest(KeyAccess::Peek, 1, 1)])
            .syntax("key [key ...]")
            .doc("2.2.0", "O(n) in the keys", "Lets the next transaction fail if the keys change first."),
        transaction(CommandId::Unwatch, "unwatch", 1)
            .flags(TRANSACTION)
            .categories(Categories::TRANSACTION)
            .doc("2.2.0", "O(1)", "Forgets what WATCH noted."),
    ];
