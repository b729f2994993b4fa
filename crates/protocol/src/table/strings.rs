//! Strings: what a cache is for.

use crate::command::{Command, Group, KeyAccess, KeySpec};
use crate::command_id::CommandId;
use crate::flags::{Categories, Flags};

const fn string(id: CommandId, name: &'static str, arity: i32) -> Command {
    Command::new(id, name, arity, Group::String)
}

pub(super) const COMMANDS: &[Command] = &[
    string(CommandId::Get, "get", 2)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::Read, 1)])
        .syntax("key")
        .doc("1.0.0", "O(1)", "Returns the value of a key."),
    string(CommandId::Set, "set", -3)
        .flags(Flags::WRITE.and(Flags::DENYOOM))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::Variable, 1)])
        .syntax(
            "key value [NX|XX] [GET] \
             [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]",
        )
        .doc("1.0.0", "O(1)", "Gives a key a value; the old one and its time to live go."),
    string(CommandId::Getex, "getex", -2)
        .flags(Flags::WRITE.and(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::ReadUpdate, 1)])
        .syntax(
            "key \
             [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST]",
        )
        .doc("6.2.0", "O(1)", "Returns the value of a key and changes its time to live."),
    string(CommandId::Getdel, "getdel", 2)
        .flags(Flags::WRITE.and(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::ReadDelete, 1)])
        .syntax("key")
        .doc("6.2.0", "O(1)", "Returns the value of a key and removes it."),
    string(CommandId::Getset, "getset", 3)
        .flags(Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::ReadUpdate, 1)])
        .syntax("key value")
        .doc("1.0.0", "O(1)", "Gives a key a value and returns the old one."),
    string(CommandId::Setnx, "setnx", 3)
        .flags(Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::Insert, 1)])
        .syntax("key value")
        .doc("1.0.0", "O(1)", "Gives a key a value if it has none."),
    string(CommandId::Setex, "setex", 4)
        .flags(Flags::WRITE.and(Flags::DENYOOM))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::Overwrite, 1)])
        .syntax("key seconds value")
        .doc("2.0.0", "O(1)", "Gives a key a value for some seconds."),
    string(CommandId::Psetex, "psetex", 4)
        .flags(Flags::WRITE.and(Flags::DENYOOM))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::Overwrite, 1)])
        .syntax("key milliseconds value")
        .doc("2.6.0", "O(1)", "Gives a key a value for some milliseconds."),
    string(CommandId::Mget, "mget", -2)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[KeySpec::rest(KeyAccess::Read, 1, 1)])
        .syntax("key [key ...]")
        .doc("1.0.0", "O(n) in the keys", "Returns the values of several keys.")
        .tips(&["request_policy:multi_shard"]),
    string(CommandId::Mset, "mset", -3)
        .flags(Flags::WRITE.and(Flags::DENYOOM))
        .categories(Categories::STRING)
        .keys(&[KeySpec::rest(KeyAccess::Overwrite, 1, 2)])
        .syntax("key value [key value ...]")
        .doc("1.0.1", "O(n) in the keys", "Gives several keys their values.")
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]),
    string(CommandId::Msetnx, "msetnx", -3)
        .flags(Flags::WRITE.and(Flags::DENYOOM))
        .categories(Categories::STRING)
        .keys(&[KeySpec::rest(KeyAccess::Insert, 1, 2)])
        .syntax("key value [key value ...]")
        .doc("1.0.1", "O(n) in the keys", "Gives several keys their values if none of them has one.")
        .tips(&["request_policy:multi_shard", "response_policy:agg_min"]),
    string(CommandId::Append, "append", 3)
        .flags(Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::Append, 1)])
        .syntax("key value")
        .doc("2.0.0", "O(1)", "Lengthens the value of a key."),
    string(CommandId::Strlen, "strlen", 2)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::Peek, 1)])
        .syntax("key")
        .doc("2.2.0", "O(1)", "Returns how many bytes the value of a key has."),
    string(CommandId::Getrange, "getrange", 4)
        .flags(Flags::READONLY)
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::Read, 1)])
        .syntax("key start end")
        .doc("2.4.0", "O(n) in the bytes returned", "Returns a part of the value of a key."),
    string(CommandId::Substr, "substr", 4)
        .flags(Flags::READONLY)
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::Read, 1)])
        .syntax("key start end")
        .doc(
            "1.0.0",
            "O(n) in the bytes returned",
            "Returns a part of the value of a key; the old name of GETRANGE.",
        ),
    string(CommandId::Setrange, "setrange", 4)
        .flags(Flags::WRITE.and(Flags::DENYOOM))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::Update, 1)])
        .syntax("key offset value")
        .doc("2.2.0", "O(n) in the bytes given", "Overwrites a part of the value of a key."),
    string(CommandId::Incr, "incr", 2)
        .flags(Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::ReadUpdate, 1)])
        .syntax("key")
        .doc("1.0.0", "O(1)", "Adds one to an integer."),
    string(CommandId::Incrby, "incrby", 3)
        .flags(Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::ReadUpdate, 1)])
        .syntax("key increment")
        .doc("1.0.0", "O(1)", "Adds to an integer."),
    string(CommandId::Incrbyfloat, "incrbyfloat", 3)
        .flags(Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::ReadUpdate, 1)])
        .syntax("key increment")
        .doc("2.6.0", "O(1)", "Adds to a floating-point number."),
    string(CommandId::Decr, "decr", 2)
        .flags(Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::ReadUpdate, 1)])
        .syntax("key")
        .doc("1.0.0", "O(1)", "Subtracts one from an integer."),
    string(CommandId::Decrby, "decrby", 3)
        .flags(Flags::WRITE.and(Flags::DENYOOM).and(Flags::FAST))
        .categories(Categories::STRING)
        .keys(&[KeySpec::one(KeyAccess::ReadUpdate, 1)])
        .syntax("key decrement")
        .doc("1.0.0", "O(1)", "Subtracts from an integer."),
];
