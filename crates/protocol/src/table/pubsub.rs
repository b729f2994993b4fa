//! Channels: SUBSCRIBE, PUBLISH and what tells of them.

use crate::command::{Command, Group};
use crate::command_id::CommandId;
use crate::flags::{Categories, Flags};

const fn pubsub(id: CommandId, name: &'static str, arity: i32) -> Command {
    Command::new(id, name, arity, Group::Pubsub)
}

const LISTEN: Flags = Flags::PUBSUB.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE);
const ASK: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE);

pub(super) const COMMANDS: &[Command] = &[
    pubsub(CommandId::Subscribe, "subscribe", -2)
        .flags(LISTEN)
        .categories(Categories::PUBSUB)
        .syntax("channel [channel ...]")
        .doc("2.0.0", "O(n) in the channels", "Listens to channels."),
    pubsub(CommandId::Unsubscribe, "unsubscribe", -1)
        .flags(LISTEN)
        .categories(Categories::PUBSUB)
        .syntax("[channel [channel ...]]")
        .doc("2.0.0", "O(n) in the channels", "Listens to channels no longer."),
    pubsub(CommandId::Psubscribe, "psubscribe", -2)
        .flags(LISTEN)
        .categories(Categories::PUBSUB)
        .syntax("pattern [pattern ...]")
        .doc("2.0.0", "O(n) in the patterns", "Listens to all channels that glob patterns match."),
    pubsub(CommandId::Punsubscribe, "punsubscribe", -1)
        .flags(LISTEN)
        .categories(Categories::PUBSUB)
        .syntax("[pattern [pattern ...]]")
        .doc("2.0.0", "O(n) in the patterns", "Listens to patterns no longer."),
    pubsub(CommandId::Publish, "publish", 3)
        .flags(ASK.and(Flags::FAST))
        .categories(Categories::PUBSUB)
        .syntax("channel message")
        .doc("2.0.0", "O(n) in the listeners and patterns", "Sends a message to who listens to a channel."),
    pubsub(CommandId::Pubsub, "pubsub", -2)
        .doc("2.8.0", "O(1)", "Tells who listens to what.")
        .contains(SUBCOMMANDS),
];

const SUBCOMMANDS: &[Command] = &[
    pubsub(CommandId::PubsubChannels, "pubsub|channels", -2)
        .flags(ASK)
        .categories(Categories::PUBSUB)
        .syntax("[pattern]")
        .doc("2.8.0", "O(n) in the channels", "Returns the channels that somebody listens to."),
    pubsub(CommandId::PubsubNumsub, "pubsub|numsub", -2)
        .flags(ASK)
        .categories(Categories::PUBSUB)
        .syntax("[channel [channel ...]]")
        .doc("2.8.0", "O(n) in the channels asked for", "Counts who listens to each of the channels."),
    pubsub(CommandId::PubsubNumpat, "pubsub|numpat", 2).flags(ASK).categories(Categories::PUBSUB).doc(
        "2.8.0",
        "O(1)",
        "Counts the patterns that somebody listens to.",
    ),
    pubsub(CommandId::Help, "pubsub|help", 2).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "6.2.0",
        "O(1)",
        "Tells what the subcommands are.",
    ),
];
