//! Clearwell's own: what Redis has no word for. The key comes first where there is one, so that
//! cluster clients route what they do not know.

use crate::command::{Command, Group, KeyAccess, KeySpec};
use crate::command_id::CommandId;
use crate::flags::{Categories, Flags};

const fn clearwell(id: CommandId, name: &'static str, arity: i32) -> Command {
    Command::new(id, name, arity, Group::Clearwell)
}

pub(super) const COMMANDS: &[Command] = &[
    clearwell(CommandId::CwGet, "cw.get", -2)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::CACHE)
        .keys(&[KeySpec::one(KeyAccess::Read, 1)])
        .syntax("key [LEASE] [LEVEL level] [META] [STALE]")
        .doc("0.1.0", "O(1)", "Reads a key at a level, and tells what is known about the value."),
    clearwell(CommandId::CwSet, "cw.set", -3)
        .flags(Flags::WRITE.and(Flags::DENYOOM))
        .categories(Categories::CACHE)
        .keys(&[KeySpec::one(KeyAccess::Overwrite, 1)])
        .syntax(
            "key value [LEASE token] \
             [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds] \
             [TAGS n tag [tag ...]] [DEPENDS n name [name ...]] [EVENTS n event [event ...]] \
             [PRIORITY priority] [WRITE strategy] [TYPE content-type]",
        )
        .doc(
            "0.1.0",
            "O(n) in tags, dependencies and events",
            "Gives a key a value with what it depends on.",
        ),
    clearwell(CommandId::CwDel, "cw.del", -2)
        .flags(Flags::WRITE)
        .categories(Categories::CACHE)
        .keys(&[KeySpec::rest(KeyAccess::Delete, 1, 1)])
        .syntax("key [key ...]")
        .doc("0.1.0", "O(n) in the keys", "Removes keys and, where they have a source, their rows."),
    clearwell(CommandId::CwInvalidate, "cw.invalidate", -2)
        .flags(Flags::WRITE.and(Flags::MOVABLEKEYS))
        .categories(Categories::CACHE)
        .syntax(
            "[KEYS n key [key ...]] [TAGS n tag [tag ...]] [DEPENDENCIES n name [name ...]] \
             [PATTERN glob] [PREFIX prefix] [EVENT name [ATTRIBUTES n attribute value \
             [attribute value ...]]] [EVERYTHING] [CASCADE yes/no] \
             [MODE immediate/lazy/delayed:time/on-event:name] [COALESCE restart/first] [DRYRUN]",
        )
        .doc(
            "0.1.0",
            "O(n) in the scopes given, not in what they reach",
            "States that what was read before now is old.",
        ),
    clearwell(CommandId::CwEvent, "cw.event", -2)
        .flags(Flags::WRITE)
        .categories(Categories::CACHE)
        .syntax("name [attribute value ...]")
        .doc("0.1.0", "O(1)", "States that something happened."),
    clearwell(CommandId::CwDependencies, "cw.dependencies", -1)
        .flags(Flags::READONLY.and(Flags::MOVABLEKEYS))
        .categories(Categories::CACHE)
        .syntax("[key [TRANSITIVE]] [CURSOR cursor] [COUNT count]")
        .doc(
            "0.1.0",
            "O(n) in all entries with a key, in the rows of a page without",
            "Returns what a key depends on and what depends on it; without a key, a page of all that depends on something.",
        ),
    clearwell(CommandId::CwWhy, "cw.why", 2)
        .flags(Flags::READONLY)
        .categories(Categories::CACHE)
        .keys(&[KeySpec::one(KeyAccess::Peek, 1)])
        .syntax("key")
        .doc("0.1.0", "O(n) in the history of one shard", "Tells what became of a key, and why."),
    clearwell(CommandId::CwHeld, "cw.held", -2)
        .categories(Categories::CACHE)
        .doc("0.1.0", "O(1)", "Tells of and takes back invalidations that wait for a time or an event.")
        .contains(HELD_SUBCOMMANDS),
    clearwell(CommandId::CwCluster, "cw.cluster", -2)
        .categories(Categories::ADMIN)
        .doc("0.1.0", "O(1)", "Tells of the cluster that the node is one of, and changes it.")
        .contains(CLUSTER_SUBCOMMANDS),
    clearwell(CommandId::CwEntry, "cw.entry", 2)
        .flags(Flags::READONLY.and(Flags::FAST))
        .categories(Categories::CACHE)
        .keys(&[KeySpec::one(KeyAccess::Peek, 1)])
        .syntax("key")
        .doc("0.1.0", "O(1)", "Tells everything about an entry but its value."),
    clearwell(CommandId::CwRefused, "cw.refused", -2)
        .categories(Categories::CACHE)
        .doc("0.1.0", "O(1)", "Tells of SETs that were dropped because they may have been late fills.")
        .contains(REFUSED_SUBCOMMANDS),
    clearwell(CommandId::CwStats, "cw.stats", 1).flags(Flags::FAST).categories(Categories::CACHE).doc(
        "0.1.0",
        "O(1)",
        "Returns the counts of this node.",
    ),
    clearwell(CommandId::CwWarm, "cw.warm", -2)
        .categories(Categories::CACHE)
        .doc("0.1.0", "O(1)", "Loads keys before anyone asks, by jobs that can be watched and cancelled.")
        .contains(WARM_SUBCOMMANDS),
    clearwell(CommandId::CwWriteback, "cw.writeback", -2)
        .categories(Categories::CACHE)
        .doc("0.1.0", "O(1)", "Tells and decides about writes that the sources do not have yet.")
        .contains(WRITEBACK_SUBCOMMANDS),
];

