//! A node over a database with drawn tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use clearwell::config::{Config, Level, Strategy};
use clearwell::keyspace::FeedRules;
use clearwell::node::{Demand, Node, Put, Removal, Written};
use clearwell::source::postgres::setup;
use clearwell::source::{self, Source};
use clearwell::tasks::Tasks;
use clearwell_engine::Origin;
use fastrand::Rng;

use super::database::{Database, TRUTH};
use super::kinds::POSTGRES_TYPES;
use super::planted::{Fault, Planted};
use super::tables::{Base, Table};
use crate::support::Postgres;

/// Tables of a world.
const TABLES: usize = 30;

pub struct World {
    pub tables: Vec<Table>,
    pub database: Database,
    node: Option<Arc<Node>>,
    source: Arc<dyn Source>,
    runtime: tokio::runtime::Runtime,
    _tasks: Tasks,
    _data: tempfile::TempDir,
}

impl World {
    /// Draws one. `server` and a name for the database in it; `None`: SQLite.
    pub fn draw(server: Option<(&Postgres, &str)>, fault: Fault, rng: &mut Rng) -> World {
        let base = if server.is_some() { Base::Postgres } else { Base::Sqlite };
        let first = rng.usize(..1000);
        let tables: Vec<Table> =
            (first..first + TABLES).map(|number| Table::draw(base, number, rng)).collect();
        let data = tempfile::tempdir().expect("a folder");
        let (database, declared) = match server {
            Some((server, name)) => {
                server.psql(&format!("CREATE DATABASE {name}"));
                let url = format!("{}{name}", server.url().trim_end_matches("postgres"));
                let database = Database::postgres(&url);
                database.run(POSTGRES_TYPES).expect("its types are made");
                (database, format!("url = \"{url}\"\nslot = \"{name}\"\nconnections = 2"))
            }
            None => {
                let path = data.path().join("main.db");
                (Database::sqlite(&path), format!("url = \"sqlite://{}\"", path.display()))
            }
        };
        // A machine that is busy with other tests is no fault of the source.
        let mut text = format!("max_memory = \"64MB\"\n[source.main]\n{declared}\ntimeout = \"15s\"\n");
        for table in &tables {
            for prefix in ["", TRUTH] {
                database.run(&table.schema(prefix)).unwrap_or_else(|wrong| panic!("{wrong} of {table:?}"));
            }
            text.push_str(&table.config());
        }
        let config = Config::parse(&text).unwrap_or_else(|wrong| panic!("{wrong}\nof {text}"));
        let watched = FeedRules::build(&config).expect("valid feeds").watched("main");
        let main = &config.sources["main"];
        if let Some(postgres) = &main.postgres {
            setup(postgres, &watched, true).expect("it is set up");
        }
        let opened = source::open("main", main, data.path(), watched, 5).expect("it opens");
        let planted = Arc::new(Planted { inner: opened.clone(), fault });
        let sources = BTreeMap::from([("main".to_string(), planted as Arc<dyn Source>)]);
        let tasks = Tasks::start().expect("a thread");
        let node = Node::over_in(config, sources, Some(data.path()), tasks.handle());
        let node = node.unwrap_or_else(|wrong| panic!("{wrong}\nof {text}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let world =
            World { tables, database, node: Some(node), source: opened, runtime, _tasks: tasks, _data: data };
        world.barrier();
        world
    }

    fn node(&self) -> &Arc<Node> {
        self.node.as_ref().expect("it runs until it is dropped")
    }

    /// From now on the node knows every commit until now.
    pub fn barrier(&self) {
        self.runtime.block_on(self.source.barrier()).expect("the feed is complete");
    }

    /// A value, and whether it came from memory.
    pub fn read(&self, key: &str, level: Level) -> (Option<String>, bool) {
        let demand = Demand { level: Some(level), ..Demand::PLAIN };
        let answer = self.runtime.block_on(self.node().read(key.as_bytes(), demand).wait());
        let answer = answer.unwrap_or_else(|wrong| panic!("{key} at {level}: {wrong:?}"));
        (answer.value.map(|value| String::from_utf8_lossy(&value).into_owned()), answer.hit)
    }

    /// Writes; whether it was done.
    pub fn write(&self, key: &str, value: &str, strategy: Strategy) -> Result<(), String> {
        let put = Put { value: value.into(), write: Some(strategy), ..Put::default() };
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
        let known = node.engine.dependencies(key.as_bytes(), 10, node.clock.now());
        let texts = |names: &[Box<[u8]>]| {
            names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>()
        };
        format!("tags {:?} depends on {:?}", texts(&known.tags), texts(&known.depends_on))
    }
}
