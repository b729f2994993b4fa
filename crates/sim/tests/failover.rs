//! How long a slot may be without an owner that serves, in the profile `lan`; 200 kills are measured by `clearwell-sim --bench-failover`.

use clearwell_cluster::Profile;
use clearwell_cluster::request::Strategy;
use clearwell_sim::measure::failover::{Kill, alone_again, joins, kills};

const SECOND: u64 = 1_000_000;

#[test]
fn a_dead_owner_is_replaced_within_three_seconds() {
    for strategy in [Strategy::CacheOnly, Strategy::Through] {
        for is_back in [false, true] {
            let took = kills(Profile::Lan, Kill { is_back, strategy }, 40);
            assert!(took.worst <= 3 * SECOND, "{took:?}");
            assert!(took.worst > SECOND / 2, "somebody was killed: {took:?}");
        }
    }
}

#[test]
fn two_that_join_one_leave_no_slot_without_owner_for_a_second() {
    let took = joins(Profile::Lan, 10);
    assert!(took.worst <= SECOND && took.worst > 0, "{took:?}");
}

#[test]
fn a_lone_node_that_restarts_refuses_nothing() {
    for profile in Profile::ALL {
        let took = alone_again(profile, 20);
        assert_eq!((took.refused, took.worst), (0, 0), "{took:?}");
    }
}
