//! Changes that no row event tells: what falls, what stays, and what is not kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use clearwell::config::Level;
use clearwell::node::{Demand, Node, Put};
use clearwell_engine::Origin;
use clearwell_source::{Altered, AlteredLoad, Shape, Statement};

use clearwell::config::Config;

use crate::source::{CONFIG, Scripted};

const LOAD: &str = "SELECT content, author_id FROM posts WHERE id = :id";

fn config() -> String {
    format!(
        r#"{CONFIG}
[[keyspace]]
pattern = "user:{{id:int}}:name"
source = "main"
load = "SELECT content, author_id FROM users WHERE id = :id"

[[keyspace.feed]]
table = "users"
keys = ["user:{{id}}:name"]
"#
    )
}

fn tables(tables: &[&str]) -> Altered {
    let tables = tables.iter().map(|table| (*table).into()).collect();
    Altered { why: "it was altered".into(), tables, loads: Vec::new(), heard: None }
}

async fn read(node: &Arc<Node>, key: &str, level: Level) -> Option<String> {
    let demand = Demand { level: Some(level), ..Demand::PLAIN };
    let answer = node.read(key.as_bytes(), demand).wait().await.expect("an answer");
    answer.value.map(|value| String::from_utf8(value.to_vec()).expect("text"))
}

/// A plain key with a tag and a dependency.
async fn put(node: &Arc<Node>, key: &str, tag: &str, dependency: &str) {
    let names = |name: &str| vec![name.as_bytes().into()];
    let put = Put {
        value: b"v".to_vec().into(),
        tags: names(tag),
        dependencies: names(dependency),
        ..Put::default()
    };
    node.set(key.as_bytes(), put, Origin::default()).wait().await.expect("it is kept");
}

fn there(node: &Arc<Node>, keys: &[&str]) -> Vec<bool> {
    keys.iter().map(|key| node.peek(key.as_bytes(), |_| ()).is_some()).collect()
}

#[tokio::test]
async fn an_altered_table_takes_what_its_rows_can_have_named_and_nothing_else() {
    let (node, source) = Scripted::node_with(&config());
    source.commit(1, "text", 7);
    let keys = ["post:1", "user:1:name", "by tag", "by key", "neither"];
    let fill = async || {
        read(&node, "post:1", Level::Eventual).await;
        read(&node, "user:1:name", Level::Eventual).await;
        put(&node, "by tag", "author:9", "x").await;
        put(&node, "by key", "x", "post:77").await;
        put(&node, "neither", "writer:9", "user:7:name").await;
        assert_eq!(there(&node, &keys), [true; 5]);
    };
    fill().await;
    source.alter(&tables(&["Posts"]));
    assert_eq!(there(&node, &keys), [false, true, false, false, true]);
    fill().await;
    source.alter(&tables(&["users"]));
    assert_eq!(there(&node, &keys), [true, false, true, true, false]);
    fill().await;
    source.alter(&Altered {
        loads: vec![AlteredLoad { statement: Statement(LOAD.into()), shape: None }],
        ..tables(&[])
    });
    assert_eq!(there(&node, &keys), [false, true, true, false, true]);
}

#[tokio::test]
async fn what_was_loaded_before_it_is_not_kept() {
    let (node, source) = Scripted::node();
    source.commit(1, "before", 7);
    source.hold();
    let reading = node.read(b"post:1", Demand::PLAIN).wait();
    source.release_after(1, || source.alter(&tables(&["posts"])));
    assert_eq!(reading.await.expect("an answer").value.as_deref(), Some(&b"before"[..]));
    assert_eq!(there(&node, &["post:1"]), [false]);
}

#[tokio::test]
async fn what_a_write_read_back_before_it_is_not_kept() {
    let (node, source) = Scripted::node();
    let put = || Put { value: b"written".to_vec().into(), ..Put::default() };
    node.set(b"post:1", put(), Origin::default()).wait().await.expect("it is written");
    assert_eq!(there(&node, &["post:1"]), [true]);
    *source.altered_at_write.lock() = Some(tables(&["posts"]));
    node.set(b"post:1", put(), Origin::default()).wait().await.expect("it is written");
    assert_eq!(there(&node, &["post:1"]), [false]);
    node.set(b"post:1", put(), Origin::default()).wait().await.expect("it is written");
    assert_eq!(there(&node, &["post:1"]), [true]);
}

