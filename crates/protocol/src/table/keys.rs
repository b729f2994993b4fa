//! Keys whatever they hold: removing, expiring, finding.

use crate::command::{Command, Group, KeyAccess, KeySpec};
use crate::command_id::CommandId;
use crate::flags::{Categories, Flags};

const fn generic(id: CommandId, name: &'static str, arity: i32) -> Command {
    Command::new(id, name, arity, Group::Generic)
}

pub(super) const COMMANDS: &[Command] = &[
    generic(CommandId::Del, "del", -2)
        .flags(Flags::WRITE)
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::rest(KeyAccess::Delete, 1, 1)])
        .syntax("key [key ...]")
        .doc("1.0.0", "O(n) in the keys", "Removes keys.")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    generic(CommandId::Unlink, "unlink", -2)
        .flags(Flags::WRITE.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::rest(KeyAccess::Delete, 1, 1)])
        .syntax("key [key ...]")
        .doc("4.0.0", "O(n) in the keys", "Removes keys; their memory is given back later.")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    generic(CommandId::Exists, "exists", -2)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::rest(KeyAccess::Peek, 1, 1)])
        .syntax("key [key ...]")
        .doc("1.0.0", "O(n) in the keys", "Counts which of the keys exist.")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    generic(CommandId::Type, "type", 2)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Peek, 1)])
        .syntax("key")
        .doc("1.0.0", "O(1)", "Returns the type of a value."),
    generic(CommandId::Touch, "touch", -2)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::rest(KeyAccess::Peek, 1, 1)])
        .syntax("key [key ...]")
        .doc("3.2.1", "O(n) in the keys", "Counts which of the keys exist and notes that they were used.")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    generic(CommandId::Rename, "rename", 3)
        .flags(Flags::WRITE)
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::ReadDelete, 1), KeySpec::one(KeyAccess::Overwrite, 2)])
        .syntax("key newkey")
        .doc("1.0.0", "O(1)", "Gives a value another key, in place of what that one held."),
    generic(CommandId::Renamenx, "renamenx", 3)
        .flags(Flags::WRITE.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::ReadDelete, 1), KeySpec::one(KeyAccess::Insert, 2)])
        .syntax("key newkey")
        .doc("1.0.0", "O(1)", "Gives a value another key if that one holds nothing."),
    generic(CommandId::Copy, "copy", -3)
        .flags(Flags::WRITE.and(Flags::DENYOOM))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Read, 1), KeySpec::one(KeyAccess::Overwrite, 2)])
        .syntax("source destination [DB destination-db] [REPLACE]")
        .doc("6.2.0", "O(1)", "Gives a second key the same value."),
    generic(CommandId::Keys, "keys", 2)
        .flags(Flags::READONLY)
        .categories(Categories::KEYSPACE.and(Categories::DANGEROUS))
        .syntax("pattern")
        .doc("1.0.0", "O(n) in all keys", "Returns all keys that a glob pattern matches.")
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"]),
    generic(CommandId::Scan, "scan", -2)
        .flags(Flags::READONLY)
        .categories(Categories::KEYSPACE)
        .syntax("cursor [MATCH pattern] [COUNT count] [TYPE type]")
        .doc(
            "2.8.0",
            "O(1) a call, O(n) in all keys for a whole round",
            "Returns some keys and a cursor to go on with.",
        )
        .tips(&["nondeterministic_output", "request_policy:special"]),
    generic(CommandId::Randomkey, "randomkey", 1)
        .flags(Flags::READONLY)
        .categories(Categories::KEYSPACE)
        .doc("1.0.0", "O(1)", "Returns some key.")
        .tips(&["request_policy:all_shards", "nondeterministic_output"]),
    generic(CommandId::Expire, "expire", -3)
        .flags(Flags::WRITE.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Update, 1)])
        .syntax("key seconds [NX|XX|GT|LT]")
        .doc("1.0.0", "O(1)", "Sets a time to live in seconds."),
    generic(CommandId::Pexpire, "pexpire", -3)
        .flags(Flags::WRITE.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Update, 1)])
        .syntax("key milliseconds [NX|XX|GT|LT]")
        .doc("2.6.0", "O(1)", "Sets a time to live in milliseconds."),
    generic(CommandId::Expireat, "expireat", -3)
        .flags(Flags::WRITE.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Update, 1)])
        .syntax("key unix-time-seconds [NX|XX|GT|LT]")
        .doc("1.2.0", "O(1)", "Sets the second at which a key expires."),
    generic(CommandId::Pexpireat, "pexpireat", -3)
        .flags(Flags::WRITE.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Update, 1)])
        .syntax("key unix-time-milliseconds [NX|XX|GT|LT]")
        .doc("2.6.0", "O(1)", "Sets the millisecond at which a key expires."),
    generic(CommandId::Ttl, "ttl", 2)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Read, 1)])
        .syntax("key")
        .doc("1.0.0", "O(1)", "Returns how many seconds a key has to live.")
        .tips(&["nondeterministic_output"]),
    generic(CommandId::Pttl, "pttl", 2)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Read, 1)])
        .syntax("key")
        .doc("2.6.0", "O(1)", "Returns how many milliseconds a key has to live.")
        .tips(&["nondeterministic_output"]),
    generic(CommandId::Expiretime, "expiretime", 2)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Read, 1)])
        .syntax("key")
        .doc("7.0.0", "O(1)", "Returns the second at which a key expires."),
    generic(CommandId::Pexpiretime, "pexpiretime", 2)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Read, 1)])
        .syntax("key")
        .doc("7.0.0", "O(1)", "Returns the millisecond at which a key expires."),
    generic(CommandId::Persist, "persist", 2)
        .flags(Flags::WRITE.and(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Update, 1)])
        .syntax("key")
        .doc("2.2.0", "O(1)", "Takes the time to live away."),
    generic(CommandId::Object, "object", -2)
        .doc("2.2.3", "O(1)", "Tells how a value is kept.")
        .contains(OBJECT_SUBCOMMANDS),
];

const OBJECT_SUBCOMMANDS: &[Command] = &[
    generic(CommandId::ObjectEncoding, "object|encoding", 3)
        .flags(Flags::READONLY)
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Peek, 2)])
        .syntax("key")
        .doc("2.2.3", "O(1)", "Returns the form in which a value is kept.")
        .tips(&["nondeterministic_output"]),
    generic(CommandId::ObjectFreq, "object|freq", 3)
        .flags(Flags::READONLY)
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Peek, 2)])
        .syntax("key")
        .doc("4.0.0", "O(1)", "Returns how often a key is used, on a logarithmic scale.")
        .tips(&["nondeterministic_output"]),
    generic(CommandId::ObjectIdletime, "object|idletime", 3)
        .flags(Flags::READONLY)
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Peek, 2)])
        .syntax("key")
        .doc("2.2.3", "O(1)", "Returns the seconds since a key was last used.")
        .tips(&["nondeterministic_output"]),
    generic(CommandId::ObjectRefcount, "object|refcount", 3)
        .flags(Flags::READONLY)
        .categories(Categories::KEYSPACE)
        .keys(&[KeySpec::one(KeyAccess::Peek, 2)])
        .syntax("key")
        .doc("2.2.3", "O(1)", "Returns how many references a value has.")
        .tips(&["nondeterministic_output"]),
    generic(CommandId::Help, "object|help", 2)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::KEYSPACE)
        .doc("6.2.0", "O(1)", "Prints this help."),
];
