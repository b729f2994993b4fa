//! A node in this process, for a replay without an address.

/// A node that serves RESP on a free port of the loopback, as long as this is held.
pub struct Local {
    /// Where it listens.
    pub addr: String,
}

/// Starts one with nothing configured: no source, the default memory.
///
/// # Errors
/// In words: why it does not run.
pub fn start_local() -> Result<Local, String> {
    Err("this build has no node to start; give the address of one with --addr".to_owned())
}
