//! What a copy's interest costs in memory, at its holder and at its owner.

use std::fs;

use clearwell_cluster::Bytes;

use super::rig::{Rig, near};
use super::tick::hold;

/// Bytes for each key and holder.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Keys.
    pub keys: usize,
    /// At the holder.
    pub holder: f64,
    /// At the owner.
    pub owner: f64,
}

/// What so many keys cost, each with one holder, by the memory that the process has in use (Linux; 0 elsewhere).
pub fn memory(keys: usize) -> Memory {
    let per_key = |before: u64| resident().saturating_sub(before) as f64 / keys as f64;
    let mut rig = Rig::new();
    let before = resident();
    hold(&mut rig, keys);
    let holder = per_key(before);
    let mut other = Rig::new();
    let before = resident();
    for _ in 0..keys / 500 {
        let some: Vec<Bytes> = (0..500).map(|_| other.key(true)).collect();
        let enlist = other.enlist(near(1), &some);
        other.step(enlist);
    }
    let owner = per_key(before);
    // Neither may be given back before both are measured.
    drop((rig, other));
    Memory { keys, holder, owner }
}

/// Bytes of the process that are in memory.
fn resident() -> u64 {
    const PAGE: u64 = 4096;
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE
}
