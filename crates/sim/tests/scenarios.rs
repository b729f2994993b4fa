//! The stories that everyone must know: what must come of each, and what came of it, byte for byte.

use std::fs;
use std::path::PathBuf;

use clearwell_sim::scenario::Scenario;

/// All of `scenarios/`, by name.
fn scenarios() -> Vec<(String, Scenario)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("readable");
        let scenario = Scenario::parse(&text).unwrap_or_else(|wrong| panic!("{name}, {wrong}"));
        (name, scenario)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn each_goes_as_it_must_and_as_recorded() {
    let all = scenarios();
    for name in [
        "late-fill",
        "lost-message",
        "partition",
        "failover",
        "stale-owner",
        "paused-owner",
        "tag-across-nodes",
        "cascade",
        "handoff",
        "rolling-replicas",
        "client-fill",
        "event",
        "slow-transfer",
        "deaf-follower",
        "expiry",
    ] {
        assert!(all.iter().any(|(other, _)| other == name), "no scenario {name}");
    }
    for (name, scenario) in all {
        let played = scenario.play(None);
        assert!(played.broken.is_empty(), "{name}:\n{}", played.broken.join("\n"));
        let went = played.lines.join("\n");
        assert_eq!(
            scenario.recorded.as_deref().map(str::trim_end),
            Some(went.as_str()),
            "{name} went otherwise than recorded; if that is right: cargo run --release -p clearwell-sim -- scenarios --record"
        );
        let text = scenario.recorded_as(&played);
        let again = Scenario::parse(&text).unwrap_or_else(|wrong| panic!("{name}, {wrong}"));
        assert_eq!(again.recorded, scenario.recorded, "{name}: the record reads as it was written");
    }
}

/// A story that no bug could spoil would prove nothing.
#[cfg(feature = "planted")]
#[test]
fn planted_bugs_spoil_them() {
    use clearwell_cluster::Planted;

    let all = scenarios();
    for (bug, wanted) in [
        (Planted::LoadStampedAtEnd, "late-fill"),
        (Planted::NoGapDetection, "lost-message"),
        (Planted::ReplicaTrusted, "lost-message"),
        (Planted::FailoverAtOnce, "partition"),
        (Planted::ReadLeaseIgnored, "partition"),
        (Planted::AckBeforeReplication, "failover"),
        (Planted::JournalAlone, "failover"),
        (Planted::UncommittedRead, "failover"),
        (Planted::IntentForgotten, "stale-owner"),
        (Planted::TagNotReplayed, "tag-across-nodes"),
        (Planted::LateFill, "client-fill"),
        (Planted::TransferTimeout, "slow-transfer"),
        (Planted::TtlLost, "expiry"),
    ] {
        let (_, scenario) = all.iter().find(|(name, _)| name == wanted).expect("named above");
        let broken = scenario.play(Some(bug)).broken;
        assert!(!broken.is_empty(), "{bug:?} does not spoil {wanted}");
        println!("{bug:?} spoils {wanted}: {}", broken[0]);
    }
}
