//! The REST surface over a real listener: every field, header and error text that clients see.

mod cut;
mod described;
mod entries;
mod errors;
mod events;
mod figures;
mod freshness;
mod graph;
mod held;
mod hosts;
mod http;
mod page;
#[allow(dead_code)]
#[path = "../node/source.rs"]
mod source;
#[path = "../support/wait.rs"]
mod wait;
mod why;
mod world;
