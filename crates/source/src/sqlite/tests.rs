//! The source over real files, with strangers that write to them: other connections and the `sqlite3` program.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{Altered, Cell, Commit, RowChange};

mod altered;
mod crowded;
mod failures;
mod feed;
mod writes;

const SEED: &str = "
    CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE posts (id INTEGER PRIMARY KEY, author_id INTEGER, slug TEXT UNIQUE, content TEXT CHECK (content <> 'bad'));
    INSERT INTO posts VALUES (1, 1, 'one', 'first'), (2, 1, 'two', 'second');";

/// Long enough for a busy machine; nothing waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A follower that remembers what it was told.
#[derive(Default)]
struct Record {
    told: Mutex<Vec<Told>>,
    altered: Mutex<Vec<Altered>>,
    more: Condvar,
}

#[derive(Debug, Clone, PartialEq)]
enum Told {
    Commit(Commit),
    Lost(String),
    /// A `committed` closure ran.
    Closure(Version),
}

impl Record {
    fn tell(&self, told: Told) {
        self.told.lock().push(told);
        self.more.notify_all();
    }

    /// Waits until what was told satisfies the condition.
    fn until(&self, what: &str, met: impl Fn(&[Told]) -> bool) {
        let mut told = self.told.lock();
        let end = Instant::now() + PATIENCE;
        while !met(&told) {
            assert!(!self.more.wait_until(&mut told, end).timed_out(), "{what}: {told:?}");
        }
    }

    /// All that was told since the last call.
    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut self.told.lock())
    }

    /// The changes told since the last call, one text each, such as `u 1/1 1/2` (id and author before and after).
    fn changes(&self) -> Vec<String> {
        let told = self.take();
        let commits = told.iter().filter_map(|told| match told {
            Told::Commit(commit) => Some(commit),
            _ => None,
        });
        commits.flat_map(|commit| &commit.changes).map(text).collect()
    }
}

fn text(change: &RowChange) -> String {
    let side = |row: &Option<Row>| match row {
        None => "-".into(),
        Some(row) => {
            let column = |name| {
                row.get(name)
                    .and_then(Cell::to_bytes)
                    .map_or("null".into(), |b| String::from_utf8(b).unwrap())
            };
            format!("{}/{}", column("id"), column("author_id"))
        }
    };
    format!("{} {} {}", change.table, side(&change.old), side(&change.new))
}

impl Follower for Record {
    fn committed(&self, source: &str, commit: &Commit) {
        assert_eq!(source, "main");
        self.tell(Told::Commit(commit.clone()));
    }
    fn lost(&self, _: &str, why: &str) {
        self.tell(Told::Lost(why.into()));
    }
    fn altered(&self, _: &str, altered: &Altered) {
        self.altered.lock().push(altered.clone());
    }
}

struct World {
    folder: TempDir,
    source: Sqlite,
    record: Arc<Record>,
}

fn watched() -> Vec<Watched> {
    vec![
        Watched { table: "posts".into(), columns: vec!["author_id".into(), "id".into()] },
        Watched { table: "authors".into(), columns: vec!["id".into()] },
    ]
}

fn config(timeout_ms: u64) -> SourceConfig {
    SourceConfig { path: "x.db".into(), seed: Some(SEED.into()), timeout_ms, ..SourceConfig::default() }
}

impl World {
    fn new() -> World {
        World::with_timeout(20_000)
    }

    fn with_timeout(timeout_ms: u64) -> World {
        let folder = tempfile::tempdir().unwrap();
        let source = Sqlite::open("main", &config(timeout_ms), folder.path(), watched(), 5).unwrap();
        let record = Arc::new(Record::default());
        source.follow(record.clone()).unwrap();
        World { folder, source, record }
    }

    /// Another connection, as another process has it.
    fn stranger(&self) -> Connection {
        let connection = Connection::open(self.folder.path().join("x.db")).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        connection
    }

    /// Runs a script by the `sqlite3` program.
    fn sqlite3(&self, script: &str) {
        let mut child = Command::new("sqlite3")
            // A node may be writing to the file just then, and the program does not wait by itself.
            .args(["-bail", "-cmd", &format!(".timeout {}", PATIENCE.as_millis())])
            .arg(self.folder.path().join("x.db"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the sqlite3 program is needed for this test");
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn barrier(&self) -> Version {
        wait(self.source.barrier()).unwrap()
    }

    fn write(&self, sql: &str) -> Result<Receipt, SourceError> {
        wait(self.source.write(self.prepared(sql)))
    }

    fn prepared(&self, sql: &str) -> RowWrite {
        let record = self.record.clone();
        let committed = Box::new(move |receipt: &Receipt| record.tell(Told::Closure(receipt.version)));
        RowWrite { statement: Statement(sql.into()), params: Vec::new(), read_back: None, committed }
    }

    fn load(&self, sql: &str) -> Result<Option<Row>, SourceError> {
        wait(self.source.load(&Statement(sql.into()), Vec::new()))
    }

    fn content(&self, id: i64) -> Option<Cell> {
        let sql = "SELECT content FROM posts WHERE id = :id";
        let params = vec![Param { name: "id".into(), value: Cell::Integer(id) }];
        wait(self.source.load(&Statement(sql.into()), params)).unwrap().map(|row| row.0[0].1.clone())
    }
}

fn wait<T>(later: Later<T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(later)
}
