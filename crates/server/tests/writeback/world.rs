//! A node with a journal, over either kind of source, and a look at its database beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearwell::config::{Config, Level, Strategy};
use clearwell::node::{Demand, Node, Put, Removal, WriteError, Written};
use clearwell::tasks::Tasks;
use clearwell_engine::Origin;
use rusqlite::{Connection, OptionalExtension};
use tempfile::TempDir;

use crate::support::Postgres;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

pub const NEVER: &str = "flush_every = '1h'";

/// The constraint that values of the tests break.
const TABLE: &str = "CREATE TABLE posts (id INTEGER PRIMARY KEY, content TEXT NOT NULL,
    author_id INTEGER NOT NULL DEFAULT 1, CONSTRAINT is_good CHECK (content NOT LIKE 'bad%'))";

/// A database that outlives its nodes.
pub struct Database {
    pub data: TempDir,
    server: Option<Postgres>,
    blocker: Option<Connection>,
}

impl Database {
    pub fn new(kind: Kind) -> Database {
        let data = TempDir::new().expect("a folder");
        let mut database = Database { data, server: None, blocker: None };
        if kind == Kind::Postgres {
            let server = Postgres::start();
            server.psql(TABLE);
            server.psql(
                "ALTER TABLE posts REPLICA IDENTITY FULL; CREATE PUBLICATION clearwell FOR TABLE posts",
            );
            database.server = Some(server);
        }
        database
    }

    pub fn kind(&self) -> Kind {
        if self.server.is_some() { Kind::Postgres } else { Kind::Sqlite }
    }

    pub fn path(&self) -> &Path {
        self.data.path()
    }

    /// The configuration of a node over it.
    pub fn config(&self, options: &str) -> String {
        let source = match &self.server {
            Some(server) => format!("url = '{}'\ntimeout = '1s'", server.url()),
            None => format!(
                "url = 'sqlite://{}'\ntimeout = '200ms'\nseed = \"\"\"{TABLE}\"\"\"",
                self.file().display()
            ),
        };
        format!(
            r#"
            [source.main]
            {source}
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
        )
    }

    fn file(&self) -> PathBuf {
        self.path().join("posts.db")
    }

    fn open(&self) -> Connection {
        let connection = Connection::open(self.file()).expect("the database opens");
        connection.busy_timeout(Duration::from_secs(10)).expect("it is taken");
        connection
    }

    /// Runs SQL as another program.
    pub fn sql(&self, sql: &str) {
        match &self.server {
            Some(server) => drop(server.psql(sql)),
            None => self.open().execute_batch(sql).expect("it is taken"),
        }
    }

    /// The content of a post.
    pub fn row(&self, id: u32) -> Option<String> {
        let query = format!("SELECT content FROM posts WHERE id = {id}");
        match &self.server {
            Some(server) => Some(server.psql(&query)).filter(|content| !content.is_empty()),
            None => self.open().query_row(&query, [], |row| row.get(0)).optional().expect("it can be read"),
        }
    }

    /// Keeps the source from taking writes.
    pub fn block(&mut self) {
        match &mut self.server {
            Some(server) => server.kill9(),
            None => {
                let blocker = self.open();
                blocker.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
                self.blocker = Some(blocker);
            }
        }
    }

    pub fn unblock(&mut self) {
        self.blocker = None;
        if let Some(server) = &mut self.server {
            server.start_again();
        }
    }

    /// A node over it, with its journal beside it.
    pub fn node(&self, options: &str) -> World {
        self.node_in(self.path(), options)
    }

    /// A node over it, with its journal in this folder.
    pub fn node_in(&self, folder: &Path, options: &str) -> World {
        let tasks = Tasks::start().expect("a thread");
        let config = Config::parse(&self.config(options)).expect("a valid configuration");
        let node = Node::start(config, folder, tasks.handle()).expect("a node");
        World { node, _tasks: tasks }
    }
}

/// A node over a database; dropped, it lets go of it.
pub struct World {
    pub node: Arc<Node>,
    /// After the node: its tasks use it.
    _tasks: Tasks,
}

impl World {
    pub async fn set(&self, id: u32, value: &str) -> Result<Written, WriteError> {
        self.set_by(id, value, None).await
    }

    pub async fn set_by(&self, id: u32, value: &str, write: Option<Strategy>) -> Result<Written, WriteError> {
        let put = Put { value: value.as_bytes().to_vec().into(), write, ..Put::default() };
        self.node.set(format!("post:{id}").as_bytes(), put, Origin::default()).wait().await
    }

    pub async fn del(&self, id: u32) -> Result<u64, WriteError> {
        self.node.remove(vec![format!("post:{id}").into_bytes().into()], Removal::Row(None)).wait().await
    }

    pub async fn get(&self, id: u32) -> Option<String> {
        self.get_at(id, None).await
    }

    pub async fn get_at(&self, id: u32, level: Option<Level>) -> Option<String> {
        let demand = Demand { level, ..Demand::PLAIN };
        let answer = self.node.read(format!("post:{id}").as_bytes(), demand).wait().await;
        let value = answer.expect("an answer").value;
        value.map(|value| String::from_utf8(value.to_vec()).expect("text"))
    }

    pub async fn flush(&self) {
        self.node.flush_write_back().await.expect("flushed");
    }

    pub fn dirty(&self) -> u64 {
        self.node.write_back_status().dirty
    }

    pub fn parked(&self) -> Vec<String> {
        self.node.parked(100).iter().map(|row| row.key.escape_ascii().to_string()).collect()
    }

    /// Waits until nothing is unflushed, without asking for it.
    pub async fn wait_until_clean(&self) {
        let began = Instant::now();
        while self.dirty() > 0 {
            assert!(began.elapsed() < Duration::from_secs(30), "{:?}", self.node.write_back_status());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
