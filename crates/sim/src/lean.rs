//! Worlds that lean to a planted bug, or to a part of the protocol (`part.rs`): what it needs to show comes often in them. A bug that needs a lost message, a full
//! memory and a cut at once would else wait for thousands of seeds. The promises are the same: without the bug they hold.

mod part;

pub use part::Part;

use clearwell_cluster::Planted;
use clearwell_cluster::request::Ack;

use crate::acks::Acks;
use crate::fault::{self, CRASH_IN_SYNC, Taste, What};
use crate::following::Following;
use crate::lives::Lives;
use crate::network::Weather;
use crate::options::{Options, SECOND, TAKEN_MOST, TOLD_MOST};
use crate::rng::Rng;

const CRASH: u32 = 1;
const CRASH_WITHOUT_DISK: u32 = 1 << 1;
const PAUSE: u32 = 1 << 2;
const CUTS: u32 = 1 << 3 | 1 << 4;
const ISOLATE: u32 = 1 << 5;
const SLOW_SOURCE: u32 = 1 << 6;
const FAILING_SOURCE: u32 = 1 << 7;
const JOIN: u32 = 1 << 9;
const LEAVE: u32 = 1 << 10;
const REPLICAS: u32 = 1 << 11;
const WEIGHT: u32 = 1 << 12;
const NEAR: u32 = 1 << 13;

impl Options {
    /// The same seed's world, with more of what the bug that is looked for needs.
    #[must_use]
    pub fn lean(self, to: Planted) -> Options {
        // What ends by itself, or is told twice, hides what should have been taken away.
        let lasting = Options {
            lives: Lives::NONE,
            holds_percent: 0,
            following: Following::OTHERS,
            feed_moves_percent: 0,
            acks: Acks::All(Ack::Replicas),
            ..self.without_drags()
        };
        if !needs_it(to) {
            return lasting;
        }
        let busy = Options { keys: 10, clients: 6, think: 20_000, writes_percent: 40, ..lasting };
        // Late threads are what two bugs need, and not the others.
        let busy = Options { lag_us: 0, ..busy };
        // What forty clients write within a round trip has room.
        let crowded = Options { clients: 40, hints_most: busy.hints_most.max(100), ..busy.clone() };
        match to {
            Planted::InterestAfterRead => Options { weather: slow_links(), near: 4, ..busy },
            Planted::MarksWithoutFloor => {
                Options { tail_most: 1, statement_us: 300_000, tags: 8, keys: 40, near: 4, ..busy }
            }
            // Who is cut off with an owner gets its answers, but soon waits for another one's: it takes many clients.
            Planted::AckBeforeReplication | Planted::UncommittedRead => {
                Options { nodes: crowded.nodes.min(5), near: 0, ..crowded }.with_faults(
                    ISOLATE,
                    8,
                    25 * SECOND,
                )
            }
            // The same where an owner's own clients write and others read, after it is gone.
            Planted::AckIgnored => {
                Options { nodes: busy.nodes.min(5), near: 0, room: 0, behind_percent: 0, ..busy }.with_faults(
                    CRASH | ISOLATE,
                    24,
                    5 * SECOND,
                )
            }
            Planted::EpochIgnored => busy.with_faults(ISOLATE, 16, 25 * SECOND),
            Planted::LeaseFromArrival => {
                let late =
                    Weather { late_ppm: 100_000, late_us: 3 * SECOND, loss_ppm: 50_000, ..brisk_links() };
                let read = Options { writes_percent: 5, invalidates_percent: 1, ..crowded };
                Options { weather: late, near: 4, ..read }.with_faults(ISOLATE | PAUSE, 16, 3 * SECOND)
            }
            Planted::HintDropped | Planted::TailUnread => {
                Options { hints_most: 1, near: 4, ..busy }.with_faults(ISOLATE | CUTS, 16, 3 * SECOND)
            }
            Planted::StateOverRecords => Options { weather: slow_links(), replicas: 2, ..busy }.with_faults(
                CRASH | JOIN | REPLICAS | WEIGHT,
                16,
                8 * SECOND,
            ),
            Planted::IntentForgotten | Planted::Unfenced => {
                Options { late_statements: true, statement_us: 300_000, ..busy }.with_faults(
                    CRASH | ISOLATE | SLOW_SOURCE | FAILING_SOURCE,
                    16,
                    8 * SECOND,
                )
            }
            Planted::ReadLeaseIgnored => {
                Options { near: 8, writes_percent: 10, ..crowded }.with_faults(ISOLATE, 16, 3 * SECOND)
            }
            // It shows between the end of a read lease by the owner's clock and by the holder's, a tenth of a second: whoever
            // is cut off must have copies until then, and be asked by clients whom nothing else keeps waiting.
            Planted::NoDriftMargin => Options {
                nodes: 3,
                near: 4,
                near_request_ms: 300,
                statement_us: 2_000,
                clients: 120,
                think: 40_000,
                writes_percent: 1,
                invalidates_percent: 1,
                drift_ppm: 49_000,
                weather: brisk_links(),
                ..crowded
            }
            .with_faults(ISOLATE, 8, 8 * SECOND),
            Planted::JournalAlone => busy.with_faults(
                CRASH | CRASH_WITHOUT_DISK | ISOLATE | SLOW_SOURCE | FAILING_SOURCE,
                16,
                8 * SECOND,
            ),
            // A part takes two seconds, and all of them come in good time nevertheless.
            Planted::TransferTimeout => Options {
                nodes: busy.nodes.min(7),
                keys: 40,
                hints_most: 100_000,
                weather: Weather { bulk_bytes_s: 100, ..brisk_links() },
                part_bytes: 400,
                ..busy
            }
            .with_faults(CRASH | JOIN | REPLICAS | WEIGHT, 8, 8 * SECOND),
            // Owners change while replicas still have what their owners gave up.
            Planted::EvictionUntold => Options {
                nodes: 3,
                room: 3,
                near: 0,
                clients: 6,
                think: 100_000,
                invalidates_percent: 0,
                writes_percent: 4,
                hints_most: 100_000,
                ..busy
            }
            .with_faults(CRASH, 32, 2 * SECOND),
            Planted::DigestChurn => Options { room: 3, digest_ms: 1_000, ..busy },
            // One owner is cut off and removed, and another view follows before its lease has ended.
            Planted::LosersForgotten => Options { nodes: busy.nodes.max(5), weather: brisk_links(), ..busy }
                .with_faults(ISOLATE | WEIGHT, 60, 4 * SECOND),
            // What a rush of writes changes is on its way when it is read.
            Planted::ApplyLag => Options { lag_us: 60_000, near: 4, clients: 12, ..busy },
            // What is not wide ends the interest in a name at once, and nothing is proven without one. Nodes follow one another, so
            // that a wide record is confirmed by all of them before it is acknowledged; near caches are not waited for.
            Planted::ProofEarly => Options {
                nodes: 3,
                near: 8,
                homes: 8,
                only_source: true,
                lag_us: 100_000,
                think: 10_000,
                writes_percent: 1,
                invalidates_percent: 1,
                wide_percent: Some(100),
                ..busy
            },
            Planted::SendBeforeSync => Options { sync_us: 80_000, ..busy }.with_faults(
                CRASH_IN_SYNC | ISOLATE | WEIGHT,
                16,
                3 * SECOND,
            ),
            // Slots move, and a store of many keys is walked through place by place.
            Planted::WalkSkips => Options { walk_us: 10_000, keys: 30, ..busy }.with_faults(
                CRASH | JOIN | REPLICAS | WEIGHT,
                16,
                3 * SECOND,
            ),
            // Many holders of few keys, who ask for the owner's word while others are told.
            Planted::WordBeforeRecords => {
                Options { told_most: 1, walk_us: 10_000, near: 8, clients: 12, ..busy }
            }
            Planted::FlushHides => Options { statement_us: 300_000, behind_percent: 50, ..busy },
            // Owners change while they hold something.
            Planted::HoldLost => {
                Options { holds_percent: 20, ..busy }.with_faults(CRASH | CRASH_WITHOUT_DISK, 16, 5 * SECOND)
            }
            // Values that nobody overwrites before their end.
            Planted::TtlLost => Options { lives: Lives::SHORT, writes_percent: 5, ..busy },
            _ => busy,
        }
    }

