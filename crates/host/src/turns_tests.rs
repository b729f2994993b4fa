//! Who waits for whom.

use super::*;

fn may_change(turns: &Turns, turn: &Turn) -> bool {
    turns.may(turn, turn.changes())
}

#[test]
fn a_batch_that_changes_nothing_waits_for_those_before_it_and_for_no_others() {
    let turns = Turns::default();
    let (mut reads_before, mut stores) = (turns.give(Changes::Nothing, 0), turns.give(Changes::Stores, 0));
    let (reads, mut later) = (turns.give(Changes::Nothing, 0), turns.give(Changes::Stores, 0));
    turns.end(&mut reads_before);
    assert!(turns.may(&reads_before, Changes::Nothing) && may_change(&turns, &stores));
    assert!(!turns.may(&reads, Changes::Nothing) && !may_change(&turns, &later) && turns.settled().is_none());
    turns.end(&mut stores);
    turns.end(&mut stores);
    assert!(turns.may(&reads, Changes::Nothing) && may_change(&turns, &later) && turns.settled().is_none());
    turns.end(&mut later);
    assert_eq!(turns.settled(), Some(2));
}

#[test]
fn what_takes_away_waits_for_what_stores_and_not_for_its_like() {
    let turns = Turns::default();
    let mut slow = turns.give(Changes::TakesAway, 0);
    let mut quick = turns.give(Changes::TakesAway, 0);
    let (mut stores, mut after) = (turns.give(Changes::Stores, 0), turns.give(Changes::TakesAway, 0));
    assert!(may_change(&turns, &quick) && !turns.may(&quick, Changes::Nothing));
    assert!(!may_change(&turns, &stores) && !may_change(&turns, &after));
    turns.end(&mut quick);
    assert!(!may_change(&turns, &stores), "the first is not through");
    turns.end(&mut slow);
    assert!(
        turns.may(&quick, Changes::Nothing) && may_change(&turns, &stores) && !may_change(&turns, &after)
    );
    turns.end(&mut stores);
    assert!(may_change(&turns, &after));
    turns.end(&mut after);
    assert_eq!(turns.settled(), Some(4));
}

#[test]
fn a_batch_is_synced_when_all_lasts_that_was_for_the_disk_by_then() {
    let turns = Turns::default();
    let (before, two) = (turns.give(Changes::Nothing, 0), turns.give(Changes::Stores, 2));
    let (says, later) = (turns.give(Changes::Nothing, 0), turns.give(Changes::Stores, 1));
    assert!(turns.is_synced(&before) && !turns.is_synced(&says));
    turns.last(1);
    assert!(!turns.is_synced(&two));
    turns.last(2);
    assert!(turns.is_synced(&two) && turns.is_synced(&says) && !turns.is_synced(&later));
    assert!(!turns.all_lasts());
    turns.last(3);
    assert!(turns.is_synced(&later) && turns.all_lasts());
}

/// Numbers are stored by many threads, each when its turn has come: they lie there in their order.
#[test]
fn threads_that_wait_make_their_changes_in_their_order() {
    const EACH: usize = 500;
    let (turns, decided, made) = (Turns::default(), Mutex::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let (number, mut turn) = {
                        let mut decided = decided.lock();
                        *decided += 1;
                        (*decided, turns.give(Changes::Stores, 0))
                    };
                    while !may_change(&turns, &turn) {
                        turns.wait(&turn, turn.changes());
                    }
                    made.lock().push(number);
                    turns.end(&mut turn);
                }
            });
        }
    });
    assert_eq!(made.into_inner(), (1..=4 * EACH).collect::<Vec<usize>>());
    assert_eq!(turns.settled(), Some(4 * EACH as u64));
}
