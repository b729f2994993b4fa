//! Worlds that lean to a part of the protocol: what that part is for comes often in them.

use super::{
    CRASH, CRASH_WITHOUT_DISK, CUTS, FAILING_SOURCE, ISOLATE, JOIN, LEAVE, NEAR, PAUSE, REPLICAS,
    SLOW_SOURCE, WEIGHT, brisk_links, slow_links,
};
use crate::fault::{CRASH_IN_CHOICE, CRASH_IN_SYNC, DEAF, FULL_DISK, LOST_CHOICES, OUTAGE};
use crate::network::Weather;
use crate::options::{Options, SECOND};

/// A part of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The agreement on views: voters crash in the midst of it, its messages get lost, several propose at once.
    Choice,
    /// Slots all of whose holders were gone: crashes one upon another, each with its disk.
    Stranding,
    /// Slots that go from one owner to another while both live.
    Handover,
    /// Owners' leases that end, and views that follow one another.
    Leases,
    /// Write-back: values on their way to the source when their owner goes.
    WriteBack,
    /// Values under names of many owners: tags and dependencies.
    Shared,
    /// Copies far from their owners, over links that lose and reorder.
    Copies,
    /// Statements that the source carries out late, or of which nobody hears.
    LateSource,
    /// Disks that are slow and full, and crashes while something is on its way to one.
    Disks,
    /// Nodes that take others for dead that live, and some that are.
    Mistaken,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 10] = [
        Part::Choice,
        Part::Stranding,
        Part::Handover,
        Part::Leases,
        Part::WriteBack,
        Part::Shared,
        Part::Copies,
        Part::LateSource,
        Part::Disks,
        Part::Mistaken,
    ];
}

impl Options {
    /// The same seed's world, leaning to a part of the protocol.
    #[must_use]
    pub fn lean_to(self, part: Part) -> Options {
        let busy = Options { keys: 10, clients: 6, think: 20_000, writes_percent: 40, ..self };
        let few = busy.nodes.min(6);
        let (world, kinds, count, longest_us) = match part {
            Part::Choice => (
                Options {
                    nodes: busy.nodes.clamp(5, 7),
                    near: 0,
                    clients: 3,
                    think: 100_000,
                    weather: wild_links(),
                    ..busy
                },
                CRASH_IN_CHOICE | LOST_CHOICES | CRASH | ISOLATE | JOIN | WEIGHT | REPLICAS,
                40,
                5 * SECOND,
            ),
            Part::Stranding => (
                Options {
                    nodes: busy.nodes.clamp(4, 5),
                    near: busy.near.min(1),
                    statement_us: 300_000,
                    ..busy
                },
                CRASH | ISOLATE | PAUSE | OUTAGE | SLOW_SOURCE | FAILING_SOURCE,
                40,
                8 * SECOND,
            ),
            Part::Handover => (
                Options {
                    nodes: few,
                    near: 6,
                    clients: 16,
                    keys: 20,
                    weather: Weather { loss_ppm: 5_000, bulk_bytes_s: 1_000, ..slow_links() },
                    part_bytes: 200,
                    invalidates_percent: 15,
                    ..busy
                },
                JOIN | LEAVE | WEIGHT | REPLICAS | ISOLATE | CRASH,
                24,
                3 * SECOND,
            ),
            Part::Leases => (
                Options { nodes: busy.nodes.min(5), clients: 20, near: 2, ..busy },
                ISOLATE | PAUSE | CUTS | WEIGHT,
                24,
                6 * SECOND,
            ),
            Part::WriteBack => (
                Options { nodes: few, statement_us: 300_000, behind_percent: 30, ..busy },
                CRASH | CRASH_WITHOUT_DISK | SLOW_SOURCE | FAILING_SOURCE | WEIGHT,
                24,
                5 * SECOND,
            ),
            Part::Shared => (
                Options {
                    near: 4,
                    keys: 40,
                    tags: 8,
                    clients: 12,
                    weather: slow_links(),
                    writes_percent: 20,
                    invalidates_percent: 10,
                    ..busy
                },
                CRASH | ISOLATE | WEIGHT | CUTS,
                12,
                3 * SECOND,
            ),
            Part::Copies => (
                Options {
                    near: 6,
                    clients: 16,
                    hints_most: 2,
                    weather: Weather { loss_ppm: 50_000, twice_ppm: 50_000, ..slow_links() },
                    writes_percent: 15,
                    ..busy
                },
                ISOLATE | PAUSE | NEAR | CUTS | CRASH,
                16,
                4 * SECOND,
            ),
            Part::LateSource => (
                Options {
                    late_statements: true,
                    source_ppm: 100_000,
                    statement_us: 300_000,
                    behind_percent: 20,
                    clients: 12,
                    ..busy
                },
                CRASH | ISOLATE | FAILING_SOURCE | WEIGHT,
                12,
                5 * SECOND,
            ),
            Part::Disks => (
                Options { nodes: few, sync_us: 80_000, statement_us: 300_000, behind_percent: 20, ..busy },
                CRASH_IN_SYNC | FULL_DISK | CRASH | CRASH_WITHOUT_DISK | ISOLATE | FAILING_SOURCE | WEIGHT,
                24,
                5 * SECOND,
            ),
            Part::Mistaken => (
                Options { nodes: busy.nodes.clamp(3, 6), clients: 3, think: 100_000, ..busy },
                DEAF | CRASH | CRASH_WITHOUT_DISK | ISOLATE | JOIN | LEAVE,
                24,
                5 * SECOND,
            ),
        };
        world.with_faults(kinds, count, longest_us)
    }
}

/// Links that lose, double and overtake much of what they carry.
fn wild_links() -> Weather {
    Weather { loss_ppm: 50_000, late_ppm: 200_000, late_us: 2 * SECOND, twice_ppm: 300_000, ..brisk_links() }
}
