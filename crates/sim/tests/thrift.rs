//! What the protocol costs where nothing goes wrong, or as good as nothing.

use clearwell_sim::measure::{after_cut, idle, lost_invalidation, thrift};

/// All messages that it causes count, the replica's confirmation too; only its own request and answer do not.
#[test]
fn an_invalidation_costs_little_more_than_the_holders_of_copies() {
    for readers in 1..=28 {
        let seen = thrift(40, readers, false);
        assert!(seen.holders >= readers, "{seen:?}");
        assert!(seen.ratio() <= 1.2, "{seen:?}");
        let seen = thrift(40, readers, true);
        assert!(seen.holders >= readers, "{seen:?}");
        assert!(seen.ratio() <= 1.5, "{seen:?}");
    }
}

/// Here request and answer count as well.
#[test]
fn at_a_thousand_nodes_three_holders_cost_fewer_than_ten_messages() {
    let seen = thrift(1000, 3, false);
    assert!(seen.holders >= 3, "{seen:?}");
    assert!(seen.caused() + seen.forwarding < 10, "{seen:?}");
}

#[test]
fn who_has_nothing_of_one_another_is_silent() {
    let (few, many) = (idle(5), idle(50));
    let of = |idle: &clearwell_sim::measure::Idle, kind: &str| {
        idle.kinds.iter().find(|(name, _)| *name == kind).map_or(0.0, |(_, count)| *count)
    };
    assert!(of(&few, "heartbeat") > 0.0, "{few:?}");
    assert!(many.messages < 150.0, "{many:?}");
    for kind in ["request", "reply", "records", "enlist", "state", "view", "decree"] {
        assert_eq!(of(&many, kind), 0.0, "{many:?}");
    }
}

/// The heartbeat comes each second; the links take less than a millisecond, the clocks are right, ticks come each 100 ms.
#[test]
fn a_lost_invalidation_is_noticed_by_the_next_heartbeat() {
    let found: Vec<u64> =
        (0..10).flat_map(|seed| (0..5).filter_map(move |holder| lost_invalidation(holder, seed))).collect();
    assert!(found.len() >= 20, "{found:?}");
    assert!(found.iter().all(|&us| us <= 1_105_000), "{found:?}");
    assert!(found.iter().any(|&us| us > 500_000), "none was lost: {found:?}");
}

/// 100,000 entries are measured by `clearwell-sim --bench-thrift`.
#[test]
fn a_near_cache_transfers_little_after_a_cut_and_keeps_its_hits() {
    let seen = after_cut(10_000);
    assert_eq!((seen.entries, seen.changed), (10_000, 100));
    assert!(seen.bytes * 100 <= seen.entry_bytes * 3, "{seen:?}");
    assert!(seen.kept >= seen.entries - seen.changed, "{seen:?}");
}
