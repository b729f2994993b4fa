//! Connections among themselves: login, names, CLIENT, MONITOR.

use crate::started::{Started, ask, batch};
use crate::support::wait_for;

const NOAUTH: &str = "-NOAUTH Authentication required.\r\n";

#[test]
fn a_password_is_asked_before_anything_else() {
    let started = Started::with("password = \"secret\"\n");
    let mut raw = started.connect();
    for request in ["PING", "GET k", "CLIENT ID", "MULTI", "COMMAND"] {
        assert_eq!(ask(&mut raw, request), NOAUTH, "{request}");
    }
    assert!(ask(&mut raw, "NOSUCH").starts_with("-ERR unknown command 'NOSUCH'"));
    assert!(ask(&mut raw, "GET").starts_with("-ERR wrong number"));
    assert!(ask(&mut raw, "HELLO 3").starts_with("-NOAUTH HELLO must be called with the client already"));
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    for request in ["AUTH wrong", "AUTH default wrong", "AUTH bob secret", "HELLO 3 AUTH default wrong"] {
        assert_eq!(ask(&mut raw, request), wrong, "{request}");
    }
    assert_eq!(ask(&mut raw, "PING"), NOAUTH, "the protocol has not changed either");
    assert!(ask(&mut raw, "HELLO 3 AUTH default secret SETNAME me").starts_with("%7\r\n"));
    assert_eq!(ask(&mut raw, "CLIENT GETNAME"), "$2\r\nme\r\n");
    assert_eq!(ask(&mut raw, "RESET"), "+RESET\r\n");
    assert_eq!(ask(&mut raw, "PING"), NOAUTH);
    assert_eq!(ask(&mut raw, "AUTH secret"), "+OK\r\n");
    assert_eq!(ask(&mut raw, "GET k"), "$-1\r\n");
}

#[test]
fn before_login_only_short_requests_are_read() {
    let started = Started::with("password = \"secret\"\n");
    let mut raw = started.connect();
    assert!(raw.send(b"*11\r\n"));
    assert_eq!(raw.read_to_end(), b"-ERR Protocol error: unauthenticated multibulk length\r\n");
    let mut raw = started.connect();
    assert!(raw.send(b"*2\r\n$4\r\nAUTH\r\n$16385\r\n"));
    assert_eq!(raw.read_to_end(), b"-ERR Protocol error: unauthenticated bulk length\r\n");
    let mut raw = started.connect();
    let pipeline: String = (0..20).map(|n| format!(" {n}")).collect();
    assert!(raw.send(&batch(&["AUTH secret", &format!("DEL{pipeline}")])));
    assert_eq!(raw.reply().as_deref(), Some(&b"+OK\r\n"[..]));
    assert_eq!(raw.reply().as_deref(), Some(&b":0\r\n"[..]), "the same write, after logging in");
}

#[test]
fn a_password_set_while_running_holds_for_new_connections() {
    let started = Started::new();
    let mut raw = started.connect();
    assert_eq!(ask(&mut raw, "CONFIG SET requirepass now"), "+OK\r\n");
    assert_eq!(ask(&mut raw, "PING"), "+PONG\r\n");
    let mut later = started.connect();
    assert_eq!(ask(&mut later, "PING"), NOAUTH);
    assert_eq!(ask(&mut later, "AUTH now"), "+OK\r\n");
}

#[test]
fn client_list_shows_each_connection_on_a_line() {
    let started = Started::new();
    let (mut one, mut two) = (started.connect(), started.connect());
    ask(&mut one, "HELLO 3 SETNAME first");
    ask(&mut one, "CLIENT SETINFO LIB-NAME testlib");
    ask(&mut one, "CLIENT SETINFO lib-ver 1.2");
    ask(&mut two, "MULTI");
    ask(&mut two, "GET k");
    let list = ask(&mut one, "CLIENT LIST");
    let lines: Vec<&str> = list.lines().filter(|line| line.contains("addr=")).collect();
    assert_eq!(lines.len(), 2, "{list}");
    assert!(list.starts_with('='), "verbatim in RESP3: {list}");
    assert!(lines[0].contains(" name=first ") && lines[0].contains(" cmd=client|list "), "{list}");
    assert!(lines[0].ends_with("resp=3 lib-name=testlib lib-ver=1.2"), "{list}");
    assert!(lines[1].contains(" flags=x ") && lines[1].contains(" multi=1 "), "{list}");
    assert!(lines[1].contains(" cmd=get ") && lines[1].contains(" resp=2 "), "{list}");
    let own = ask(&mut one, "CLIENT ID").trim_matches([':', '\r', '\n']).to_owned();
    assert!(ask(&mut one, "CLIENT INFO").contains(&format!("txt:id={own} ")));
    let only = ask(&mut one, &format!("CLIENT LIST ID {own} 999"));
    assert_eq!(only.matches("laddr=").count(), 1);
}

