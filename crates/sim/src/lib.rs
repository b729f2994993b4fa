//! A seeded world around the coherence protocol of Clearwell: hosts with clocks, disks and memories, links that lose and
//! delay, a source with writers behind the cluster's back, clients; faults of every kind; and checkers for each promise.
//!
//! One seed is one world, to the byte. See `docs/decisions/0021-simulator.md`.
//!
//! ```
//! use clearwell_sim::options::Options;
//! use clearwell_sim::run::{Mask, run};
//!
//! let once = run(Options::draw(7, 3, 30, None), Mask::default());
//! let again = run(Options::draw(7, 3, 30, None), Mask::default());
//! assert!(once.violations.is_empty() && once.ops > 0);
//! assert_eq!(once.hash, again.hash);
//! ```

pub mod acks;
pub mod check;
mod clock;
pub mod counts;
mod crowd;
mod disk;
mod events;
pub mod fault;
pub mod following;
pub mod history;
mod host;
pub mod hunt;
pub mod journals;
pub mod lean;
mod lives;
pub mod many;
pub mod measure;
mod names;
mod network;
pub mod options;
mod queue;
mod rng;
pub mod run;
pub mod scenario;
mod seen;
pub mod shrink;
mod source;
mod story;
mod traffic;
mod value;
mod world;
