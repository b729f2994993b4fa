//! The command line against a node: what people read, what programs read, and how it ends.

mod support;

use std::process::{Command, Output, Stdio};

use support::{Kind, Server};

/// Runs `clearwell` with these words against a server.
fn clearwell(server: &Server, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
    command.args(words).env("CLEARWELL_ADDR", server.resp.to_string()).env_remove("CLEARWELL_PASSWORD");
    command.output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// What it printed; it must have succeeded.
fn said(server: &Server, words: &[&str]) -> String {
    let output = clearwell(server, words);
    assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

#[test]
fn a_key_is_set_read_and_deleted() {
    let server = Server::start(Kind::Clearwell);
    assert_eq!(said(&server, &["set", "a", "one", "--ttl", "100", "--tag", "t"]), "OK\n");
    assert_eq!(said(&server, &["get", "a"]), "one\n");
    let known = json(&said(&server, &["get", "a", "--json"]));
    assert_eq!(
        (&known["key"], &known["value"], &known["hit"]),
        (&"a".into(), &"one".into(), &1.into()),
        "{known}"
    );
    let table = said(&server, &["get", "a", "--meta"]);
    assert!(table.lines().any(|line| line.split_whitespace().eq(["value", "one"])), "{table}");
    assert_eq!(said(&server, &["del", "a", "b"]), "deleted 1\n");
    let gone = clearwell(&server, &["get", "a"]);
    assert_eq!((gone.status.code(), text(&gone.stdout)), (Some(1), String::new()));
    assert_eq!(text(&gone.stderr), "clearwell: no value for \"a\"\n");
    let gone = clearwell(&server, &["get", "a", "--json"]);
    assert_eq!(
        (gone.status.code(), &json(&text(&gone.stdout))["value"]),
        (Some(1), &serde_json::Value::Null)
    );
    assert_eq!(json(&said(&server, &["del", "a", "--json"])), serde_json::json!({"deleted": 0}));
}

#[test]
fn figures_are_a_table_and_json() {
    let server = Server::start(Kind::Clearwell);
    said(&server, &["set", "a", "1"]);
    said(&server, &["get", "a"]);
    let table = said(&server, &["stats"]);
    let hits = table.lines().find(|line| line.starts_with("hits ")).unwrap_or_else(|| panic!("{table}"));
    assert!(hits.contains(" 1 ") && hits.ends_with("Reads answered from memory"), "{hits}");
    assert!(table.contains("\nsources "), "{table}");
    let figures = json(&said(&server, &["stats", "--json"]));
    assert_eq!((&figures["hits"], &figures["entries"]), (&1.into(), &1.into()), "{figures}");
    assert!(figures["hit_rate"].is_f64() && figures["sources"]["main"]["gaps"] == 0, "{figures}");
    let status = said(&server, &["writeback", "status"]);
    assert!(status.is_empty() || status.lines().any(|line| line.starts_with("dirty ")), "{status}");
}

#[test]
fn top_draws_once_and_ends_when_nobody_reads() {
    let server = Server::start(Kind::Clearwell);
    let once = said(&server, &["top", "--once"]);
    assert!(once.contains("operations") && once.contains("hit rate") && !once.contains('\x1b'), "{once}");
    assert!(json(&said(&server, &["top", "--once", "--json"]))["operations_total"].is_u64());
    let mut child = Command::new(env!("CARGO_BIN_EXE_clearwell"))
        .args(["top", "--addr", &server.resp.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    // Nobody reads: the second picture ends it, without a complaint.
    drop(child.stdout.take());
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn what_is_wrong_is_said_in_words_with_an_exit_code() {
    let server = Server::clearwell(support::Options {
        config: Some("password = \"secret\"\n".to_owned()),
        ..support::Options::default()
    });
    let refused = clearwell(&server, &["stats"]);
    assert_eq!(refused.status.code(), Some(1));
    let complaint = text(&refused.stderr);
    assert!(complaint.contains("NOAUTH") && complaint.contains("CLEARWELL_PASSWORD"), "{complaint}");
    assert_eq!(said(&server, &["set", "a", "1", "--password", "secret"]), "OK\n");
    let nobody = clearwell(&server, &["get", "a", "--addr", "127.0.0.1:1"]);
    let complaint = text(&nobody.stderr);
    assert!(complaint.starts_with("clearwell: no connection to 127.0.0.1:1"), "{complaint}");
    assert!(complaint.contains("is a node running?"), "{complaint}");
    for wrong in
        [&["get"][..], &["set", "a", "1", "--ttl", "0"], &["top", "--interval", "x"], &["completions", "dos"]]
    {
        assert_eq!(clearwell(&server, wrong).status.code(), Some(2), "{wrong:?}");
    }
    let wrong = clearwell(&server, &["get", "a", "--level", "nearly", "--password", "secret"]);
    assert!(text(&wrong.stderr).contains("nearly"), "{}", text(&wrong.stderr));
}

#[test]
fn a_file_is_checked_and_shells_complete() {
    let server = Server::start(Kind::Clearwell);
    let file = server.data().with_file_name("right.toml");
    std::fs::write(&file, "max_memory = \"64MB\"\n").expect("written");
    let path = file.to_str().expect("a path of text");
    assert!(said(&server, &["check", path]).contains("no mistakes"));
    std::fs::write(&file, "max_memry = \"1MB\"\n").expect("written");
    let wrong = clearwell(&server, &["check", path]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("max_memory"), "{}", text(&wrong.stderr));
    for shell in ["bash", "zsh", "fish"] {
        assert!(said(&server, &["completions", shell]).contains("invalidate"), "{shell}");
    }
}
