//! Warming: over both databases, over RESP and REST, beside readers.

mod checked;
#[path = "../rest/http.rs"]
mod http;
mod listed;
mod readers;
#[path = "../support/mod.rs"]
mod support;
mod world;
