//! A source over a private server, and a follower that remembers what it was told.

use std::sync::Arc;

use clearwell_source::config::PostgresConfig;
use clearwell_source::postgres::{Postgres as Source, setup};
use clearwell_source::{
    Altered, Cell, Commit, Follower, Param, Receipt, Row, RowWrite, Source as _, SourceError, Statement,
    Watched,
};
use parking_lot::Mutex;

use crate::support::{Postgres, wait_for};

pub const POSTS: &str = "CREATE TABLE posts (id int PRIMARY KEY, content text, author_id int); \
     INSERT INTO posts SELECT n, 'post ' || n, n % 10 FROM generate_series(1, 100) n";

/// What a follower was told, in its order.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    Commit(Commit),
    Lost(String),
    /// Why something counts as altered.
    Altered(String),
    /// A write's own callback.
    Own(Receipt),
}

#[derive(Default)]
pub struct Recorder {
    pub told: Mutex<Vec<Told>>,
}

impl Follower for Recorder {
    fn committed(&self, source: &str, commit: &Commit) {
        assert_eq!(source, "main");
        self.told.lock().push(Told::Commit(commit.clone()));
    }

    fn lost(&self, _: &str, why: &str) {
        self.told.lock().push(Told::Lost(why.into()));
    }

    fn altered(&self, _: &str, altered: &Altered) {
        self.told.lock().push(Told::Altered(altered.why.clone()));
    }
}

impl Recorder {
    pub fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.told.lock())
    }

    /// Each change as `table old>new`, of all commits so far.
    pub fn changes(&self) -> Vec<String> {
        let told = self.take();
        let commits = told.iter().filter_map(|told| match told {
            Told::Commit(commit) => Some(commit),
            _ => None,
        });
        let change = |change: &clearwell_source::RowChange| {
            format!("{} {}>{}", change.table, text(change.old.as_ref()), text(change.new.as_ref()))
        };
        commits.flat_map(|commit| commit.changes.iter().map(change)).collect()
    }
}

/// A row's values with commas; `-` for none.
pub fn text(row: Option<&Row>) -> String {
    let Some(row) = row else { return "-".into() };
    let cell = |(_, cell): &(Arc<str>, Cell)| match cell.to_bytes() {
        Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        None => "NULL".into(),
    };
    row.0.iter().map(cell).collect::<Vec<_>>().join(",")
}

pub struct World {
    pub source: Source,
    pub recorder: Arc<Recorder>,
    pub runtime: tokio::runtime::Runtime,
    /// Last, so that the source goes before its server.
    pub database: Postgres,
}

pub fn watched(tables: &[(&str, &[&str])]) -> Vec<Watched> {
    let columns = |columns: &[&str]| columns.iter().map(|column| (*column).into()).collect();
    tables.iter().map(|(table, names)| Watched { table: (*table).into(), columns: columns(names) }).collect()
}

impl World {
    /// Posts, followed by id and author.
    pub fn posts() -> World {
        World::with(POSTS, &[("posts", &["author_id", "id"])])
    }

    pub fn with(sql: &str, tables: &[(&str, &[&str])]) -> World {
        let database = Postgres::start();
        database.psql(sql);
        World::over(database, PostgresConfig::new(""), watched(tables))
    }

    /// A source over this database, set up and followed.
    pub fn over(database: Postgres, config: PostgresConfig, watched: Vec<Watched>) -> World {
        let config = PostgresConfig { url: database.url(), ..config };
        let (after, _) = setup(&config, &watched, true).expect("the database is set up");
        assert_eq!(after.problem(), None);
        World::open(database, config, watched, 2000)
    }

    /// A source over a database that is set up.
    pub fn open(database: Postgres, config: PostgresConfig, watched: Vec<Watched>, timeout_ms: u64) -> World {
        let source = Source::open("main", &config, timeout_ms, watched).expect("it opens");
        let recorder = Arc::new(Recorder::default());
        source.follow(recorder.clone()).expect("it is followed");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        World { source, recorder, runtime, database }
    }

    pub fn load(&self, sql: &str, params: Vec<Param>) -> Result<Option<Row>, SourceError> {
        self.runtime.block_on(self.source.load(&Statement(sql.into()), params))
    }

    pub fn write(
        &self,
        sql: &str,
        params: Vec<Param>,
        read_back: Option<&str>,
    ) -> Result<Receipt, SourceError> {
        self.runtime.block_on(self.begin_write(sql, params, read_back))
    }

    pub fn begin_write(
        &self,
        sql: &str,
        params: Vec<Param>,
        read_back: Option<&str>,
    ) -> clearwell_source::Later<Result<Receipt, SourceError>> {
        let recorder = self.recorder.clone();
        let read_back = read_back.map(|sql| (Statement(sql.into()), params.clone()));
        let committed =
            Box::new(move |receipt: &Receipt| recorder.told.lock().push(Told::Own(receipt.clone())));
        self.source.write(RowWrite { statement: Statement(sql.into()), params, read_back, committed })
    }

    pub fn barrier(&self) {
        self.runtime.block_on(self.source.barrier()).expect("the feed is complete");
    }

    /// What changes `sql` leads to.
    pub fn changes(&self, sql: &str) -> Vec<String> {
        self.recorder.take();
        self.database.psql(sql);
        self.barrier();
        self.recorder.changes()
    }

    /// Waits until the feed is complete again.
    pub fn verified(&self) {
        wait_for("the feed to be complete", || self.source.unverified().is_none().then_some(()));
    }

    pub fn altered(&self) -> Vec<String> {
        let told = self.recorder.take();
        told.into_iter()
            .filter_map(|told| if let Told::Altered(why) = told { Some(why) } else { None })
            .collect()
    }

    pub fn lost(&self) -> Vec<String> {
        let told = self.recorder.take();
        told.into_iter()
            .filter_map(|told| if let Told::Lost(why) = told { Some(why) } else { None })
            .collect()
    }
}

/// Does to the database of a node's configuration what `clearwell feed init --run` does. For tests on a runtime.
pub fn set_up_posts(config: &clearwell::config::Config) {
    let postgres = config.sources["main"].postgres.clone().expect("it is PostgreSQL");
    let run = move || setup(&postgres, &watched(&[("posts", &["author_id", "id"])]), true).map(|_| ());
    std::thread::spawn(run).join().expect("it ends").expect("the database is set up");
}

pub fn int(name: &str, value: i64) -> Param {
    Param { name: name.into(), value: Cell::Integer(value) }
}

pub fn string(name: &str, value: &str) -> Param {
    Param { name: name.into(), value: Cell::Text(value.into()) }
}
