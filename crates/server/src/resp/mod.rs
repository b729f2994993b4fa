//! The Redis protocol's surface: it only translates.
//!
//! The road of a request: `listener` hands a socket to a worker thread; `connection` reads what is there; `batch`
//! decodes and runs it, request after request, and the replies leave in one write; `dispatch` checks a request against THE
//! table; a file of `commands` turns arguments into one of the node's verbs and the answer into bytes.

mod aside;
mod batch;
mod channels;
mod commands;
mod connection;
mod dispatch;
mod gate;
mod info;
mod listener;
mod listeners;
mod meter;
mod misses;
mod monitor;
mod notify;
mod pause;
mod policy;
mod pools;
mod process;
mod refused;
mod registry;
mod route;
mod server;
mod session;
mod settings;
mod slowlog;
mod step;
pub mod topology;

pub use listener::{RespServing, serve};
