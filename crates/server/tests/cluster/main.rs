//! Three nodes of one cluster as programs of their own: any of them answers for any key.

mod clients;
mod everywhere;
mod failover;
mod nodes;
mod plain;
mod redirect;
#[path = "../support/mod.rs"]
mod support;
mod tags;
mod transactions;
