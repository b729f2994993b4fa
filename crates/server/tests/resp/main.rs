//! The Redis protocol's surface over real sockets: replies byte for byte, transactions, late fills, limits.

mod aside;
mod bad_input;
mod channels;
mod connections;
mod cw;
mod deletions;
mod eviction;
mod fills;
mod handshakes;
mod limits;
mod near;
mod renames;
#[path = "../node/source.rs"]
#[allow(dead_code, reason = "written for the tests of the node, which use all of it")]
mod source;
mod sources;
mod started;
#[path = "../support/mod.rs"]
mod support;
mod told;
mod transactions;
mod ttl;
mod values;
mod why;
mod wire;
mod writers;
