//! Chance, from the system: what nobody can guess, and what nobody need to.

use std::io;

use crate::hello::Nonce;

/// A nonce that was never used.
///
/// # Errors
/// The system has no randomness.
pub fn nonce() -> io::Result<Nonce> {
    let mut nonce = Nonce::default();
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    Ok(nonce)
}

/// A number by which a process is known.
///
/// # Errors
/// The system has no randomness.
pub fn number() -> io::Result<u64> {
    getrandom::u64().map_err(io::Error::other)
}

/// A number that spreads waits.
#[expect(clippy::disallowed_methods, reason = "this is where it comes from")]
pub fn spread() -> u64 {
    fastrand::u64(..)
}
