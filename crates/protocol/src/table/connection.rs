//! The connection: protocol, login, names.

use super::{ANY_TIME, LOGIN, OPERATE};
use crate::command::{Command, Group};
use crate::command_id::CommandId;
use crate::flags::{Categories, Flags};

const fn connection(id: CommandId, name: &'static str, arity: i32) -> Command {
    Command::new(id, name, arity, Group::Connection)
}

pub(super) const COMMANDS: &[Command] = &[
    connection(CommandId::Hello, "hello", -1)
        .flags(LOGIN)
        .categories(Categories::CONNECTION)
        .syntax("[protover [AUTH username password] [SETNAME clientname]]")
        .doc("6.0.0", "O(1)", "Chooses the protocol, logs in and tells about the server."),
    connection(CommandId::Auth, "auth", -2)
        .flags(LOGIN)
        .categories(Categories::CONNECTION)
        .syntax("[username] password")
        .doc("1.0.0", "O(1)", "Logs in."),
    connection(CommandId::Ping, "ping", -1)
        .flags(Flags::FAST)
        .categories(Categories::CONNECTION)
        .syntax("[message]")
        .doc("1.0.0", "O(1)", "Answers PONG or the message.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    connection(CommandId::Echo, "echo", 2)
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .categories(Categories::CONNECTION)
        .syntax("message")
        .doc("1.0.0", "O(1)", "Answers the message."),
    connection(CommandId::Quit, "quit", -1).flags(LOGIN).categories(Categories::CONNECTION).doc(
        "1.0.0",
        "O(1)",
        "Answers OK and closes the connection.",
    ),
    connection(CommandId::Reset, "reset", 1).flags(LOGIN).categories(Categories::CONNECTION).doc(
        "6.2.0",
        "O(1)",
        "Makes the connection as new.",
    ),
    connection(CommandId::Select, "select", 2)
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .categories(Categories::CONNECTION)
        .syntax("index")
        .doc("1.0.0", "O(1)", "Changes the database."),
    connection(CommandId::Client, "client", -2)
        .doc("2.4.0", "O(1)", "Tells about connections and sets them up.")
        .contains(CLIENT_SUBCOMMANDS),
];

const CLIENT_SUBCOMMANDS: &[Command] = &[
    connection(CommandId::ClientId, "client|id", 2).flags(ANY_TIME).categories(Categories::CONNECTION).doc(
        "5.0.0",
        "O(1)",
        "Returns this connection's number.",
    ),
    connection(CommandId::ClientGetname, "client|getname", 2)
        .flags(ANY_TIME)
        .categories(Categories::CONNECTION)
        .doc("2.6.9", "O(1)", "Returns this connection's name."),
    connection(CommandId::ClientSetname, "client|setname", 3)
        .flags(ANY_TIME)
        .categories(Categories::CONNECTION)
        .syntax("connection-name")
        .doc("2.6.9", "O(1)", "Names this connection."),
    connection(CommandId::ClientSetinfo, "client|setinfo", 4)
        .flags(ANY_TIME)
        .categories(Categories::CONNECTION)
        .syntax("(LIB-NAME libname|LIB-VER libver)")
        .doc("7.2.0", "O(1)", "Notes which client library this connection uses."),
    connection(CommandId::ClientList, "client|list", -2)
        .flags(OPERATE)
        .categories(Categories::CONNECTION)
        .syntax("[TYPE (NORMAL|MASTER|REPLICA|PUBSUB)|ID client-id [client-id ...]]")
        .doc("2.4.0", "O(n) in the connections", "Describes connections, one a line.")
        .tips(&["nondeterministic_output"]),
    connection(CommandId::ClientInfo, "client|info", 2)
        .flags(ANY_TIME)
        .categories(Categories::CONNECTION)
        .doc("6.2.0", "O(1)", "Describes this connection.")
        .tips(&["nondeterministic_output"]),
    connection(CommandId::ClientKill, "client|kill", -3)
        .flags(OPERATE)
        .categories(Categories::CONNECTION)
        .syntax(
            "(ip:port|[ID client-id] [TYPE (NORMAL|MASTER|SLAVE|REPLICA|PUBSUB)] [USER username] \
             [ADDR ip:port] [LADDR ip:port] [SKIPME yes/no])",
        )
        .doc("2.4.0", "O(n) in the connections", "Closes connections."),
    connection(CommandId::ClientReply, "client|reply", 3)
        .flags(ANY_TIME)
        .categories(Categories::CONNECTION)
        .syntax("(ON|OFF|SKIP)")
        .doc("3.2.0", "O(1)", "Says whether this connection wants replies."),
    connection(CommandId::ClientNoEvict, "client|no-evict", 3)
        .flags(OPERATE)
        .categories(Categories::CONNECTION)
        .syntax("(ON|OFF)")
        .doc("7.0.0", "O(1)", "Says whether this connection may be closed to save memory."),
    connection(CommandId::ClientNoTouch, "client|no-touch", 3)
        .flags(ANY_TIME)
        .categories(Categories::CONNECTION)
        .syntax("(ON|OFF)")
        .doc("7.2.0", "O(1)", "Says whether this connection's reads count as use."),
    connection(CommandId::ClientPause, "client|pause", -3)
        .flags(OPERATE)
        .categories(Categories::CONNECTION)
        .syntax("timeout [WRITE|ALL]")
        .doc("2.9.50", "O(1)", "Lets commands wait for some milliseconds."),
    connection(CommandId::ClientUnpause, "client|unpause", 2)
        .flags(OPERATE)
        .categories(Categories::CONNECTION)
        .doc("6.2.0", "O(n) in the waiting connections", "Ends a pause."),
    connection(CommandId::ClientCapa, "client|capa", -3)
        .flags(ANY_TIME)
        .categories(Categories::CONNECTION)
        .syntax("capability [capability ...]")
        .doc(
            "0.1.0",
            "O(1)",
            "Says what this connection's client can do; unknown capabilities are passed over.",
        ),
    connection(CommandId::Help, "client|help", 2)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CONNECTION)
        .doc("5.0.0", "O(1)", "Prints this help."),
];
