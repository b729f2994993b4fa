//! What kind of world a seed makes. Not every fault is in each: a world with few kinds lets each do its worst.

use crate::acks::Acks;
use crate::fault::{self, Fault, Taste};
use crate::following::Following;
use crate::lives::Lives;
use crate::network::Weather;
use crate::queue::Micros;
use crate::rng::Rng;
use crate::source::Tells;
use clearwell_cluster::request::Ack;
use clearwell_cluster::{Planted, Profile};

/// A second.
pub const SECOND: Micros = 1_000_000;

/// Holders whom an owner tells of records in one step, where worlds do not draw fewer: as many as members do by themselves.
pub const TOLD_MOST: usize = 64;

/// How many entries of a part, and how many requests that waited, a step takes up in a server.
pub const TAKEN_MOST: usize = 12;

/// What a world needs at least to be well again after its faults: failovers, transfers that were waited for long, a last comparison.
const HEALING: Micros = 24 * SECOND;

/// How long a client waits for an answer, where nothing else is said.
pub const PATIENCE: Micros = 12 * SECOND;

/// All that distinguishes one world from another.
#[derive(Debug, Clone)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// Nodes at the start.
    pub nodes: u16,
    /// Near caches.
    pub near: u16,
    /// Sessions of clients.
    pub clients: u16,
    /// Keys and tags.
    pub keys: u32,
    /// Tags.
    pub tags: u32,
    /// Slots.
    pub slots: u16,
    /// Replicas at the start.
    pub replicas: u8,
    /// When faults end.
    pub heal: Micros,
    /// When clients end.
    pub quiet: Micros,
    /// When all must have converged, where nothing has to be handed over ([`Options::handing_over`]).
    pub end: Micros,
    /// The times of all members and near caches.
    pub profile: Profile,
    /// The links.
    pub weather: Weather,
    /// The most that a clock is wrong.
    pub drift_ppm: i32,
    /// A client's pause between operations, at most.
    pub think: Micros,
    /// How many of a hundred operations change something.
    pub writes_percent: u32,
    /// How many of a hundred reads are followed by a write of the same key.
    pub writes_read_percent: u32,
    /// How many operations a client begins at once, at most; it awaits all of their answers.
    pub at_once: u64,
    /// How many of a hundred operations invalidate.
    pub invalidates_percent: u32,
    /// How many of a hundred operations a client begins at another host.
    pub moves_percent: u32,
    /// At how many hosts clients ask, near caches first; 0 for all.
    pub homes: u16,
    /// How many of a hundred reads are bounded, where that is not drawn.
    pub bounded_percent: Option<u32>,
    /// How many of a hundred invalidations are wide, where that is not drawn.
    pub wide_percent: Option<u32>,
    /// So many of the clients change things; the others only read, and fill what they missed.
    pub writers: u16,
    /// How many of a hundred operations of those change something while a cut is young, where it differs.
    pub burst_percent: Option<u32>,
    /// How long a client waits for what it reads.
    pub patience: Micros,
    /// How many of a hundred writes go behind the cluster's back.
    pub behind_percent: u32,
    /// How long values live.
    pub lives: Lives,
    /// How many in a million statements fail or stay unanswered in ordinary times.
    pub source_ppm: u32,
    /// How long a statement takes at most in ordinary times.
    pub statement_us: Micros,
    /// Whether statements may take effect long after they were given up.
    pub late_statements: bool,
    /// The feed's delay at most.
    pub feed_us: Micros,
    /// What a load says of the order of what it read.
    pub tells: Tells,
    /// What the feed tells of.
    pub following: Following,
    /// For how long the feed's reader is gone before another node takes over.
    pub reader_us: Micros,
    /// How many of a hundred times that its reader waits for an answer another node takes over.
    pub feed_moves_percent: u32,
    /// Members begin with one node and join by gossip.
    pub gossip_start: bool,
    /// As in the members' settings.
    pub hints_most: usize,
    /// As in the members' settings.
    pub tail_most: usize,
    /// As in the members' settings.
    pub digest_ms: u64,
    /// As in the members' settings.
    pub part_bytes: usize,
    /// As in the members' settings.
    pub told_most: usize,
    /// As in the members' settings.
    pub taken_most: usize,
    /// How many entries a host has room for; 0 for all of them.
    pub room: u32,
    /// How late a thread carries on with what was decided, at most: another one may have been faster.
    pub lag_us: Micros,
    /// How long other work may go on between two places that a walk over a store looks at, or two steps that tell holders of the same record, at most; 0: a walk does
    /// not stop.
    pub walk_us: Micros,
    /// How long a write to a disk takes to last, nearly at most; 0 for no time.
    pub sync_us: Micros,
    /// How long a near cache waits for an owner's answer.
    pub near_request_ms: u64,
    /// All keys have a source.
    pub only_source: bool,
    /// Length of values.
    pub value_bytes: usize,
    /// How many of a hundred operations of writers ask for invalidations that take effect later, or tell what they wait for.
    pub holds_percent: u32,
    /// Which keys without a source wait for their replicas.
    pub acks: Acks,
    /// The bug that is switched on.
    pub planted: Option<Planted>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

