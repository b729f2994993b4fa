//! Each planted bug is found, within a stated number of seeds.

#![cfg(feature = "planted")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use clearwell_cluster::Planted;
use clearwell_sim::following::Following;
use clearwell_sim::hunt::hunt;
use clearwell_sim::options::Options;
use clearwell_sim::run::{Mask, run};

/// The most seeds that a bug may need; how many each needed is in the table of `docs/simulation.md`. `CLEARWELL_ROUNDS`
/// overrules it.
const SEEDS_MOST: u64 = 200;

/// The same for what only few of the worlds show that lean to it: an owner goes while a replica still has what it gave up; and what a walk left out is old.
const SEEDS_MOST_RARE: ([Planted; 2], u64) = ([Planted::EvictionUntold, Planted::WalkSkips], 1_000);

/// Those that are found within so many seeds, each by a seed that is clean without it.
const FOUND: [Planted; 38] = [
    Planted::InterestAfterRead,
    Planted::LoadStampedAtEnd,
    Planted::MarksWithoutFloor,
    Planted::AckBeforeReplication,
    Planted::EpochIgnored,
    Planted::NoGapDetection,
    Planted::LeaseFromArrival,
    Planted::NoDriftMargin,
    Planted::FailoverAtOnce,
    Planted::ReplicaTrusted,
    Planted::HintDropped,
    Planted::TagNotReplayed,
    Planted::ReleaseWithoutTicket,
    Planted::UncommittedRead,
    Planted::StateOverRecords,
    Planted::IntentForgotten,
    Planted::ReadLeaseIgnored,
    Planted::JournalAlone,
    Planted::LateFill,
    Planted::RankCompared,
    Planted::FlushHides,
    Planted::TransferTimeout,
    Planted::GrantsForgotten,
    Planted::EvictionUntold,
    Planted::DigestChurn,
    Planted::TagsUnread,
    Planted::TailUnread,
    Planted::LosersForgotten,
    Planted::AnyWordStops,
    Planted::TtlLost,
    Planted::ApplyLag,
    Planted::ProofEarly,
    Planted::SendBeforeSync,
    Planted::WalkSkips,
    Planted::WordBeforeRecords,
    Planted::HoldLost,
    Planted::AckIgnored,
    Planted::Unfenced,
];

#[test]
fn planted_bugs_are_found() {
    let rounds = std::env::var("CLEARWELL_ROUNDS").ok().and_then(|text| text.parse().ok());
    let (rare, most_rare) = SEEDS_MOST_RARE;
    let most_of = |bug| rounds.unwrap_or(if rare.contains(&bug) { most_rare } else { SEEDS_MOST });
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(&bug) = FOUND.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if hunt(bug, most_of(bug), 0, 60).seed.is_none() {
                        missed.lock().expect("no thread panics with the lock").push(bug);
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().expect("no thread panics with the lock");
    assert!(missed.is_empty(), "not found in as many seeds as they may need: {missed:?}");
}

/// Without a fence, worlds in which a feed tells of every commit break nothing, whatever statements come late; those that write back do (`planted_bugs_are_found`).
#[test]
fn what_a_feed_tells_of_needs_no_fence() {
    for seed in 0..60 {
        let leaning = Options::draw(seed, 0, 60, Some(Planted::Unfenced)).lean(Planted::Unfenced);
        let following = Following { unfollowed: 0, tells_own: true };
        let report = run(Options { only_source: true, following, ..leaning }, Mask::default());
        assert_eq!(report.violations.first().map(|violation| &violation.text), None, "seed {seed}");
    }
}

/// A crowd is hard on the bound: copies that nothing proves, and holders that nobody waits for, are seen in one of the first.
#[test]
fn a_crowd_shows_what_breaks_its_bound() {
    for bug in [Planted::ReplicaTrusted, Planted::ReadLeaseIgnored] {
        assert!(hunt(bug, 12, 100, 20).seed.is_some(), "{bug:?}");
    }
}
