//! The server: what it knows about itself.

use super::OPERATE;
use crate::command::{Command, Group, KeyAccess, KeySpec};
use crate::command_id::CommandId;
use crate::flags::{Categories, Flags};

const fn generic(id: CommandId, name: &'static str, arity: i32) -> Command {
    Command::new(id, name, arity, Group::Generic)
}

const fn server(id: CommandId, name: &'static str, arity: i32) -> Command {
    Command::new(id, name, arity, Group::Server)
}

pub(super) const COMMANDS: &[Command] = &[
    server(CommandId::Dbsize, "dbsize", 1)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .doc("1.0.0", "O(1)", "Counts the keys.")
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"]),
    server(CommandId::Flushdb, "flushdb", -1)
        .flags(Flags::WRITE)
        .categories(Categories::KEYSPACE.and(Categories::DANGEROUS))
        .syntax("[ASYNC|SYNC]")
        .doc("1.0.0", "O(1); memory is given back later", "Removes every key of this database.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    server(CommandId::Flushall, "flushall", -1)
        .flags(Flags::WRITE)
        .categories(Categories::KEYSPACE.and(Categories::DANGEROUS))
        .syntax("[ASYNC|SYNC]")
        .doc("1.0.0", "O(1); memory is given back later", "Removes every key.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    server(CommandId::Info, "info", -1)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::DANGEROUS)
        .syntax("[section [section ...]]")
        .doc("1.0.0", "O(1)", "Tells about the server, by section.")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
    server(CommandId::Time, "time", 1)
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .doc("2.6.0", "O(1)", "Returns the server's time as seconds and microseconds.")
        .tips(&["nondeterministic_output"]),
    server(CommandId::Role, "role", 1)
        .flags(Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST))
        .categories(Categories::ADMIN.and(Categories::DANGEROUS))
        .doc("2.8.12", "O(1)", "Returns what this node is to its peers."),
    generic(CommandId::Wait, "wait", 3)
        .flags(Flags::NOSCRIPT)
        .categories(Categories::CONNECTION)
        .syntax("numreplicas timeout")
        .doc("3.0.0", "O(1)", "Waits until replicas have this connection's writes.")
        .tips(&["request_policy:all_shards", "response_policy:agg_min"]),
    server(CommandId::Monitor, "monitor", 1).flags(OPERATE).doc(
        "1.0.0",
        "O(1) a command",
        "Shows every command as it comes.",
    ),
    server(CommandId::Config, "config", -2)
        .doc("2.0.0", "O(1)", "Reads and changes settings.")
        .contains(CONFIG_SUBCOMMANDS),
    server(CommandId::Memory, "memory", -2)
        .doc("4.0.0", "O(1)", "Tells what memory is used for.")
        .contains(MEMORY_SUBCOMMANDS),
    server(CommandId::Slowlog, "slowlog", -2)
        .doc("2.2.12", "O(1)", "Tells which commands were slow.")
        .contains(SLOWLOG_SUBCOMMANDS),
    server(CommandId::Latency, "latency", -2)
        .doc("2.8.13", "O(1)", "Tells where time is lost.")
        .contains(LATENCY_SUBCOMMANDS),
];

const CONFIG_SUBCOMMANDS: &[Command] = &[
    server(CommandId::ConfigGet, "config|get", -3).flags(OPERATE).syntax("parameter [parameter ...]").doc(
        "2.0.0",
        "O(n) in the settings",
        "Returns the settings that glob patterns match.",
    ),
    server(CommandId::ConfigSet, "config|set", -4)
        .flags(OPERATE)
        .syntax("parameter value [parameter value ...]")
        .doc("2.0.0", "O(n) in the settings given", "Changes settings.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    server(CommandId::ConfigResetstat, "config|resetstat", 2).flags(OPERATE).doc(
        "2.0.0",
        "O(1)",
        "Sets the statistics back to zero.",
    ),
    server(CommandId::ConfigRewrite, "config|rewrite", 2).flags(OPERATE).doc(
        "2.8.0",
        "O(1)",
        "Writes the settings to their file.",
    ),
    server(CommandId::Help, "config|help", 2).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "5.0.0",
        "O(1)",
        "Prints this help.",
    ),
];

const MEMORY_SUBCOMMANDS: &[Command] = &[
    server(CommandId::MemoryUsage, "memory|usage", -3)
        .flags(Flags::READONLY)
        .keys(&[KeySpec::one(KeyAccess::Peek, 2)])
        .syntax("key [SAMPLES count]")
        .doc("4.0.0", "O(1)", "Returns the bytes that a key and its value take."),
    server(CommandId::Help, "memory|help", 2).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "4.0.0",
        "O(1)",
        "Prints this help.",
    ),
];

const SLOWLOG_SUBCOMMANDS: &[Command] = &[
    server(CommandId::SlowlogGet, "slowlog|get", -2)
        .flags(Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE))
        .syntax("[count]")
        .doc("2.2.12", "O(n) in the entries returned", "Returns the newest slow commands.")
        .tips(&["request_policy:all_nodes", "nondeterministic_output"]),
    server(CommandId::SlowlogLen, "slowlog|len", 2)
        .flags(Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE))
        .doc("2.2.12", "O(1)", "Counts the slow commands kept.")
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]),
    server(CommandId::SlowlogReset, "slowlog|reset", 2)
        .flags(Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE))
        .doc("2.2.12", "O(n) in the entries kept", "Forgets the slow commands.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    server(CommandId::Help, "slowlog|help", 2).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "6.2.0",
        "O(1)",
        "Prints this help.",
    ),
];

const LATENCY_SUBCOMMANDS: &[Command] = &[
    server(CommandId::LatencyLatest, "latency|latest", 2)
        .flags(OPERATE)
        .doc("2.8.13", "O(n) in the events", "Returns the latest spike of each event.")
        .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]),
    server(CommandId::LatencyHistogram, "latency|histogram", -2)
        .flags(OPERATE)
        .syntax("[command [command ...]]")
        .doc("7.0.0", "O(n) in the commands", "Returns how long commands took, as histograms.")
        .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]),
    server(CommandId::LatencyReset, "latency|reset", -2)
        .flags(OPERATE)
        .syntax("[event [event ...]]")
        .doc("2.8.13", "O(n) in the events", "Forgets spikes.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    server(CommandId::Help, "latency|help", 2).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "2.8.13",
        "O(1)",
        "Prints this help.",
    ),
];
