//! A node over PostgreSQL: what was typed into psql is not served as it was.

use std::process::Command;
use std::sync::Arc;

use clearwell::config::{Config, Level};
use clearwell::node::{Demand, Node, Put};

use clearwell_engine::Origin;

use crate::support::{Postgres, wait_for};
use crate::world::POSTS;

pub fn config(database: &Postgres) -> String {
    format!(
        r#"
[source.main]
url = "{}"

[[keyspace]]
pattern = "post:{{id:int}}"
source = "main"
load = "SELECT content, author_id FROM posts WHERE id = :id"
store = "INSERT INTO posts (id, content, author_id) VALUES (:id, :value, 1) ON CONFLICT (id) DO UPDATE SET content = excluded.content"
delete = "DELETE FROM posts WHERE id = :id"
tags = ["author:{{author_id}}"]

[[keyspace.feed]]
table = "posts"
keys = ["post:{{id}}"]
tags = ["author:{{author_id}}"]
"#,
        database.url()
    )
}

/// Runs `clearwell feed init` as an operator would; answers whether it found or made all ready, and what it printed.
fn feed_init(file: &std::path::Path, run: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
    let output = command.args(["feed", "init", "--config"]).arg(file).args(run).output().expect("it runs");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

pub async fn read(node: &Arc<Node>, key: &str, level: Level) -> Option<String> {
    let demand = Demand { level: Some(level), ..Demand::PLAIN };
    let answer = node.read(key.as_bytes(), demand).wait().await.expect("an answer");
    answer.value.map(|value| String::from_utf8(value.to_vec()).expect("text"))
}

#[tokio::test]
async fn what_was_changed_in_psql_is_seen() {
    let database = Postgres::start();
    database.psql(POSTS);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("clearwell.toml");
    std::fs::write(&file, config(&database)).expect("the folder is ours");

    let (ready, printed) = feed_init(&file, &[]);
    assert!(!ready && printed.contains("CREATE PUBLICATION clearwell FOR TABLE public.posts;"), "{printed}");
    assert!(
        Node::start(Config::load(&file).expect("valid"), folder.path(), tokio::runtime::Handle::current())
            .is_err()
    );
    let (ready, printed) = feed_init(&file, &["--run"]);
    assert!(ready, "{printed}");
    assert_eq!(feed_init(&file, &[]), (true, "-- main: ready\n".into()));

    let config = Config::load(&file).expect("valid");
    let node = Node::start(config, folder.path(), tokio::runtime::Handle::current()).expect("a node");
    for round in 0..50 {
        let text = format!("round {round}");
        database.psql(&format!("UPDATE posts SET content = '{text}' WHERE id <= 20"));
        for id in 1..=20 {
            assert_eq!(read(&node, &format!("post:{id}"), Level::Strong).await.as_deref(), Some(&*text));
            assert_eq!(read(&node, &format!("post:{id}"), Level::Eventual).await.as_deref(), Some(&*text));
        }
    }
    // Absent rows are remembered until their INSERT.
    assert_eq!(read(&node, "post:5000", Level::Strong).await, None);
    database.psql("INSERT INTO posts VALUES (5000, 'new', 1)");
    assert_eq!(read(&node, "post:5000", Level::Strong).await.as_deref(), Some("new"));

    let put = Put { value: b"through".to_vec().into(), ..Put::default() };
    node.set(b"post:7", put, Origin::default()).wait().await.expect("it is written");
    assert_eq!(read(&node, "post:7", Level::Weak).await.as_deref(), Some("through"));
    assert_eq!(database.psql("SELECT content FROM posts WHERE id = 7"), "through");

    // While the feed does not cover the table nothing is kept, so that nothing can be old.
    assert_eq!(read(&node, "post:8", Level::Eventual).await.as_deref(), Some("round 49"));
    database.psql("ALTER PUBLICATION clearwell DROP TABLE posts");
    let source = node.source("main").expect("it has a source").clone();
    wait_for("the feed to notice", || source.unverified());
    for text in ["a", "b", "c"] {
        database.psql(&format!("UPDATE posts SET content = '{text}' WHERE id = 8"));
        assert_eq!(read(&node, "post:8", Level::Eventual).await.as_deref(), Some(text));
    }
}
