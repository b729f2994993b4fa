//! A real PostgreSQL, started privately: what a source over it promises.

mod feed;
mod gaps;
mod node;
mod rows;
mod setup;
mod speed;
#[path = "../support/mod.rs"]
mod support;
mod together;
mod world;
