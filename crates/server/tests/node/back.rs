//! Write-back over SQLite: what is acknowledged, seen, flushed, refused and kept, with a real journal.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearwell::config::{Config, Strategy};
use clearwell::node::{Demand, Node, Put, WriteError, Written};
use clearwell::road::Request;
use clearwell::tasks::Tasks;
use clearwell_engine::{Cause, Origin, Scope};
use rusqlite::{Connection, OptionalExtension};
use tempfile::TempDir;

/// A node over a data folder; dropped, it lets go of it.
struct World {
    node: Arc<Node>,
    /// After the node: its tasks use it.
    _tasks: Tasks,
}

fn world(data: &Path, options: &str) -> World {
    let config = format!(
        r#"
        [source.main]
        url = "sqlite://posts.db"
        timeout = "200ms"
        seed = """CREATE TABLE posts (id INTEGER PRIMARY KEY, content TEXT NOT NULL,
                                      author_id INTEGER NOT NULL DEFAULT 1);
            CREATE TRIGGER refuse BEFORE INSERT ON posts WHEN new.content LIKE 'bad%'
            BEGIN SELECT raise(ABORT, 'the content is bad'); END"""
        [[keyspace]]
        pattern = "post:{{id:int}}"
        source = "main"
        load = "SELECT content, author_id FROM posts WHERE id = :id"
        store = "INSERT INTO posts (id, content) VALUES (:id, :value) ON CONFLICT (id) DO UPDATE SET content = excluded.content"
        delete = "DELETE FROM posts WHERE id = :id"
        tags = ["author:{{author_id}}"]
        write = "write-back"
        {options}
        [[keyspace.feed]]
        table = "posts"
        keys = ["post:{{id}}"]
        tags = ["author:{{author_id}}"]
        "#
    );
    let tasks = Tasks::start().expect("a thread");
    let config = Config::parse(&config).expect("a valid configuration");
    let node = Node::start(config, data, tasks.handle()).expect("a node");
    World { node, _tasks: tasks }
}

const NEVER: &str = "flush_every = '1h'";

impl World {
    async fn set(&self, id: u32, value: &str) -> Result<Written, WriteError> {
        self.set_by(id, value, None).await
    }

    async fn set_by(&self, id: u32, value: &str, write: Option<Strategy>) -> Result<Written, WriteError> {
        let put = Put { value: value.as_bytes().to_vec(), write, ..Put::default() };
        self.node.set(format!("post:{id}").as_bytes(), put, Origin::default()).wait().await
    }

    async fn del(&self, id: u32) -> Result<u64, WriteError> {
        self.node.remove(vec![format!("post:{id}").into_bytes().into()], None).wait().await
    }

    async fn get(&self, id: u32) -> Option<String> {
        let answer = self.node.read(format!("post:{id}").as_bytes(), Demand::PLAIN).wait().await;
        let value = answer.expect("an answer").value;
        value.map(|value| String::from_utf8(value.to_vec()).expect("text"))
    }

    fn dirty(&self) -> u64 {
        self.node.write_back_status().dirty
    }

    /// Waits until nothing is unflushed, without asking for it.
    async fn wait_until_clean(&self) {
        let began = Instant::now();
        while self.dirty() > 0 {
            assert!(began.elapsed() < Duration::from_secs(30), "{:?}", self.node.write_back_status());
            tokio::task::yield_now().await;
        }
    }
}

fn database(data: &Path) -> Connection {
    Connection::open(data.join("posts.db")).expect("the database opens")
}

fn row(data: &Path, id: u32) -> Option<String> {
    let query = "SELECT content FROM posts WHERE id = ?1";
    database(data).query_row(query, [id], |row| row.get(0)).optional().expect("the posts can be read")
}

#[tokio::test]
async fn a_batch_of_three_flushes_at_the_third_write() {
    let data = TempDir::new().expect("a folder");
    let world = world(data.path(), &format!("{NEVER}\nflush_batch = 3"));
    for id in [1, 2, 2] {
        assert_eq!(world.set(id, &format!("v{id}")).await, Ok(Written::Stored));
    }
    assert_eq!((world.dirty(), row(data.path(), 1)), (2, None), "the second key was written twice");
    world.set(3, "v3").await.expect("a write");
    world.wait_until_clean().await;
    assert_eq!([1, 2, 3].map(|id| row(data.path(), id).expect("a row")), ["v1", "v2", "v3"]);
}

