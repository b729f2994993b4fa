//! A Clearwell node as a library: everything that the `clearwell` binary is made of.
//!
//! Things happen here and, where they are a database's, in `clearwell-source`: sockets, files, threads and the wall clock.
//! What decides lives in `clearwell-engine` and, for the order of invalidations, in `clearwell-cluster`.
//!
//! A node inside a program, over its own SQLite database:
//!
//! ```
//! use clearwell::config::Config;
//! use clearwell::node::{Demand, Node};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let data = folder.path();
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! let config = Config::parse(
//!     r#"
//!     [source.main]
//!     url  = "sqlite://posts.db"
//!     seed = "CREATE TABLE posts (id INTEGER PRIMARY KEY, content TEXT); INSERT INTO posts VALUES (1, 'Rain all day.')"
//!
//!     [[keyspace]]
//!     pattern = "post:{id:int}"
//!     source  = "main"
//!     load    = "SELECT content FROM posts WHERE id = :id"
//!
//!     [[keyspace.feed]]
//!     table = "posts"
//!     keys  = ["post:{id}"]
//!     "#,
//! )?;
//! let node = Node::start(config, data, runtime.handle().clone())?;
//! let answer = runtime.block_on(node.read(b"post:1", Demand::PLAIN).wait())?;
//! assert_eq!(answer.value.as_deref(), Some(b"Rain all day.".as_slice()));
//! # Ok(())
//! # }
//! ```

pub mod cli;
pub mod clock;
pub mod config;
mod data;
pub mod figures;
pub mod held;
pub mod journal;
pub mod keyspace;
pub mod membership;
pub mod metrics;
pub mod node;
pub mod page;
mod planted;
pub mod resp;
pub mod rest;
pub mod road;
pub mod running;
pub mod syntax;
pub mod tasks;
pub mod warm;
pub mod writeback;
