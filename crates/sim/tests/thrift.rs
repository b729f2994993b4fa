//! What the protocol costs where nothing goes wrong.

use clearwell_sim::measure::{after_cut, thrift};

#[test]
fn an_invalidation_costs_little_more_than_the_holders_of_copies() {
    for (readers, by_tag, most) in [(3, false, 1.2), (12, false, 1.2), (3, true, 1.5), (12, true, 1.5)] {
        let seen = thrift(30, readers, by_tag);
        assert!(seen.holders > readers, "{seen:?}");
        assert!(seen.records as f64 <= seen.holders as f64 * most, "{seen:?}");
        // Besides those that carry it: on the way to the owner and back, and the replica's word.
        assert!(seen.messages <= seen.records + 4, "{seen:?}");
    }
}

#[test]
fn a_near_cache_transfers_little_after_a_cut_and_keeps_its_hits() {
    let seen = after_cut(10_000);
    assert_eq!((seen.entries, seen.changed), (10_000, 100));
    assert!(seen.bytes * 100 <= seen.entry_bytes * 3, "{seen:?}");
    assert!(seen.kept >= seen.entries - seen.changed, "{seen:?}");
}