const REFUSED_SUBCOMMANDS: &[Command] = &[
    clearwell(CommandId::CwRefusedGet, "cw.refused|get", -2)
        .categories(Categories::CACHE)
        .syntax("[count]")
        .doc(
            "0.1.0",
            "O(n) in those returned",
            "Returns the last refused: key, reason, time and connection.",
        ),
    clearwell(CommandId::CwRefusedLen, "cw.refused|len", 2).categories(Categories::CACHE).doc(
        "0.1.0",
        "O(1)",
        "Counts the refused that are kept.",
    ),
    clearwell(CommandId::CwRefusedReset, "cw.refused|reset", 2).categories(Categories::CACHE).doc(
        "0.1.0",
        "O(n) in those kept",
        "Forgets the refused.",
    ),
    clearwell(CommandId::Help, "cw.refused|help", 2)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CACHE)
        .doc("0.1.0", "O(1)", "Prints this help."),
];

const CLUSTER_SUBCOMMANDS: &[Command] = &[
    clearwell(CommandId::CwClusterStatus, "cw.cluster|status", 2).categories(Categories::ADMIN).doc(
        "0.1.0",
        "O(n) in the slots",
        "Tells how the cluster stands, as this node sees it.",
    ),
    clearwell(CommandId::CwClusterLeave, "cw.cluster|leave", 2).categories(Categories::ADMIN).doc(
        "0.1.0",
        "O(1)",
        "Lets this node hand over what it has and leave; STATUS tells when it has.",
    ),
    clearwell(CommandId::CwClusterForget, "cw.cluster|forget", -3)
        .categories(Categories::ADMIN)
        .syntax("node [YES]")
        .doc(
            "0.1.0",
            "O(n) in the slots",
            "Tells what is lost when a node does not come back; with YES that is given up, and others go on.",
        ),
    clearwell(CommandId::CwClusterReplicas, "cw.cluster|replicas", 3)
        .categories(Categories::ADMIN)
        .syntax("count")
        .doc("0.1.0", "O(1)", "Lets each slot have so many replicas."),
    clearwell(CommandId::CwClusterWeight, "cw.cluster|weight", 3)
        .categories(Categories::ADMIN)
        .syntax("weight")
        .doc("0.1.0", "O(1)", "Changes this node's share of slots; 100 is usual, 0 owns none."),
    clearwell(CommandId::CwClusterEpoch, "cw.cluster|epoch", 2).categories(Categories::ADMIN).doc(
        "0.1.0",
        "O(1)",
        "Tells the number of the view that this node follows; nodes ask one another.",
    ),
    clearwell(CommandId::Help, "cw.cluster|help", 2)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CACHE)
        .doc("0.1.0", "O(1)", "Prints this help."),
];

