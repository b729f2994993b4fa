//! What a cluster does not take, in words.

use std::process::Command;

/// How a node ends that is started with this file.
fn refusal(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("clearwell.toml"), text).expect("it can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
    command.current_dir(folder.path()).args(["serve", "--bootstrap", "--config", "clearwell.toml"]);
    command.args(["--resp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--link", "127.0.0.1:0"]);
    let output = command.output().expect("it can be started");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const POSTS: &str = "CREATE TABLE posts (id INTEGER PRIMARY KEY, content TEXT)";

#[test]
fn databases_and_keyspaces_that_nodes_cannot_share_are_refused() {
    let keyspace = |url: &str, more: &str| {
        format!(
            "[source.main]\nurl = \"{url}\"\nseed = \"{POSTS}\"\n[[keyspace]]\npattern = \"post:{{id:int}}\"\nsource = \"main\"\n\
             load = \"SELECT content FROM posts WHERE id = :id\"\n\
             store = \"UPDATE posts SET content = :value WHERE id = :id\"\n{more}"
        )
    };
    let feed = "[[keyspace.feed]]\ntable = \"posts\"\nkeys = [\"post:{id}\"]\n";
    let cluster = "[cluster]\nname = \"test\"\n";
    let relative = refusal(&keyspace("sqlite://posts.db", &format!("{feed}{cluster}")));
    assert!(relative.contains("name the file absolutely"), "{relative}");
    let memory = refusal(&keyspace("sqlite://:memory:", &format!("{feed}{cluster}")));
    assert!(memory.contains("one database for all"), "{memory}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}", folder.path().join("posts.db").display());
    let back = refusal(&keyspace(&url, &format!("write = \"write-back\"\n{feed}{cluster}")));
    assert!(back.contains("use write-through"), "{back}");
    let unfollowed = refusal(&keyspace(&url, cluster));
    assert!(unfollowed.contains("follow the tables"), "{unfollowed}");
}
