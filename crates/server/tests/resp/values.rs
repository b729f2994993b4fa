//! Values that are kept compressed, and values that must fit a schema, as Redis clients meet them.

use crate::started::{Started, ask};
use crate::support::{Options, Server, wait_for};

const TEXT: &str = "all-work-and-no-play-makes-a-dull-boy.";

/// Clients see the plain value whatever they do with it, and memory holds less.
#[test]
fn a_compressed_value_is_plain_for_every_command() {
    for codec in ["lz4", "zstd"] {
        let config = format!(
            "[[keyspace]]\npattern = 'doc:{{id}}'\nttl = '1h'\ncompress = '{codec}'\ncompress_above = '200B'\n"
        );
        let started = Started::with(&config);
        let mut raw = started.connect();
        let long = TEXT.repeat(400);
        let bulk = |value: &str| format!("${}\r\n{value}\r\n", value.len());
        assert_eq!(ask(&mut raw, &format!("SET plain {long}")), "+OK\r\n");
        assert_eq!(ask(&mut raw, &format!("SET doc:1 {long}")), "+OK\r\n");
        let usage = |raw: &mut _, key: &str| {
            let reply = ask(raw, &format!("MEMORY USAGE {key}"));
            reply.trim_start_matches(':').trim().parse::<usize>().expect("a number")
        };
        assert!(usage(&mut raw, "doc:1") * 4 < usage(&mut raw, "plain"), "{codec}");
        assert_eq!(ask(&mut raw, "GET doc:1"), bulk(&long), "{codec}");
        assert_eq!(ask(&mut raw, "MGET doc:1 doc:1"), format!("*2\r\n{0}{0}", bulk(&long)));
        assert_eq!(ask(&mut raw, "STRLEN doc:1"), format!(":{}\r\n", long.len()));
        assert_eq!(ask(&mut raw, "GETRANGE doc:1 0 2"), bulk("all"));
        assert_eq!(ask(&mut raw, "GETRANGE doc:1 -4 -1"), bulk("boy."));
        assert!(ask(&mut raw, "CW.ENTRY doc:1").contains(&format!("size\r\n:{}\r\n", long.len())));
        assert_eq!(ask(&mut raw, "APPEND doc:1 END"), format!(":{}\r\n", long.len() + 3));
        assert_eq!(ask(&mut raw, "GET doc:1"), bulk(&format!("{long}END")));
        assert!(usage(&mut raw, "doc:1") * 4 < usage(&mut raw, "plain"), "{codec}: it is compressed again");
        assert_eq!(ask(&mut raw, "GETSET doc:1 7"), bulk(&format!("{long}END")));
        assert_eq!(ask(&mut raw, "INCR doc:1"), ":8\r\n");
        assert_eq!(ask(&mut raw, &format!("SET doc:1 {long} KEEPTTL")), "+OK\r\n");
        assert_eq!(ask(&mut raw, "RENAME doc:1 doc:2"), "+OK\r\n");
        assert_eq!(ask(&mut raw, "COPY doc:2 other"), ":1\r\n");
        assert_eq!((ask(&mut raw, "GET doc:2"), ask(&mut raw, "GET other")), (bulk(&long), bulk(&long)));
        assert_eq!(ask(&mut raw, "GETDEL doc:2"), bulk(&long));
    }
}

#[test]
fn a_value_that_does_not_fit_its_schema_is_refused_with_the_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let schema = r#"{"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}"#;
    std::fs::write(folder.path().join("user.json"), schema).expect("it can be written");
    let config = r#"
        [source.main]
        url = "sqlite://x.db"
        seed = '''CREATE TABLE users (id INTEGER PRIMARY KEY, doc TEXT); INSERT INTO users VALUES (9, '{"nam": 1}')'''
        [[keyspace]]
        pattern = "user:{id:int}"
        source = "main"
        load = "SELECT doc FROM users WHERE id = :id"
        store = "INSERT INTO users VALUES (:id, :value) ON CONFLICT (id) DO UPDATE SET doc = excluded.doc"
        write = "write-through"
        schema = "user.json"
        [[keyspace.feed]]
        table = "users"
        keys = ["user:{id}"]
        [[keyspace]]
        pattern = "draft:{id}"
        schema = "user.json"
    "#;
    let file = folder.path().join("user.json");
    let config = config.replace("user.json", &file.display().to_string());
    let server = Server::clearwell(Options { config: Some(config), ..Options::default() });
    let mut raw = server.connect();
    let mut refused = |command: &[&str], place: &str| {
        let reply = String::from_utf8(raw.call(command)).expect("text");
        assert!(reply.starts_with("-INVALID ") && reply.contains("user.json"), "{command:?}: {reply}");
        assert!(reply.contains(place), "{command:?}: {reply}");
    };
    for key in ["user:1", "draft:1"] {
        refused(&["SET", key, r#"{"name": 7}"#], "at /name: ");
        refused(&["SET", key, "{}"], "\"name\" is a required property");
        refused(&["SET", key, "{"], "it is not JSON");
        refused(&["SETEX", key, "10", "7"], "not of type");
        refused(&["MSET", key, "{}"], "required");
        refused(&["CW.SET", key, "{}", "WRITE", "cache-only"], "required");
    }
    refused(&["CW.SET", "user:1", "{}", "WRITE", "write-invalidate"], "required");
    refused(&["SET", "draft:1", "{}", "NX"], "required");
    refused(&["SETNX", "draft:1", "{}"], "required");
    refused(&["GETSET", "draft:1", "{}"], "required");
    assert_eq!(raw.call(&["GET", "user:1"]), b"$-1\r\n", "neither the source nor memory has it");
    assert_eq!(raw.call(&["GET", "draft:1"]), b"$-1\r\n");
    let fine = r#"{"name": "Ann"}"#;
    for key in ["user:1", "draft:1"] {
        assert_eq!(raw.call(&["SET", key, fine]), b"+OK\r\n");
        assert_eq!(raw.call(&["GET", key]), format!("$15\r\n{fine}\r\n").into_bytes());
    }
    let mut refused = |command: &[&str]| {
        let reply = String::from_utf8(raw.call(command)).expect("text");
        assert!(reply.starts_with("-INVALID "), "{command:?}: {reply}");
    };
    refused(&["APPEND", "draft:1", "x"]);
    refused(&["INCR", "draft:2"]);
    assert_eq!(raw.call(&["SET", "other", "7"]), b"+OK\r\n");
    assert!(raw.call(&["RENAME", "other", "draft:1"]).starts_with(b"-INVALID "));
    assert_eq!(raw.call(&["GET", "draft:1"]), format!("$15\r\n{fine}\r\n").into_bytes(), "as it was");
    // The source is the truth: what it holds is served, and counted.
    assert_eq!(raw.call(&["GET", "user:9"]), b"$10\r\n{\"nam\": 1}\r\n");
    let metrics = wait_for("the count", || {
        let mut answer = ureq::get(format!("{}/metrics", server.url())).call().expect("an answer");
        let text = answer.body_mut().read_to_string().expect("text");
        text.contains("clearwell_keyspace_loads_invalid_total{keyspace=\"user:{id:int}\"} 1").then_some(text)
    });
    assert!(metrics.contains("values_refused"), "{metrics}");
}