#[tokio::test]
async fn a_batch_flushes_at_the_interval_and_on_force() {
    let data = TempDir::new().expect("a folder");
    let at_interval = world(data.path(), "flush_every = '30ms'");
    at_interval.set(1, "soon").await.expect("a write");
    at_interval.wait_until_clean().await;
    assert_eq!(row(data.path(), 1).as_deref(), Some("soon"));
    drop(at_interval);
    let on_force = world(data.path(), NEVER);
    on_force.set(2, "now").await.expect("a write");
    assert_eq!(row(data.path(), 2), None);
    on_force.node.flush_write_back().await.expect("flushed");
    assert_eq!(row(data.path(), 2).as_deref(), Some("now"));
}

#[tokio::test]
async fn readers_see_an_unflushed_write_whatever_happens_to_its_entry() {
    let data = TempDir::new().expect("a folder");
    let world = world(data.path(), NEVER);
    database(data.path()).execute("INSERT INTO posts (id, content) VALUES (1, 'old')", []).expect("a row");
    assert_eq!(world.get(1).await.as_deref(), Some("old"));
    world.set(1, "new").await.expect("a write");
    assert_eq!(world.get(1).await.as_deref(), Some("new"));
    for scope in [Scope::Tag(b"author:1"[..].into()), Scope::Key(b"post:1"[..].into()), Scope::Everything] {
        world.node.invalidate(Request::now(vec![scope], Cause::Command));
        assert_eq!(world.get(1).await.as_deref(), Some("new"));
    }
    // Another program's older value does not hide it.
    database(data.path()).execute("UPDATE posts SET content = 'foreign'", []).expect("a row");
    let strong = Demand { level: Some(clearwell::config::Level::Strong), ..Demand::PLAIN };
    let answer = world.node.read(b"post:1", strong).wait().await.expect("an answer");
    assert_eq!(answer.value.as_deref(), Some(&b"new"[..]));
    assert_eq!(world.del(1).await, Ok(1));
    assert_eq!((world.get(1).await, row(data.path(), 1).as_deref()), (None, Some("foreign")));
    world.node.flush_write_back().await.expect("flushed");
    assert_eq!((world.get(1).await, row(data.path(), 1)), (None, None));
}

#[tokio::test]
async fn a_refused_row_is_parked_and_blocks_no_other() {
    let data = TempDir::new().expect("a folder");
    let first = world(data.path(), NEVER);
    for (id, value) in [(1, "good"), (2, "bad"), (3, "good"), (4, "bad too")] {
        first.set(id, value).await.expect("a write");
    }
    assert_eq!(first.get(2).await.as_deref(), Some("bad"), "seen as long as nobody knows better");
    first.node.flush_write_back().await.expect("nothing waits any more");
    assert_eq!(
        (row(data.path(), 1).as_deref(), row(data.path(), 3).as_deref()),
        (Some("good"), Some("good"))
    );
    assert_eq!(first.get(2).await, None, "the refused value is not served");
    drop(first);
    // A restart knows them still.
    let again = world(data.path(), NEVER);
    let parked = again.node.parked(10);
    let keys: Vec<_> = parked.iter().map(|row| row.key.escape_ascii().to_string()).collect();
    assert_eq!(keys, ["post:2", "post:4"]);
    assert!(parked[0].message.contains("the content is bad"), "{}", parked[0].message);
    assert_eq!(again.node.drop_parked(Some(&[b"post:4"[..].into()])).await, Ok(1));
    database(data.path()).execute_batch("DROP TRIGGER refuse").expect("the constraint goes");
    assert_eq!(again.node.retry_parked(None).await, Ok(1));
    again.node.flush_write_back().await.expect("flushed");
    assert_eq!((row(data.path(), 2).as_deref(), row(data.path(), 4)), (Some("bad"), None));
    assert_eq!(again.node.parked(10), []);
}

