//! Settings of a member.

pub use clearwell_words::Addresses;

pub use crate::fences::Fences;
use crate::planted::Planted;
use crate::slot::SLOTS;
use crate::{NodeId, Peer};

/// How far apart members are. Their times follow from it, and all members of a cluster have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// One network in one place: messages take a few milliseconds at most, and a dead owner is replaced within three seconds.
    Lan,
    /// Members far apart, or on machines that may stand still for a second: nobody is suspected before two.
    Wan,
}

impl Profile {
    /// Both.
    pub const ALL: [Profile; 2] = [Profile::Lan, Profile::Wan];

    /// How often a member needs a tick: what it does by time comes late by as much.
    pub fn tick_ms(self) -> u64 {
        match self {
            Profile::Lan => 50,
            Profile::Wan => 100,
        }
    }

    fn heartbeat_ms(self) -> u64 {
        match self {
            Profile::Lan => 300,
            Profile::Wan => 1000,
        }
    }

    fn read_lease_ms(self) -> u64 {
        match self {
            Profile::Lan => 1000,
            Profile::Wan => 2500,
        }
    }

    fn owner_lease_ms(self) -> u64 {
        match self {
            Profile::Lan => 1500,
            Profile::Wan => 4000,
        }
    }

    fn suspect_ms(self) -> u64 {
        match self {
            Profile::Lan => 500,
            Profile::Wan => 2000,
        }
    }
}

/// What a member is told at its start. Times are milliseconds on the member's own clock.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who it is.
    pub me: Peer,
    /// Relative share of slots; 100 is usual, 0 owns nothing.
    pub weight: u32,
    /// Nodes to announce itself to. Empty: it begins a cluster of one.
    pub seeds: Vec<NodeId>,
    /// Where this member can be reached, told to all with its gossip.
    pub addresses: Addresses,
    /// Seed of the member's own randomness.
    pub seed: u64,
    /// How many slots there are; the same on all members.
    pub slots: u16,
    /// Replicas of each slot in a cluster that this member begins.
    pub replicas: u8,
    /// How often a holder asks each owner whose entries it holds what it missed.
    pub heartbeat_ms: u64,
    /// How long a holder serves leased levels without hearing from the owner.
    pub read_lease_ms: u64,
    /// How long an ownership lasts without hearing from a majority of the voters.
    pub owner_lease_ms: u64,
    /// By how many percent two clocks may differ in speed. Who may serve counts shorter by it, who must wait counts longer.
    pub drift_percent: u64,
    /// How long without an answer makes a member suspected; it is declared dead after three times as long.
    pub suspect_ms: u64,
    /// How long a request may wait for others before it is refused.
    pub request_ms: u64,
    /// The most records that are kept for one absent holder.
    pub hints_most: usize,
    /// The most bytes that these may take together.
    pub hint_bytes_most: usize,
    /// The most marks that the owner's log remembers after their records have gone.
    pub tail_most: usize,
    /// How many bytes of slots' contents go into one message.
    pub part_bytes: usize,
    /// How many holders are told of records in one step, and how many are asked whether they have confirmed one; the steps that follow go
    /// on with the others.
    pub told_most: usize,
    /// How many entries of a part one step of a follower takes, and how many requests that waited one step of an owner answers; the steps
    /// that follow go on with the others.
    pub taken_most: usize,
    /// How often replicas are compared slot by slot, 0 for never.
    pub digest_ms: u64,
    /// Which keys need a fence.
    pub fences: Fences,
    /// The bug that is switched on; does nothing without the feature `planted`.
    pub planted: Option<Planted>,
}

impl Config {
    /// Usual settings for `me`, with the times of [`Profile::Lan`].
    pub fn new(me: Peer) -> Config {
        Config::of(me, Profile::Lan)
    }

    /// Usual settings for `me` with the times of a profile.
    pub fn of(me: Peer, profile: Profile) -> Config {
        Config {
            me,
            weight: 100,
            seeds: Vec::new(),
            addresses: Addresses::default(),
            seed: me.node.0,
            slots: SLOTS,
            replicas: 1,
            heartbeat_ms: profile.heartbeat_ms(),
            read_lease_ms: profile.read_lease_ms(),
            owner_lease_ms: profile.owner_lease_ms(),
            drift_percent: 10,
            suspect_ms: profile.suspect_ms(),
            request_ms: 3000,
            hints_most: 100_000,
            hint_bytes_most: 16 << 20,
            tail_most: 100_000,
            part_bytes: 64 * 1024,
            told_most: 64,
            taken_most: 12,
            digest_ms: 10_000,
            fences: Fences::default(),
            planted: None,
        }
    }

    /// A duration for whoever must stop by itself: surely over when the others' [`Config::long`] of it is.
    pub fn short(&self, ms: u64) -> u64 {
        if self.has(Planted::NoDriftMargin) { ms } else { ms - ms * self.drift_percent / 200 }
    }

    /// A duration for whoever must wait until others have surely stopped.
    pub fn long(&self, ms: u64) -> u64 {
        if self.has(Planted::NoDriftMargin) { ms } else { ms + ms * self.drift_percent / 200 + 1 }
    }

    /// How much another clock may show at most for a time that lasts so long by this one, in whatever fraction of a millisecond
    /// both were read.
    pub fn fastest(&self, ms: u64) -> u64 {
        let half = self.drift_percent.min(100);
        (ms + 1) * (200 + half) / (200 - half) + 1
    }

    /// Whether the source has to refuse what former owners may still send for a key.
    pub fn needs_fence(&self, key: &[u8]) -> bool {
        self.fences.has(key) && !self.has(Planted::Unfenced)
    }

    /// Whether a planted bug is on.
    pub fn has(&self, bug: Planted) -> bool {
        cfg!(feature = "planted") && self.planted == Some(bug)
    }
}
