//! A load that races a commit: decided by what was told when, not by luck.

use std::sync::Arc;

use clearwell::config::{Config, Level};
use clearwell::node::Node;
use clearwell::tasks::Tasks;

use crate::node::read;
use crate::support::{Postgres, wait_for};
use crate::world::{POSTS, set_up_posts};

/// Two keyspaces over slow loads: one is told of by key, one by tag alone.
fn slow(database: &Postgres) -> String {
    let keyspace = |pattern: &str| {
        format!(
            r#"
[[keyspace]]
pattern = "{pattern}:{{id:int}}"
source = "main"
load = "SELECT content, author_id, pg_sleep(CASE WHEN content LIKE 'slow%' THEN 1 ELSE 0 END)::text FROM posts WHERE id = :id -- {pattern}"
tags = ["author:{{author_id}}"]
"#
        )
    };
    format!(
        "[source.main]\nurl = \"{}\"\ntimeout = \"20s\"\n{}{}",
        database.url(),
        keyspace("post") + "[[keyspace.feed]]\ntable = \"posts\"\nkeys = [\"post:{id}\"]\n",
        keyspace("byauthor") + "[[keyspace.feed]]\ntable = \"posts\"\ntags = [\"author:{author_id}\"]\n",
    )
}

/// Waits until the server runs `count` loads that sleep.
fn asleep(database: &Postgres, count: usize) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    wait_for("the loads to be under way", || (database.psql(sql) == count.to_string()).then_some(()));
}

#[tokio::test]
async fn what_was_read_before_a_commit_is_not_kept_after_it() {
    let database = Postgres::start();
    database.psql(POSTS);
    let config = Config::parse(&slow(&database)).expect("valid");
    set_up_posts(&config);
    let folder = tempfile::tempdir().expect("a folder");
    let tasks = Tasks::start().expect("a thread");
    let node = Node::start(config, folder.path(), tasks.handle()).expect("a node");
    let source = node.source("main").expect("it has a source").clone();
    let begin = |key: &'static str| {
        let node: Arc<Node> = node.clone();
        tasks.handle().spawn(async move { read(&node, key, Level::Eventual).await })
    };
    for (key, other) in [("post:1", "byauthor:1"), ("byauthor:2", "post:2")] {
        let id = key.rsplit(':').next().expect("it ends with the id");
        database.psql(&format!("UPDATE posts SET content = 'slow old' WHERE id = {id}"));
        source.barrier().await.expect("the feed is complete");
        // The row is read now, and answered after the commit below was told.
        let loads = [begin(key), begin(other)];
        asleep(&database, 2);
        database.psql(&format!("UPDATE posts SET content = 'new' WHERE id = {id}"));
        source.barrier().await.expect("the feed is complete");
        let [first, second] = loads;
        // They began before the commit and may answer either; only what is kept counts.
        for old in [first.await, second.await] {
            assert!(old.expect("it reads").is_some());
        }
        for key in [key, other] {
            assert_eq!(read(&node, key, Level::Weak).await.as_deref(), Some("new"), "{key}");
            assert_eq!(read(&node, key, Level::Eventual).await.as_deref(), Some("new"), "{key}");
        }
    }
    // A row that is not there when it is asked for, and comes meanwhile.
    assert_eq!(read(&node, "post:777", Level::Eventual).await, None);
    database.psql("INSERT INTO posts VALUES (777, 'here', 1)");
    source.barrier().await.expect("the feed is complete");
    assert_eq!(read(&node, "post:777", Level::Weak).await.as_deref(), Some("here"));
}

#[tokio::test]
async fn a_commit_that_was_open_while_its_row_was_read_falls_on_it() {
    let database = Postgres::start();
    database.psql(POSTS);
    let config = Config::parse(&slow(&database)).expect("valid");
    set_up_posts(&config);
    let folder = tempfile::tempdir().expect("a folder");
    let tasks = Tasks::start().expect("a thread");
    let node = Node::start(config, folder.path(), tasks.handle()).expect("a node");
    let (client, connection) =
        tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.expect("it answers");
    tokio::spawn(connection);
    for round in 0..50 {
        // Changed and not committed: a load sees the old row, and nothing was told that could refuse it.
        client.batch_execute("BEGIN").await.expect("it begins");
        let update = format!("UPDATE posts SET content = 'round {round}' WHERE id = 3");
        client.batch_execute(&update).await.expect("it is updated");
        assert_ne!(read(&node, "post:3", Level::Eventual).await, Some(format!("round {round}")));
        client.batch_execute("COMMIT").await.expect("it commits");
        assert_eq!(read(&node, "post:3", Level::Strong).await, Some(format!("round {round}")));
        assert_eq!(read(&node, "post:3", Level::Weak).await, Some(format!("round {round}")));
    }
}
