//! Measurements in calm worlds: messages for each invalidation, idle traffic, what a lost message or a cut costs, how long
//! single steps take, and how long slots are without an owner.

mod cut;
pub mod failover;
mod idle;
pub mod steps;
mod thrift;

pub use cut::{AfterCut, after_cut, lost_invalidation};
pub use idle::{Idle, idle};
pub use thrift::{Thrift, thrift};

use clearwell_cluster::Profile;

use crate::options::Options;

/// A world in which nothing goes wrong and nobody asks by himself.
fn calm(nodes: u16, near: u16, keys: u32, slots: u16) -> Options {
    let drawn = Options::draw(1, nodes, 3600, None).calm();
    let (hints_most, tail_most) = (100_000, 100_000);
    Options {
        near,
        keys,
        slots,
        hints_most,
        tail_most,
        clients: 0,
        tags: 8,
        replicas: 1,
        profile: Profile::Wan,
        gossip_start: false,
        digest_ms: 0,
        only_source: true,
        ..drawn
    }
}
