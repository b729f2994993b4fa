//! A node in this process, for a replay without an address.

use std::net::TcpListener;

use crate::config::Config;
use crate::running::Running;

/// A node that serves RESP on a free port of the loopback, as long as this is held.
pub struct Local {
    /// Where it listens.
    pub addr: String,
    _running: Running,
}

/// Starts one with nothing configured: no source, the default memory.
///
/// # Errors
/// In words: why it does not run.
pub fn start_local() -> Result<Local, String> {
    let config = Config::parse("").map_err(|error| error.to_string())?;
    let listen = || TcpListener::bind("127.0.0.1:0").map_err(|error| format!("no free port: {error}"));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let nowhere = std::path::Path::new("");
    let running =
        Running::start(config, nowhere, listen()?, listen()?, workers).map_err(|error| error.to_string())?;
    Ok(Local { addr: running.resp_address().to_string(), _running: running })
}
