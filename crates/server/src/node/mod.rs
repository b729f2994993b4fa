//! A node: the read policy, the write policy and the road of invalidations, for every surface alike.

mod altered;
mod answer;
mod awaited;
mod back;
mod background;
mod backlog;
mod cluster;
mod condition;
mod demand;
mod dependencies;
mod draft;
mod feeds;
mod follow;
mod invalidate;
mod keeper;
mod kept_news;
mod keys;
mod lease;
mod load;
mod look;
mod member;
mod near;
mod news;
mod notices;
mod read;
mod refusals;
mod removal;
mod reports;
mod silence;
mod start;
mod through;
mod update;
mod verified;
mod warm;
mod why;
mod work;
mod write;

use clearwell_host::Host;

use background::BackgroundWork;
use backlog::Backlog;
use condition::Turns;
use feeds::Feeds;
use keeper::Keeper;
use reports::Reports;

pub use answer::{Answer, ReadError, Turn, WriteError};
pub use cluster::{
    ClusterEnd, ClusterFigures, ClusterReport, ClusterStart, Entrance, Grade, NodeReport, NodeState, Place,
    Sentence, SlotRow, Unordered,
};
pub use condition::Condition;
pub use demand::Demand;
pub use dependencies::{cursor_of, parse_cursor, state_of};
pub use feeds::{FeedReport, Neglected};
pub use invalidate::{Invalidated, Reached};
pub use near::NearMisses;
pub use news::{CoveredKeys, Happened, NewsItem, NewsPosition};
pub use notices::{Asked, Hear, Notices};
pub use read::ReadOutcome;
pub use refusals::{DroppedFill, Why};
pub use removal::Removal;
pub use start::{Sources, StartError};
pub use why::{KeyStory, WhyStep, cause_of, effect_of, scope_of};
pub use write::{Put, Written};

use crate::clock::NodeClock;
use crate::config::Config;
use crate::data::DataFolder;
use crate::keyspace::Keyspaces;

/// One node. The surfaces (RESP, REST, the library) only translate to and from its verbs.
pub struct Node {
    /// The cache itself, and the member that decides the order of all invalidations. Nobody else has them: what is done with them
    /// is a verb of the node.
    host: Host,
    /// The cluster that the node is one of; `None`: it is alone.
    cluster: Option<cluster::Cluster>,
    /// What keys mean.
    keyspaces: Keyspaces,
    /// The clocks.
    clock: NodeClock,
    /// What is told of the node.
    reports: Reports,
    /// Work that outlives whoever asked for it.
    background: BackgroundWork,
    /// What the node was configured with.
    config: Config,
    /// Names this process: leases of an earlier one are not honoured.
    run_id: u64,
    /// Writes that the sources do not have yet.
    backlog: Backlog,
    /// What the sources' commits make old, and whether they are told of.
    feeds: Feeds,
    /// What is held until a time or an event.
    keeper: Keeper,
    turns: Turns,
    /// Held as long as the node lives.
    _folder: Option<DataFolder>,
}

impl Node {
    /// The clocks.
    #[inline]
    pub fn clock(&self) -> &NodeClock {
        &self.clock
    }

    /// What the node was configured with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Names this process.
    pub fn run_id(&self) -> u64 {
        self.run_id
    }
}