impl Options {
    /// The world of a seed; `nodes` 0 lets the seed decide, 3 to 30.
    pub fn draw(seed: u64, nodes: u16, seconds: u64, planted: Option<Planted>) -> Options {
        let mut rng = Rng::new(seed, 1);
        let drawn = match rng.below(10) {
            0..4 => rng.range(3, 5),
            4..7 => rng.range(5, 9),
            7..9 => rng.range(8, 15),
            _ => rng.range(16, 30),
        } as u16;
        let nodes = if nodes == 0 { drawn } else { nodes };
        let near = rng.below(5) as u16;
        let heal = seconds * SECOND * 6 / 10;
        let end = (seconds * SECOND).max(heal + HEALING);
        let drift_ppm = *rng.pick(&[0, 500, 5_000, 30_000, 49_000]);
        let taste = Options::taste(&mut rng, drift_ppm);
        let bulk_bytes_s = *Rng::new(seed, 9).pick(&[0, 0, 20_000, 2_000]);
        let (link_bytes_s, queue_bytes) =
            *Rng::new(seed, 22).pick(&[(0, 0), (0, 0), (0, 0), (20_000, 1_000), (5_000, 300)]);
        let sync_us = *Rng::new(seed, 15).pick(&[0, 0, 2_000, 20_000, 80_000]);
        let mut faults = fault::draw(&mut Rng::new(seed, 2), taste, nodes, nodes + near, SECOND, heal);
        let of_disks = Options::taste_of_disks(&mut Rng::new(seed, 16), sync_us);
        faults.extend(fault::draw(&mut Rng::new(seed, 17), of_disks, nodes, nodes, SECOND, heal));
        let of_gossip = Options::taste_of_gossip(&mut Rng::new(seed, 60));
        faults.extend(fault::draw(&mut Rng::new(seed, 61), of_gossip, nodes, nodes, SECOND, heal));
        faults.sort_by_key(|fault| fault.at);
        Options {
            seed,
            nodes,
            near,
            clients: rng.range(2, 6) as u16,
            keys: *rng.pick(&[10, 20, 40]),
            tags: rng.range(2, 8) as u32,
            slots: *rng.pick(&[8, 16, 32]),
            replicas: *rng.pick(&[1, 1, 1, 2]),
            heal,
            quiet: heal + (end - heal) * 3 / 4,
            end,
            profile: *Rng::new(seed, 46).pick(&Profile::ALL),
            weather: Weather { bulk_bytes_s, link_bytes_s, queue_bytes, ..Options::weather(&mut rng) },
            drift_ppm,
            think: rng.range(20, 150) * 1000,
            writes_percent: *rng.pick(&[5, 20, 40]),
            writes_read_percent: *Rng::new(seed, 20).pick(&[0, 0, 20, 60]),
            at_once: *Rng::new(seed, 21).pick(&[1, 1, 1, 3, 8]),
            invalidates_percent: 4,
            moves_percent: 15,
            homes: 0,
            bounded_percent: None,
            wide_percent: None,
            writers: u16::MAX,
            burst_percent: None,
            patience: PATIENCE,
            behind_percent: *rng.pick(&[0, 20, 50]),
            lives: Lives::draw(&mut Rng::new(seed, 10)),
            source_ppm: *rng.pick(&[0, 0, 20_000]),
            statement_us: *Rng::new(seed, 6).pick(&[2_000, 2_000, 30_000, 300_000]),
            late_statements: rng.percent(25),
            feed_us: *rng.pick(&[2_000, 50_000, 1_000_000]),
            tells: *Rng::new(seed, 28).pick(&[Tells::Exactly, Tells::AtLeast, Tells::Nothing]),
            following: Following::draw(&mut Rng::new(seed, 61), &mut Rng::new(seed, 24)),
            feed_moves_percent: *Rng::new(seed, 26).pick(&[0, 0, 10]),
            reader_us: *Rng::new(seed, 25).pick(&[0, 100_000, 2 * SECOND]),
            gossip_start: rng.percent(20),
            hints_most: *rng.pick(&[8, 100, 100_000]),
            tail_most: *rng.pick(&[8, 100, 100_000]),
            digest_ms: *rng.pick(&[2_000, 10_000]),
            part_bytes: *Rng::new(seed, 8).pick(&[1, 200, 65_536, 65_536]),
            told_most: *Rng::new(seed, 49).pick(&[1, 3, TOLD_MOST, TOLD_MOST]),
            taken_most: *Rng::new(seed, 59).pick(&[1, 3, TAKEN_MOST, TAKEN_MOST]),
            room: *Rng::new(seed, 10).pick(&[0, 0, 3, 8]),
            lag_us: *Rng::new(seed, 13).pick(&[0, 0, 1_000, 20_000]),
            walk_us: *Rng::new(seed, 18).pick(&[0, 0, 1_000, 10_000]),
            sync_us,
            near_request_ms: 3_000,
            only_source: false,
            value_bytes: 0,
            holds_percent: *Rng::new(seed, 48).pick(&[0, 0, 5, 20]),
            acks: Acks::draw(&mut Rng::new(seed, 60)),
            planted,
            faults,
        }
    }

