//! A node over a database with drawn tables.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clearwell::config::{Config, Level, Strategy};
use clearwell::keyspace::FeedRules;
use clearwell::node::{Demand, Node, Put, Removal, Written};
use clearwell::tasks::Tasks;
use clearwell_engine::Origin;
use clearwell_source::postgres::setup;
use clearwell_source::{Source, open};
use fastrand::Rng;

use super::database::{Database, TRUTH};
use super::kinds::POSTGRES_TYPES;
use super::planted::{Fault, Planted};
use super::tables::{Base, Table};
use crate::support::{Postgres, wait_for};

/// Tables of a world.
const TABLES: usize = 30;

pub struct World {
    pub tables: Vec<Table>,
    pub database: Database,
    config: Config,
    fault: Fault,
    running: RefCell<Option<Running>>,
    runtime: tokio::runtime::Runtime,
    tasks: Tasks,
    data: tempfile::TempDir,
}

/// A node at work, with its source as it is beneath a planted fault.
struct Running {
    node: Arc<Node>,
    source: Arc<dyn Source>,
}

impl World {
    /// Draws one. `server` and a name for the database in it; `None`: SQLite.
    pub fn draw(server: Option<(&Postgres, &str)>, fault: Fault, rng: &mut Rng) -> World {
        let base = if server.is_some() { Base::Postgres } else { Base::Sqlite };
        let first = rng.usize(..1000);
        let tables: Vec<Table> =
            (first..first + TABLES).map(|number| Table::draw(base, number, rng)).collect();
        let mut sql: String = server.map_or("", |_| POSTGRES_TYPES).into();
        let mut keyspaces = String::new();
        for table in &tables {
            sql.extend(["", TRUTH].map(|prefix| table.schema(prefix)));
            keyspaces.push_str(&table.config());
        }
        World { tables, ..World::over(server, fault, &sql, &keyspaces) }
    }

    /// A node over a database that is made by these statements, with these keyspaces of the source `main`.
    pub fn over(server: Option<(&Postgres, &str)>, fault: Fault, sql: &str, keyspaces: &str) -> World {
        let data = tempfile::tempdir().expect("a folder");
        let (database, declared) = match server {
            Some((server, name)) => {
                server.psql(&format!("CREATE DATABASE {name}"));
                let url = format!("{}{name}", server.url().trim_end_matches("postgres"));
                (Database::postgres(&url), format!("url = \"{url}\"\nslot = \"{name}\"\nconnections = 2"))
            }
            None => {
                let path = data.path().join("main.db");
                (Database::sqlite(&path), format!("url = \"sqlite://{}\"", path.display()))
            }
        };
        database.run(sql).unwrap_or_else(|wrong| panic!("{wrong}\nof {sql}"));
        // A machine that is busy with other tests is no fault of the source.
        let text =
            format!("max_memory = \"64MB\"\n[source.main]\n{declared}\ntimeout = \"15s\"\n{keyspaces}");
        let config = Config::parse(&text).unwrap_or_else(|wrong| panic!("{wrong}\nof {text}"));
        if let Some(postgres) = &config.sources["main"].postgres {
            let watched = FeedRules::build(&config).expect("valid feeds").watched("main");
            setup(postgres, &watched, true).expect("it is set up");
        }
        let tasks = Tasks::start().expect("a thread");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let running = RefCell::new(None);
        let world = World { tables: Vec::new(), database, config, fault, running, runtime, tasks, data };
        world.restart();
        world
    }

    /// Ends the node and starts another one over the same files.
    pub fn restart(&self) {
        *self.running.borrow_mut() = None;
        // Threads of the earlier node let go of its folder and of its replication slot in their own time.
        let begun = wait_for("a node", || match self.begin() {
            Ok(running) => Some(running),
            Err(wrong) if wrong.contains("another node") => None,
            Err(wrong) => panic!("{wrong}\nof {:?}", self.config),
        });
        *self.running.borrow_mut() = Some(begun);
        self.barrier();
    }

    fn begin(&self) -> Result<Running, String> {
        let watched = FeedRules::build(&self.config).expect("valid feeds").watched("main");
        let declared = &self.config.sources["main"];
        let opened = open("main", declared, self.data.path(), watched, 5);
        let opened = opened.map_err(|wrong| wrong.to_string())?;
        let planted: Arc<dyn Source> = Arc::new(Planted { inner: opened.clone(), fault: self.fault });
        let sources = BTreeMap::from([("main".to_string(), planted)]);
        let node = Node::over_in(self.config.clone(), sources, Some(self.data.path()), self.tasks.handle());
        Ok(Running { node: node.map_err(|wrong| wrong.to_string())?, source: opened })
    }

    fn node(&self) -> Arc<Node> {
        self.running.borrow().as_ref().expect("it runs until it is dropped").node.clone()
    }

    /// From now on the node knows every commit until now.
    pub fn barrier(&self) {
        let source = self.running.borrow().as_ref().expect("it runs until it is dropped").source.clone();
        self.runtime.block_on(source.barrier()).expect("the feed is complete");
    }

    /// A value, and whether it came from memory.
    pub fn read(&self, key: impl AsRef<[u8]>, level: Level) -> (Option<String>, bool) {
        self.runtime.block_on(read(&self.node(), key.as_ref(), level))
    }

    /// Reads of another thread, which begin within so many microseconds each.
    pub fn read_aside(
        &self,
        keys: Vec<(String, Level)>,
        pause_us: u64,
    ) -> std::thread::JoinHandle<Vec<Option<String>>> {
        let (node, tasks) = (self.node(), self.tasks.handle());
        std::thread::spawn(move || {
            let mut seen = Vec::new();
            for (key, level) in keys {
                std::thread::park_timeout(Duration::from_micros(pause_us));
                seen.push(tasks.block_on(read(&node, key.as_bytes(), level)).0);
            }
            seen
        })
    }

    /// Writes; whether it was done.
    pub fn write(&self, key: &str, value: &str, strategy: Strategy) -> Result<(), String> {
        let put = Put { value: value.as_bytes().into(), write: Some(strategy), ..Put::default() };
        let written = self.runtime.block_on(self.node().set(key.as_bytes(), put, Origin::default()).wait());
        match written {
            Ok(Written::Stored) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }

    /// Removes the row, or the entry.
    pub fn remove(&self, key: &str, removal: Removal) -> Result<(), String> {
        let removed = self.node().remove(vec![key.as_bytes().into()], removal);
        self.runtime.block_on(removed.wait()).map(drop).map_err(|wrong| format!("{wrong:?}"))
    }

    /// Everything that was written back is in the source.
    pub fn flush(&self) {
        self.runtime.block_on(self.node().flush_write_back()).expect("it is flushed");
    }

    /// What the node remembers of a key, to be printed.
    pub fn known(&self, key: &str) -> String {
        let node = self.node();
        let known = node.dependencies(key.as_bytes(), 10);
        let texts = |names: &[Box<[u8]>]| {
            names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>()
        };
        format!("tags {:?} depends on {:?}", texts(&known.tags), texts(&known.depends_on))
    }
}

async fn read(node: &Arc<Node>, key: &[u8], level: Level) -> (Option<String>, bool) {
    let demand = Demand { level: Some(level), ..Demand::PLAIN };
    let answer = node.read(key, demand).wait().await;
    let answer = answer.unwrap_or_else(|wrong| panic!("{:?} at {level}: {wrong:?}", key.escape_ascii()));
    (answer.value.map(|value| String::from_utf8_lossy(&value).into_owned()), answer.hit)
}
