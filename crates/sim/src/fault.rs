//! What goes wrong in a world, drawn from its seed as a list, so that a failing seed can be run again without some of it.

use std::fmt;

use crate::queue::Micros;
use crate::rng::Rng;

/// One thing that goes wrong, or is changed, at a time. Hosts are meant by number; one that is not up is spared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub at: Micros,
    /// For how long, where it ends.
    pub us: Micros,
    /// What.
    pub what: What,
}

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The process dies in the middle of a step's outputs, this many of them done, and starts again.
    Crash {
        /// Who.
        host: u16,
        /// Outputs that are still carried out.
        outputs: u8,
        /// Whether the disk is there afterwards.
        disk: bool,
    },
    /// The process stands still; its clock does not.
    Pause(u16),
    /// The hosts whose bits are set are cut off from the others, which still reach them when `one_way`.
    Cut {
        /// By host number modulo 64.
        side: u64,
        /// Whether only what the side sends is lost.
        one_way: bool,
    },
    /// One host is cut off.
    Isolate {
        /// Who.
        host: u16,
        /// 0: nothing passes; 1: it only hears; 2: it is only heard.
        way: u8,
    },
    /// The source takes seconds.
    SlowSource,
    /// The source refuses, or does not answer.
    FailingSource,
    /// The feed of commits stands still.
    FeedStalls,
    /// The feed loses commits, and says so when it goes on.
    FeedGap,
    /// A new node joins.
    Join,
    /// A node leaves in order.
    Leave(u16),
    /// The number of replicas changes.
    Replicas(u8),
    /// A node's share changes.
    Weight(u16, u32),
    /// A clock changes its speed.
    Turn(u16, i32),
    /// A near cache ends and another begins.
    Near(u16),
    /// A voter crashes just after it has written down its next word on a view to come, and starts again.
    CrashInChoice {
        /// Who.
        host: u16,
        /// Outputs that are still carried out: its word may be among them.
        outputs: u8,
    },
    /// So many of a hundred messages about views get lost.
    LostChoices(u8),
    /// All nodes lose their power, and come back one after another.
    Outage,
    /// The process dies while its next write is on its way to the disk, and starts again.
    CrashInSync(u16),
    /// A node's disk takes no writes.
    FullDisk(u16),
    /// The hosts whose bits are set, by host number modulo 64, hear no gossip and all else: they take others for dead that live.
    Deaf(u64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8.3} s  ", self.at as f64 / 1e6)?;
        let long = self.us as f64 / 1e6;
        match self.what {
            What::Crash { host, disk: true, .. } => write!(f, "node {host} crashes, back after {long:.1} s"),
            What::Crash { host, .. } => write!(f, "node {host} crashes and loses its disk"),
            What::Pause(host) => write!(f, "host {host} is paused for {long:.1} s"),
            What::Cut { side, one_way } => {
                let way = if one_way { "from side" } else { "around side" };
                write!(f, "a cut {way} {side:b} for {long:.1} s")
            }
            What::Isolate { host, way } => {
                let way = ["is cut off", "only hears", "is only heard"][usize::from(way % 3)];
                write!(f, "host {host} {way} for {long:.1} s")
            }
            What::SlowSource => write!(f, "the source is slow for {long:.1} s"),
            What::FailingSource => write!(f, "the source fails for {long:.1} s"),
            What::FeedStalls => write!(f, "the feed stands still for {long:.1} s"),
            What::FeedGap => write!(f, "the feed has a gap of {long:.1} s"),
            What::Join => write!(f, "a node joins"),
            What::Leave(host) => write!(f, "node {host} leaves"),
            What::Replicas(replicas) => write!(f, "{replicas} replicas from now on"),
            What::Weight(host, weight) => write!(f, "node {host} has weight {weight} from now on"),
            What::Turn(host, ppm) => write!(f, "the clock of host {host} is {ppm} ppm fast from now on"),
            What::Near(host) => write!(f, "near cache {host} ends and another begins"),
            What::CrashInChoice { host, .. } => {
                write!(f, "node {host} crashes at its next word on a view, back after {long:.1} s")
            }
            What::LostChoices(percent) => {
                write!(f, "{percent} of a hundred messages about views are lost for {long:.1} s")
            }
            What::CrashInSync(host) => {
                write!(f, "node {host} crashes in its next write to the disk, back after {long:.1} s")
            }
            What::FullDisk(host) => write!(f, "the disk of node {host} is full for {long:.1} s"),
            What::Deaf(side) => write!(f, "side {side:b} hears no gossip for {long:.1} s"),
            What::Outage => write!(f, "all nodes lose their power for {long:.1} s and less"),
        }
    }
}

/// Which kinds a seed has, and how large.
#[derive(Debug, Clone, Copy)]
pub struct Taste {
    /// One bit for each kind of `draw_one`.
    pub kinds: u32,
    /// How many.
    pub count: u32,
    /// The longest; in some worlds beyond every time-out.
    pub longest_us: Micros,
    /// The most that a clock is wrong, in millionths.
    pub drift_ppm: i32,
}

/// How many kinds an ordinary seed chooses from.
pub const KINDS: u32 = 14;