#[test]
fn client_kill_ends_others_and_itself() {
    let started = Started::new();
    let (mut one, mut two, mut three) = (started.connect(), started.connect(), started.connect());
    let id = |raw: &mut _| ask(raw, "CLIENT ID").trim_matches([':', '\r', '\n']).to_owned();
    let (first, second) = (id(&mut one), id(&mut two));
    ask(&mut three, "PING");
    assert_eq!(ask(&mut one, &format!("CLIENT KILL ID {second}")), ":1\r\n");
    assert_eq!(two.read_to_end(), b"");
    assert_eq!(ask(&mut one, &format!("CLIENT KILL ID {first}")), ":0\r\n", "SKIPME is yes");
    assert_eq!(ask(&mut one, "CLIENT KILL TYPE normal"), ":1\r\n");
    assert_eq!(three.read_to_end(), b"");
    assert_eq!(ask(&mut one, &format!("CLIENT KILL ID {first} SKIPME no")), ":1\r\n");
    assert_eq!(one.read_to_end(), b"");
}

#[test]
fn replies_can_be_left_out() {
    let started = Started::new();
    let mut raw = started.connect();
    let requests = [
        "SET k 1",
        "CLIENT REPLY OFF",
        "SET k 2",
        "GET k",
        "NOSUCH",
        "CLIENT REPLY ON",
        "GET k",
        "CLIENT REPLY SKIP",
        "SET k 3",
        "GET k",
    ];
    assert!(raw.send(&batch(&requests)));
    let replies: Vec<_> = (0..4).filter_map(|_| raw.reply()).collect();
    assert_eq!(replies, [&b"+OK\r\n"[..], b"+OK\r\n", b"$1\r\n2\r\n", b"$1\r\n3\r\n"]);
}

#[test]
fn a_pause_holds_writes_and_unpause_lets_them_go() {
    let started = Started::new();
    let (mut one, mut two) = (started.connect(), started.connect());
    ask(&mut one, "SET k 1");
    assert_eq!(ask(&mut one, "CLIENT PAUSE 100000 WRITE"), "+OK\r\n");
    assert_eq!(ask(&mut two, "GET k"), "$1\r\n1\r\n", "reads go on");
    assert!(two.send(&batch(&["SET k 2", "GET k"])));
    assert_eq!(ask(&mut one, "GET k"), "$1\r\n1\r\n");
    assert_eq!(ask(&mut one, "CLIENT UNPAUSE"), "+OK\r\n");
    assert_eq!(two.reply().as_deref(), Some(&b"+OK\r\n"[..]));
    assert_eq!(two.reply().as_deref(), Some(&b"$1\r\n2\r\n"[..]));
    assert_eq!(ask(&mut one, "CLIENT PAUSE 30"), "+OK\r\n");
    assert_eq!(ask(&mut two, "GET k"), "$1\r\n2\r\n", "a pause ends by itself");
}

#[test]
fn monitor_shows_what_others_do_but_no_passwords() {
    let started = Started::new();
    let (mut watcher, mut other) = (started.connect(), started.connect());
    assert_eq!(ask(&mut watcher, "MONITOR"), "+OK\r\n");
    ask(&mut other, "AUTH secret");
    ask(&mut other, "CONFIG GET save");
    ask(&mut other, "SET k \"a b\\n\"");
    ask(&mut other, "MULTI");
    ask(&mut other, "GET k");
    ask(&mut other, "EXEC");
    let shown: Vec<String> = (0..4)
        .filter_map(|_| watcher.reply())
        .map(|line| String::from_utf8_lossy(&line).split_once(']').map_or("", |(_, words)| words).to_owned())
        .collect();
    let expected = [" \"SET\" \"k\" \"a b\\n\"\r\n", " \"MULTI\"\r\n", " \"EXEC\"\r\n", " \"GET\" \"k\"\r\n"];
    assert_eq!(shown, expected);
    assert_eq!(ask(&mut watcher, "RESET"), "+RESET\r\n");
    ask(&mut other, "PING");
    assert_eq!(ask(&mut watcher, "ECHO still-here"), "$10\r\nstill-here\r\n");
}

#[test]
fn connections_are_forgotten_when_they_end() {
    let started = Started::new();
    let mut stays = started.connect();
    (0..20).for_each(|_| assert_eq!(ask(&mut started.connect(), "PING"), "+PONG\r\n"));
    wait_for("the others to be gone", || {
        ask(&mut stays, "INFO clients").contains("connected_clients:1\r\n").then_some(())
    });
    assert!(ask(&mut stays, "INFO stats").contains("total_connections_received:21\r\n"));
}
