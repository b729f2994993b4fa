//! Write-back over a real PostgreSQL and over SQLite: the stories that must hold, kill -9, and a disk that is full.

mod checker;
mod disk;
mod killed;
mod stories;
#[path = "../support/mod.rs"]
mod support;
mod surfaces;
mod world;
