//! A real PostgreSQL, started privately: what a source over it promises.

mod batch;
mod bench;
mod catalog;
mod crash;
mod feed;
mod fences;
mod gaps;
mod generated;
mod locked;
mod node;
mod rows;
mod setup;
mod slow;
mod speed;
mod standby;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod together;
mod world;