    fn taste(rng: &mut Rng, drift_ppm: i32) -> Taste {
        let kinds = match rng.below(5) {
            0 => (1 << fault::KINDS) - 1,
            1 => 1 << rng.below(u64::from(fault::KINDS)),
            _ => rng.next() as u32 & rng.next() as u32 & ((1 << fault::KINDS) - 1),
        };
        let count = *rng.pick(&[0, 2, 4, 8, 16]);
        let longest_us = *rng.pick(&[500_000, 3 * SECOND, 8 * SECOND, 25 * SECOND]);
        Taste { kinds, count, longest_us, drift_ppm }
    }

    /// Where disks are slow, a crash may come in the midst of a write; in a few worlds disks are full for a while.
    fn taste_of_disks(rng: &mut Rng, sync_us: Micros) -> Taste {
        let crash_in_sync = if sync_us > 0 { fault::CRASH_IN_SYNC } else { 0 };
        let full_disk = *rng.pick(&[0, 0, 0, fault::FULL_DISK]);
        let count = *rng.pick(&[0, 2, 4, 8]);
        let longest_us = *rng.pick(&[500_000, 3 * SECOND, 8 * SECOND]);
        Taste { kinds: crash_in_sync | full_disk, count, longest_us, drift_ppm: 0 }
    }

    /// In a few worlds hosts are deaf to gossip for a while.
    fn taste_of_gossip(rng: &mut Rng) -> Taste {
        let kinds = *rng.pick(&[0, 0, 0, fault::DEAF]);
        let count = *rng.pick(&[1, 2, 4]);
        let longest_us = *rng.pick(&[3 * SECOND, 8 * SECOND, 25 * SECOND]);
        Taste { kinds, count, longest_us, drift_ppm: 0 }
    }

    fn weather(rng: &mut Rng) -> Weather {
        Weather {
            loss_ppm: *rng.pick(&[0, 0, 1_000, 20_000, 100_000]),
            twice_ppm: *rng.pick(&[0, 0, 10_000, 50_000]),
            late_ppm: *rng.pick(&[0, 0, 10_000, 50_000]),
            late_us: *rng.pick(&[20_000, 500_000, 3 * SECOND]),
            delay_us: *rng.pick(&[100, 500, 5_000]),
            jitter_us: *rng.pick(&[200, 2_000, 20_000]),
            bulk_bytes_s: 0,
            link_bytes_s: 0,
            queue_bytes: 0,
        }
    }

    /// How long the links need for all that may have to be handed over when clients have ended. Where they change more than the hints of a follower
    /// hold, it begins anew again and again, and the placement to come is adopted when they have ended: an owner may have to give everything
    /// to one follower then, and once more when that is an owner and has one itself.
    pub fn handing_over(&self) -> Micros {
        /// What an entry takes on its way, with its names, beside its value.
        const ENTRY_BYTES: u64 = 128;
        let bytes = 2 * u64::from(self.keys) * (ENTRY_BYTES + self.value_bytes as u64);
        let needed = (bytes * SECOND).checked_div(self.weather.bulk_bytes_s).unwrap_or(0);
        needed.min(HEALING)
    }

    /// The same world without anything that goes wrong.
    #[must_use]
    pub fn calm(mut self) -> Options {
        self.faults.clear();
        self.weather = Weather { delay_us: 200, jitter_us: 300, ..Weather::default() };
        self.source_ppm = 0;
        self.lives = Lives::NONE;
        self.holds_percent = 0;
        self.late_statements = false;
        self.statement_us = 2_000;
        self.gossip_start = false;
        (self.part_bytes, self.told_most, self.taken_most) = (65_536, TOLD_MOST, TAKEN_MOST);
        (self.room, self.acks) = (0, Acks::All(Ack::Replicas));
        self.drift_ppm = 0;
        self.lag_us = 0;
        self.sync_us = 0;
        self.walk_us = 0;
        self.tells = Tells::Exactly;
        (self.following, self.feed_moves_percent) = (Following::OTHERS, 0);
        (self.at_once, self.writes_read_percent) = (1, 0);
        self
    }
}