    /// Without what makes all slower, which one bug or another needs and no other.
    fn without_drags(mut self) -> Options {
        self.faults
            .retain(|fault| !matches!(fault.what, What::FullDisk(_) | What::CrashInSync(_) | What::Deaf(_)));
        let weather = Weather { link_bytes_s: 0, ..self.weather };
        Options {
            weather,
            sync_us: 0,
            walk_us: 0,
            told_most: TOLD_MOST,
            taken_most: TAKEN_MOST,
            at_once: 1,
            writes_read_percent: 0,
            ..self
        }
    }

    fn with_faults(self, kinds: u32, count: u32, longest_us: u64) -> Options {
        let taste = Taste { kinds, count, longest_us, drift_ppm: self.drift_ppm };
        let mut rng = Rng::new(self.seed, 7);
        let faults = fault::draw(&mut rng, taste, self.nodes, self.nodes + self.near, SECOND, self.heal);
        Options { faults, ..self }
    }
}

/// The others come often enough in any world.
fn needs_it(bug: Planted) -> bool {
    !matches!(
        bug,
        Planted::LoadStampedAtEnd
            | Planted::NoGapDetection
            | Planted::FailoverAtOnce
            | Planted::GrantsForgotten
            | Planted::AnyWordStops
            | Planted::ReplicaTrusted
            | Planted::TagNotReplayed
            | Planted::ReleaseWithoutTicket
    )
}

fn brisk_links() -> Weather {
    Weather { delay_us: 500, jitter_us: 2_000, ..Weather::default() }
}

fn slow_links() -> Weather {
    Weather {
        delay_us: 5_000,
        jitter_us: 20_000,
        late_ppm: 50_000,
        late_us: SECOND / 2,
        loss_ppm: 1_000,
        ..Weather::default()
    }
}