const HELD_SUBCOMMANDS: &[Command] = &[
    clearwell(CommandId::CwHeldList, "cw.held|list", -2)
        .categories(Categories::CACHE)
        .syntax("[COUNT count] [AFTER id]")
        .doc("0.1.0", "O(n) in the invalidations returned", "Returns the invalidations that are held."),
    clearwell(CommandId::CwHeldCancel, "cw.held|cancel", -3)
        .flags(Flags::WRITE)
        .categories(Categories::CACHE)
        .syntax("(ALL|id [id ...])")
        .doc("0.1.0", "O(n) in the numbers", "Takes held invalidations back before they take effect."),
    clearwell(CommandId::Help, "cw.held|help", 2)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CACHE)
        .doc("0.1.0", "O(1)", "Prints this help."),
];

const fn warm(id: CommandId, name: &'static str, arity: i32) -> Command {
    clearwell(id, name, arity).flags(Flags::WRITE.and(Flags::MOVABLEKEYS)).categories(Categories::CACHE)
}

const WARM_SUBCOMMANDS: &[Command] = &[
    warm(CommandId::CwWarmKeys, "cw.warm|keys", -4)
        .syntax(
            "n key [key ...] [PATTERN glob] [TAGS n tag [tag ...]] [RATE keys-per-second] [REFRESH] [WAIT]",
        )
        .doc("0.1.0", "O(n) in the keys, aside", "Begins to load keys, and returns the job's number."),
    warm(CommandId::CwWarmPattern, "cw.warm|pattern", -3)
        .syntax("glob [KEYS n key [key ...]] [TAGS n tag [tag ...]] [RATE keys-per-second] [REFRESH] [WAIT]")
        .doc(
            "0.1.0",
            "O(n) in the keys of the keyspaces meant, aside",
            "Begins to load the keys that a pattern matches, of those that keyspaces list.",
        ),
    warm(CommandId::CwWarmTags, "cw.warm|tags", -4)
        .syntax(
            "n tag [tag ...] [KEYS n key [key ...]] [PATTERN glob] [RATE keys-per-second] [REFRESH] [WAIT]",
        )
        .doc(
            "0.1.0",
            "O(n) in the keys of the keyspaces meant, aside",
            "Begins to load the keys that carry a tag, of those that keyspaces list.",
        ),
    clearwell(CommandId::CwWarmList, "cw.warm|list", 2).categories(Categories::CACHE).doc(
        "0.1.0",
        "O(n) in the jobs",
        "Returns the jobs that run, and the last that have ended.",
    ),
    clearwell(CommandId::CwWarmStatus, "cw.warm|status", 3).categories(Categories::CACHE).syntax("id").doc(
        "0.1.0",
        "O(1)",
        "Tells how far a job is.",
    ),
    clearwell(CommandId::CwWarmCancel, "cw.warm|cancel", 3)
        .flags(Flags::WRITE)
        .categories(Categories::CACHE)
        .syntax("id")
        .doc("0.1.0", "O(1)", "Ends a job, and returns whether it was running."),
    clearwell(CommandId::Help, "cw.warm|help", 2)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CACHE)
        .doc("0.1.0", "O(1)", "Prints this help."),
];

const WRITEBACK_SUBCOMMANDS: &[Command] = &[
    clearwell(CommandId::CwWritebackStatus, "cw.writeback|status", 2).categories(Categories::CACHE).doc(
        "0.1.0",
        "O(1)",
        "Returns the figures of write-back.",
    ),
    clearwell(CommandId::CwWritebackList, "cw.writeback|list", -2)
        .categories(Categories::CACHE)
        .syntax("[count]")
        .doc("0.1.0", "O(n) in the writes returned", "Returns the writes that a source refused."),
    clearwell(CommandId::CwWritebackRetry, "cw.writeback|retry", -3)
        .flags(Flags::WRITE)
        .categories(Categories::CACHE)
        .syntax("(ALL|KEYS n key [key ...])")
        .doc("0.1.0", "O(n) in the writes", "Writes refused writes again."),
    clearwell(CommandId::CwWritebackDrop, "cw.writeback|drop", -3)
        .flags(Flags::WRITE)
        .categories(Categories::CACHE)
        .syntax("(ALL|KEYS n key [key ...])")
        .doc("0.1.0", "O(n) in the writes", "Gives refused writes up."),
    clearwell(CommandId::CwWritebackFlush, "cw.writeback|flush", 2).categories(Categories::CACHE).doc(
        "0.1.0",
        "O(n) in the unflushed writes",
        "Waits until the sources have, or refused, what was acknowledged; returns how many of each.",
    ),
    clearwell(CommandId::Help, "cw.writeback|help", 2)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CACHE)
        .doc("0.1.0", "O(1)", "Prints this help."),
];
