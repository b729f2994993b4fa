//! Three nodes of one cluster in front of one database: who reads its feed, what every node may show, what survives.

#[allow(dead_code, reason = "the tests of keys without a source use the rest")]
#[path = "../cluster/nodes.rs"]
mod nodes;
mod postgres;
mod reader;
mod refused;
mod sqlite;
#[path = "../support/mod.rs"]
mod support;
mod world;
