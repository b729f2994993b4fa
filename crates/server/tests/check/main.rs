//! What an operator is told before and at a start: the configuration checked without and with its databases, addresses of
//! SQLite files, and what `clearwell feed init` prints.

mod addresses;
mod followed;
mod locked;
mod outage;
mod program;
mod publications;
#[path = "../support/mod.rs"]
mod support;
