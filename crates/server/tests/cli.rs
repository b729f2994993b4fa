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

/// A node over a small database whose keys are listed.
fn warmable() -> Server {
    let config = "[source.main]\nurl = 'sqlite://posts.db'\nseed = 'CREATE TABLE posts (id INTEGER PRIMARY KEY, content TEXT); \
                  INSERT INTO posts WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1000) \
                  SELECT n, n FROM s'\n[[keyspace]]\npattern = 'post:{id:int}'\nsource = 'main'\nunfollowed = 'ok'\n\
                  load = 'SELECT content FROM posts WHERE id = :id'\nkeys = 'SELECT id FROM posts'\n";
    Server::clearwell(support::Options { config: Some(config.to_owned()), ..support::Options::default() })
}

#[test]
fn keys_are_warmed_with_progress_and_a_job_can_be_ended() {
    let server = warmable();
    assert_eq!(said(&server, &["warm", "list"]), "nothing was warmed\n");
    let done = said(&server, &["warm", "--pattern", "post:*", "--rate", "100000"]);
    let last = done.lines().last().unwrap_or_default();
    let expected =
        "job 1 done: 1,000 of 1,000 (100 %) looked at, 1,000 loaded, 0 present, 0 absent, 0 failed, ";
    assert!(last.starts_with(expected) && !done.contains('\x1b'), "{done}");
    let job = json(&said(&server, &["warm", "--key", "post:1", "--key", "post:5000", "--json"]));
    assert_eq!(
        (&job["state"], &job["present"], &job["absent"]),
        (&"done".into(), &1.into(), &1.into()),
        "{job}"
    );

    assert_eq!(
        said(&server, &["warm", "--pattern", "post:*", "--rate", "5", "--refresh", "--detach"]),
        "job 3\n"
    );
    let status = said(&server, &["warm", "status", "3"]);
    assert!(status.lines().any(|line| line.split_whitespace().eq(["state", "running"])), "{status}");
    assert_eq!(said(&server, &["warm", "cancel", "3"]), "cancelled\n");
    assert_eq!(clearwell(&server, &["warm", "cancel", "3"]).status.code(), Some(1));
    let jobs = json(&said(&server, &["warm", "list", "--json"]));
    let states: Vec<_> = jobs.as_array().expect("jobs").iter().map(|job| &job["state"]).collect();
    assert_eq!(states, ["cancelled", "done", "done"]);
    let list = said(&server, &["warm", "list"]);
    assert!(list.lines().nth(1).is_some_and(|line| line.ends_with("pattern post:*")), "{list}");

    let refused = clearwell(&server, &["warm", "--pattern", "pots:*"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("matches no key of a keyspace with a source: post:{id:int}"));
    assert!(text(&clearwell(&server, &["warm", "status", "99"]).stderr).contains("no job 99 is known"));
    assert_eq!(clearwell(&server, &["warm"]).status.code(), Some(2));
}

#[test]
fn ctrl_c_ends_the_job_that_is_watched() {
    let server = warmable();
    let child = Command::new(env!("CARGO_BIN_EXE_clearwell"))
        .args(["warm", "--pattern", "post:*", "--rate", "5", "--addr", &server.resp.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    support::wait_for("the job to be watched", || {
        let jobs = json(&said(&server, &["warm", "list", "--json"]));
        (jobs[0]["loaded"].as_u64() > Some(2)).then_some(())
    });
    let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(told.is_ok_and(|told| told.success()));
    let output = child.wait_with_output().expect("it ends");
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    let last = printed.lines().last().unwrap_or_default();
    assert!(last.starts_with("job 1 cancelled: "), "{printed}");
    assert_eq!(json(&said(&server, &["warm", "status", "1", "--json"]))["state"], "cancelled");
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
