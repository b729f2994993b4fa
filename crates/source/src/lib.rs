//! Sources: the databases that a Clearwell node stands in front of, where truth is read and written, and the stream of
//! their commits (change data capture).
//!
//! A [`Source`] speaks rows and statements. It knows neither keys nor tags, and no cache: what a row means to one is for
//! whoever follows it. SQLite is followed by triggers ([`sqlite`]), PostgreSQL by its log ([`postgres`]).
//!
//! A write is told to the follower before it is answered:
//!
//! ```
//! use std::path::Path;
//! use std::sync::{Arc, mpsc};
//!
//! use clearwell_source::config::{SourceConfig, SqliteMode};
//! use clearwell_source::{Cell, Commit, Follower, Param, RowWrite, Statement, Watched, open};
//!
//! struct Told(mpsc::Sender<Commit>);
//!
//! impl Follower for Told {
//!     fn committed(&self, _: &str, commit: &Commit) {
//!         self.0.send(commit.clone()).expect("somebody reads it");
//!     }
//!     fn lost(&self, _: &str, why: &str) {
//!         panic!("{why}");
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let seed = "CREATE TABLE posts (id INTEGER PRIMARY KEY, content TEXT); INSERT INTO posts VALUES (1, 'Rain.')";
//! let config = SourceConfig {
//!     mode: SqliteMode::Memory,
//!     seed: Some(seed.into()),
//!     timeout_ms: 2_000,
//!     ..SourceConfig::default()
//! };
//! let watched = vec![Watched { table: "posts".into(), columns: vec!["id".into()] }];
//! let source = open("main", &config, Path::new(""), watched, 5)?;
//! let (told, commits) = mpsc::channel();
//! source.follow(Arc::new(Told(told)))?;
//!
//! let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! let id = || vec![Param { name: "id".into(), value: Cell::Integer(1) }];
//! let write = RowWrite {
//!     statement: Statement("UPDATE posts SET content = 'Sun.' WHERE id = :id".into()),
//!     params: id(),
//!     read_back: None,
//!     committed: Box::new(|_| ()),
//! };
//! assert_eq!(runtime.block_on(source.write(write))?.rows, 1);
//! let changed = commits.try_recv()?.changes.remove(0);
//! assert_eq!(changed.new.and_then(|row| row.get("id").cloned()), Some(Cell::Integer(1)));
//!
//! let load = Statement("SELECT content FROM posts WHERE id = :id".into());
//! let row = runtime.block_on(source.load(&load, id()))?;
//! assert_eq!(row.and_then(|row| row.get("content").cloned()), Some(Cell::Text("Sun.".into())));
//! # Ok(())
//! # }
//! ```

#![warn(clippy::disallowed_types)]

mod commit;
pub mod config;
mod error;
mod exchange;
mod nearest;
mod open;
mod pages;
pub mod postgres;
mod row;
mod shares;
mod source;
pub mod sqlite;
mod statement;
mod table;
mod verification;

pub use commit::{Altered, AlteredLoad, Commit, Heard, RowChange, Watched};
pub use error::SourceError;
pub use exchange::{FeedExchange, FeedMark};
pub use nearest::nearest;
pub use open::{inspect, open};
pub use pages::{Pages, RowPage};
pub use row::{Cell, Row};
pub use shares::{Crowd, ShareHolder};
pub use source::{Follower, Later, Source};
pub use statement::{Param, Receipt, RowWrite, Shape, Statement};
pub use table::{Column, ColumnKind, Exact, Table};
pub use verification::{Doubt, Turned, Verification, Verified};
