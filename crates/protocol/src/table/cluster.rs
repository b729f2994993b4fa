//! What cluster clients ask.

use crate::command::{Command, Group};
use crate::command_id::CommandId;
use crate::flags::{Categories, Flags};

const fn cluster(id: CommandId, name: &'static str, arity: i32) -> Command {
    Command::new(id, name, arity, Group::Cluster).flags(Flags::STALE)
}

const fn redirected(id: CommandId, name: &'static str) -> Command {
    Command::new(id, name, 1, Group::Cluster)
}

const MODE: Flags = Flags::LOADING.and(Flags::STALE).and(Flags::FAST);

pub(super) const COMMANDS: &[Command] = &[
    Command::new(CommandId::Cluster, "cluster", -2, Group::Cluster)
        .doc("3.0.0", "O(1)", "Tells of the cluster.")
        .contains(SUBCOMMANDS),
    redirected(CommandId::Asking, "asking").flags(Flags::FAST).categories(Categories::CONNECTION).doc(
        "3.0.0",
        "O(1)",
        "Lets the next command run at a node that is being given its slot.",
    ),
    redirected(CommandId::Readonly, "readonly").flags(MODE).categories(Categories::CONNECTION).doc(
        "3.0.0",
        "O(1)",
        "Lets this connection read slots that the node follows.",
    ),
    redirected(CommandId::Readwrite, "readwrite").flags(MODE).categories(Categories::CONNECTION).doc(
        "3.0.0",
        "O(1)",
        "Takes READONLY back.",
    ),
];

const SUBCOMMANDS: &[Command] = &[
    cluster(CommandId::ClusterSlots, "cluster|slots", 2)
        .doc("3.0.0", "O(n) in the ranges of slots", "Returns ranges of slots and the nodes that have them.")
        .tips(&["nondeterministic_output"]),
    cluster(CommandId::ClusterShards, "cluster|shards", 2)
        .doc("7.0.0", "O(n) in the ranges of slots", "Returns nodes with their slots.")
        .tips(&["nondeterministic_output"]),
    cluster(CommandId::ClusterNodes, "cluster|nodes", 2)
        .doc("3.0.0", "O(n) in the ranges of slots", "Returns a line for each node.")
        .tips(&["nondeterministic_output"]),
    cluster(CommandId::ClusterInfo, "cluster|info", 2)
        .doc("3.0.0", "O(n) in the ranges of slots", "Returns the state of the cluster.")
        .tips(&["nondeterministic_output"]),
    cluster(CommandId::ClusterMyid, "cluster|myid", 2).doc("3.0.0", "O(1)", "Returns the name of the node."),
    cluster(CommandId::ClusterMyshardid, "cluster|myshardid", 2)
        .doc("7.2.0", "O(1)", "Returns the name of the node's shard.")
        .tips(&["nondeterministic_output"]),
    cluster(CommandId::ClusterLinks, "cluster|links", 2)
        .doc("7.0.0", "O(1)", "Returns Redis's links between nodes, of which there are none.")
        .tips(&["nondeterministic_output"]),
    cluster(CommandId::ClusterCountFailureReports, "cluster|count-failure-reports", 3)
        .flags(Flags::ADMIN.and(Flags::STALE))
        .syntax("node")
        .doc("3.0.0", "O(1)", "Counts who reports a node as failed.")
        .tips(&["nondeterministic_output"]),
    cluster(CommandId::ClusterKeyslot, "cluster|keyslot", 3).syntax("key").doc(
        "3.0.0",
        "O(n) in the bytes of the key",
        "Returns the slot of a key.",
    ),
    cluster(CommandId::ClusterCountkeysinslot, "cluster|countkeysinslot", 3).syntax("slot").doc(
        "3.0.0",
        "O(n) in the keys",
        "Counts the keys of a slot at this node.",
    ),
    cluster(CommandId::ClusterGetkeysinslot, "cluster|getkeysinslot", 4)
        .syntax("slot count")
        .doc("3.0.0", "O(n) in the keys", "Returns keys of a slot at this node.")
        .tips(&["nondeterministic_output"]),
    cluster(CommandId::Help, "cluster|help", 2).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "5.0.0",
        "O(1)",
        "Prints this help.",
    ),
];
