//! What the tests that look at a node from outside share: servers started privately, a raw
//! connection, client programs, and waiting on a condition.
//!
//! Every test binary compiles this module for itself and uses a part of it.
#![allow(dead_code, unused_imports, reason = "each test binary uses its own part of the support")]

mod postgres;
mod process;
mod raw;
mod scripts;
mod server;
mod wait;

pub use postgres::Postgres;
pub use process::{Process, rss_bytes};
pub use raw::{Raw, encode};
pub use scripts::{client_dir, node, node_at, node_script, output_of, output_or, python, python_at, tool};
pub use server::{Kind, Options, Server};
pub use wait::{DEADLINE, wait_for, wait_within};
