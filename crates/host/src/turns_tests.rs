//! Who waits for whom.

use super::*;

fn may_change(turns: &Turns, turn: &Turn) -> bool {
    turns.may(turn, turn.changes())
}

#[test]
fn a_batch_that_changes_nothing_waits_for_those_before_it_and_for_no_others() {
    let turns = Turns::default();
    let (mut reads_before, mut stores) = (turns.give(Changes::Nothing), turns.give(Changes::Stores));
    let (reads, mut later) = (turns.give(Changes::Nothing), turns.give(Changes::Stores));
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
    let mut slow = turns.give(Changes::TakesAway);
    let mut quick = turns.give(Changes::TakesAway);
    let (mut stores, mut after) = (turns.give(Changes::Stores), turns.give(Changes::TakesAway));
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
                        (*decided, turns.give(Changes::Stores))
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