#[tokio::test]
async fn a_load_that_reads_more_than_before_is_no_longer_met_by_a_barrier() {
    let (node, source) = Scripted::node();
    source.commit(1, "text", 7);
    read(&node, "post:1", Level::Strong).await;
    assert_eq!(source.barriers.load(Ordering::Relaxed), 1);
    let shape = |reads: &[&str]| {
        let reads = reads.iter().map(|table| (*table).into()).collect();
        Some(Shape { columns: vec!["content".into()], reads, ..Shape::default() })
    };
    let alter = |reads: &[&str]| {
        let load = AlteredLoad { statement: Statement(LOAD.into()), shape: shape(reads) };
        source.alter(&Altered { loads: vec![load], ..tables(&[]) });
    };
    alter(&["posts", "votes"]);
    let loads = source.loads.load(Ordering::Relaxed);
    for _ in 0..2 {
        read(&node, "post:1", Level::Strong).await;
    }
    assert_eq!(source.barriers.load(Ordering::Relaxed), 1, "no feed tells of votes");
    assert_eq!(source.loads.load(Ordering::Relaxed), loads + 2);
    alter(&["posts"]);
    for _ in 0..2 {
        read(&node, "post:1", Level::Strong).await;
    }
    assert_eq!(source.barriers.load(Ordering::Relaxed), 3);
}

/// A node over an SQLite file, and another process beside it.
#[tokio::test]
async fn an_altered_sqlite_database_is_seen_at_every_level() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = r#"
[source.main]
url = "sqlite://x.db"
seed = """CREATE TABLE items (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO items VALUES (1, 'one'), (2, 'two');
CREATE TABLE others (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO others VALUES (1, 'o1');
CREATE VIEW inside AS SELECT id, v FROM items; CREATE VIEW shown AS SELECT id, v FROM inside"""

[[keyspace]]
pattern = "item:{id:int}"
source = "main"
load = "SELECT v FROM items WHERE id = :id"

[[keyspace.feed]]
table = "items"
keys = ["item:{id}"]

[[keyspace]]
pattern = "shown:{id:int}"
source = "main"
load = "SELECT v FROM shown WHERE id = :id"

[[keyspace.feed]]
table = "items"
keys = ["shown:{id}"]

[[keyspace]]
pattern = "other:{id:int}"
source = "main"
load = "SELECT v FROM others WHERE id = :id"

[[keyspace.feed]]
table = "others"
keys = ["other:{id}"]
"#;
    let config = Config::parse(config).expect("valid");
    let node = Node::start(config, folder.path(), tokio::runtime::Handle::current()).expect("a node");
    let stranger = rusqlite::Connection::open(folder.path().join("x.db")).expect("the file is there");
    stranger.busy_timeout(std::time::Duration::from_secs(20)).expect("it can wait");
    for key in ["item:1", "shown:1", "other:1"] {
        assert_eq!(node.is_followed(key.as_bytes()), Some(true), "{key}");
    }
    let steps = [
        ("UPDATE items SET v = 'row' WHERE id = 1", "row", "row"),
        (
            "BEGIN; DROP VIEW inside; CREATE VIEW inside AS SELECT id, upper(v) AS v FROM items; COMMIT",
            "row",
            "ROW",
        ),
        (
            "BEGIN; DROP VIEW shown; ALTER TABLE items RENAME COLUMN v TO was; ALTER TABLE items ADD COLUMN v TEXT DEFAULT 'added';
             DROP VIEW inside; CREATE VIEW shown AS SELECT id, was || v AS v FROM items; COMMIT",
            "added",
            "rowadded",
        ),
        ("BEGIN; DROP TABLE items; CREATE TABLE items (id INTEGER PRIMARY KEY, was TEXT, v TEXT); INSERT INTO items VALUES (1, 'a', 'b'); COMMIT", "b", "ab"),
    ];
    for (sql, item, shown) in steps {
        for key in ["item:1", "shown:1", "other:1"] {
            read(&node, key, Level::Eventual).await;
        }
        stranger.execute_batch(sql).expect("it is done");
        for level in [Level::Strong, Level::Bounded(0), Level::Eventual] {
            assert_eq!(read(&node, "item:1", level).await.as_deref(), Some(item), "{level} after {sql}");
            assert_eq!(read(&node, "shown:1", level).await.as_deref(), Some(shown), "{level} after {sql}");
        }
        // The last of them takes the feed's triggers with the table: that is a gap.
        assert_eq!(there(&node, &["other:1"]), [!sql.contains("DROP TABLE")], "{sql}");
    }
    // Nobody asks for more than what is there.
    stranger.execute_batch("ALTER TABLE items DROP COLUMN was").expect_err("the view names it");
    stranger
        .execute_batch("DROP VIEW shown; CREATE VIEW shown AS SELECT id, v || '!' AS v FROM items")
        .expect("it is done");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while read(&node, "shown:1", Level::Eventual).await.as_deref() != Some("b!") {
        assert!(std::time::Instant::now() < until, "the view is told");
        tokio::task::yield_now().await;
    }
}
