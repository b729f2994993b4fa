//! A Clearwell node as a library: everything that the `clearwell` binary is made of.
//!
//! Only here do things happen: sockets, files, threads and the wall clock. What decides lives in
//! `clearwell-engine` and, for the order of invalidations, in `clearwell-cluster`.

pub mod cli;
pub mod clock;
pub mod config;
pub mod held;
pub mod journal;
pub mod keyspace;
pub mod metrics;
pub mod node;
pub mod page;
pub mod resp;
pub mod rest;
pub mod road;
pub mod running;
pub mod source;
pub mod tasks;
pub mod writeback;