#[tokio::test]
async fn a_newer_write_that_the_source_takes_supersedes_a_parked_one() {
    let data = TempDir::new().expect("a folder");
    let world = world(data.path(), NEVER);
    world.set(1, "bad").await.expect("a write");
    world.node.flush_write_back().await.expect("parked");
    assert_eq!(world.node.write_back_status().parked, 1);
    world.set(1, "good").await.expect("a write");
    world.node.flush_write_back().await.expect("flushed");
    let status = world.node.write_back_status();
    assert_eq!((status.parked, status.superseded, status.refused, status.flushed), (0, 1, 1, 1));
}

#[tokio::test]
async fn a_restart_knows_and_flushes_what_was_acknowledged() {
    let data = TempDir::new().expect("a folder");
    let first = world(data.path(), NEVER);
    for id in 1..=50 {
        first.set(id, &format!("a{id}")).await.expect("a write");
    }
    first.node.flush_write_back().await.expect("flushed");
    for id in 1..=20 {
        first.set(id, &format!("b{id}")).await.expect("a write");
    }
    assert_eq!(first.get(30).await.as_deref(), Some("a30"));
    assert_eq!(first.del(30).await, Ok(1));
    drop(first);
    database(data.path()).execute("UPDATE posts SET content = 'foreign' WHERE id = 40", []).expect("a row");
    let again = world(data.path(), NEVER);
    assert_eq!(again.dirty(), 21, "what was flushed is not written again");
    assert_eq!((again.get(7).await.as_deref(), again.get(30).await), (Some("b7"), None));
    again.node.flush_write_back().await.expect("flushed");
    assert_eq!(
        (row(data.path(), 20).as_deref(), row(data.path(), 21).as_deref()),
        (Some("b20"), Some("a21"))
    );
    assert_eq!((row(data.path(), 30), row(data.path(), 40).as_deref()), (None, Some("foreign")));
}

#[tokio::test]
async fn nothing_is_lost_while_the_source_is_away_and_writers_are_held_back() {
    let data = TempDir::new().expect("a folder");
    let world = world(data.path(), "flush_every = '1ms'\nflush_most = '1KB'");
    let blocker = database(data.path());
    blocker.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    let mut acknowledged = 0;
    let refused = loop {
        match world.set(acknowledged + 1, &"v".repeat(100)).await {
            Ok(_) => acknowledged += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(&refused, WriteError::Full(why) if why.contains("wait for the source")), "{refused:?}");
    assert!((2..5).contains(&acknowledged), "{acknowledged}");
    assert!(world.node.write_back_status().error.is_some());
    blocker.execute_batch("ROLLBACK").expect("the lock is let go");
    world.wait_until_clean().await;
    for id in 1..=acknowledged {
        assert!(row(data.path(), id).is_some(), "post:{id}");
    }
    world.set(99, "room again").await.expect("a write");
}

#[tokio::test]
async fn strategies_mixed_on_one_key_leave_cache_and_database_agreeing() {
    let data = TempDir::new().expect("a folder");
    let world = Arc::new(world(data.path(), "flush_every = '2ms'\nflush_batch = 2"));
    for seed in 0..30u64 {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let world = world.clone();
                tokio::spawn(async move {
                    let mut rng = fastrand::Rng::with_seed(seed * 4 + writer);
                    for n in 0..6 {
                        let strategy = *rng
                            .choice(&[Strategy::WriteBack, Strategy::WriteThrough, Strategy::WriteInvalidate])
                            .expect("one");
                        let value = format!("{seed} {writer} {n}");
                        world.set_by(1, &value, Some(strategy)).await.expect("a write");
                        world.get(1).await.expect("a value");
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.expect("no panic");
        }
        // The last word is a write-through: it comes after every acknowledged write-back.
        if seed % 2 == 0 {
            world.set_by(1, &format!("last {seed}"), Some(Strategy::WriteThrough)).await.expect("a write");
            assert_eq!(row(data.path(), 1), Some(format!("last {seed}")));
        }
        world.node.flush_write_back().await.expect("flushed");
        assert_eq!(world.get(1).await, row(data.path(), 1), "seed {seed}");
    }
}
