//! Gaps are never silent: a whole node under load, and what it says and serves while it cannot know what was committed.

mod failover;
mod latency;
mod load;
mod slot;
mod sqlite;
#[path = "../support/mod.rs"]
mod support;
mod surfaces;
mod world;