/// [`What::CrashInChoice`]: a kind that only worlds have that lean to it. Among the ordinary ones it would make every seed another world.
pub const CRASH_IN_CHOICE: u32 = 1 << 14;
/// [`What::LostChoices`].
pub const LOST_CHOICES: u32 = 1 << 15;
/// [`What::Outage`].
pub const OUTAGE: u32 = 1 << 16;
/// [`What::CrashInSync`].
pub const CRASH_IN_SYNC: u32 = 1 << 17;
/// [`What::FullDisk`].
pub const FULL_DISK: u32 = 1 << 18;
/// [`What::Deaf`].
pub const DEAF: u32 = 1 << 19;
const ALL_KINDS: u32 = 20;

/// No two disks are lost within this time.
const DISKS_APART: Micros = 15_000_000;

/// Draws the faults of a world, in order of time. `hosts` includes near caches, which come after the nodes.
pub fn draw(rng: &mut Rng, taste: Taste, nodes: u16, hosts: u16, from: Micros, until: Micros) -> Vec<Fault> {
    let kinds: Vec<u32> = (0..ALL_KINDS).filter(|kind| taste.kinds >> kind & 1 == 1).collect();
    if kinds.is_empty() {
        return Vec::new();
    }
    let mut faults: Vec<Fault> = Vec::new();
    let mut disks_lost_at: Vec<Micros> = Vec::new();
    for _ in 0..taste.count {
        let at = rng.range(from, until);
        let us = rng.range(100_000, taste.longest_us).min(until.saturating_sub(at).max(100_000));
        let kind = *rng.pick(&kinds);
        let what = draw_one(rng, kind, taste, nodes, hosts);
        let loses_disk = matches!(what, What::Crash { disk: false, .. });
        if loses_disk && disks_lost_at.iter().any(|other| other.abs_diff(at) < DISKS_APART) {
            continue;
        }
        if loses_disk {
            disks_lost_at.push(at);
        }
        faults.push(Fault { at, us, what });
    }
    faults.sort_by_key(|fault| fault.at);
    faults
}

/// The lowest nodes are voters at first.
const VOTERS: u16 = 5;

fn draw_one(rng: &mut Rng, kind: u32, taste: Taste, nodes: u16, hosts: u16) -> What {
    let node = rng.below(u64::from(nodes)) as u16;
    let host = rng.below(u64::from(hosts)) as u16;
    match kind {
        0 => What::Crash { host: node, outputs: rng.below(5) as u8, disk: true },
        1 => What::Crash { host: node, outputs: rng.below(5) as u8, disk: false },
        2 => What::Pause(host),
        3 => What::Cut { side: rng.next(), one_way: false },
        4 => What::Cut { side: rng.next(), one_way: true },
        5 => What::Isolate { host, way: rng.below(3) as u8 },
        6 => What::SlowSource,
        7 => What::FailingSource,
        8 => *rng.pick(&[What::FeedStalls, What::FeedGap]),
        9 => What::Join,
        10 => What::Leave(node),
        11 => *rng.pick(&[What::Replicas(1), What::Replicas(2), What::Replicas(0)]),
        12 => What::Weight(node, *rng.pick(&[50, 100, 200])),
        14 => What::CrashInChoice {
            host: rng.below(u64::from(nodes.min(VOTERS))) as u16,
            outputs: rng.below(4) as u8,
        },
        15 => What::LostChoices(*rng.pick(&[50, 80])),
        16 => What::Outage,
        17 => What::CrashInSync(node),
        18 => What::FullDisk(node),
        19 => {
            let some = rng.next();
            What::Deaf(*rng.pick(&[u64::MAX, some, 1 << (node % 64)]))
        }
        _ => *rng.pick(&[
            What::Turn(host, taste.drift_ppm),
            What::Turn(host, -taste.drift_ppm),
            What::Near(host.max(nodes)),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_lie_in_their_time_and_only_kinds_that_were_wanted_come() {
        let taste = Taste { kinds: 1 << 2 | 1 << 6, count: 50, longest_us: 1_000_000, drift_ppm: 0 };
        let faults = draw(&mut Rng::new(1, 1), taste, 5, 8, 10, 5_000_000);
        assert_eq!(faults.len(), 50);
        assert!(faults.is_sorted_by_key(|fault| fault.at));
        assert!(faults.iter().all(|f| matches!(f.what, What::Pause(_) | What::SlowSource)));
        assert!(faults.iter().any(|f| f.what == What::SlowSource));
    }

    #[test]
    fn ordinary_seeds_have_no_faults_that_only_leaning_worlds_have() {
        let rare = |fault: &Fault| matches!(fault.what, What::CrashInChoice { .. } | What::LostChoices(_));
        for seed in 0..200 {
            let options = crate::options::Options::draw(seed, 0, 60, None);
            assert!(!options.faults.iter().any(rare), "seed {seed}");
            let faults = options.lean_to(crate::lean::Part::Choice).faults;
            assert!(faults.iter().any(rare), "seed {seed}");
        }
    }

    /// Each was compared with the one drawn before it alone, which may lie far away: three of five disks were lost within a
    /// second (seed 526).
    #[test]
    fn disks_are_lost_far_apart() {
        for seed in 0..200 {
            let taste = Taste { kinds: 1 << 1, count: 16, longest_us: 5_000_000, drift_ppm: 0 };
            let faults = draw(&mut Rng::new(seed, 2), taste, 8, 10, 0, 60_000_000);
            let apart = faults.windows(2).all(|pair| pair[1].at - pair[0].at >= DISKS_APART);
            assert!(apart && faults.len() > 1, "seed {seed}: {faults:?}");
        }
    }
}
