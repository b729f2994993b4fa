//! Small histories by hand, each beside one that breaks a promise.

use super::register::{EXPIRED, INVENTED, LOST, OVERWRITTEN, REFUSED, REMOVED};
use super::rest::AGREE;
use super::{Ack, Promises, Verdict, agree, check, counter::COUNT_DOUBLED, counter::COUNT_LOST};
use crate::clock::Micros;
use crate::history::{AskedLevel, ClientKey, ClientOp, Did, KeyClass, Outcome, TAGS};

const REGISTER: ClientKey = ClientKey { class: KeyClass::Register, number: 1 };
const COUNTER: ClientKey = ClientKey { class: KeyClass::Counter, number: 1 };
const TAGGED: ClientKey = ClientKey { class: KeyClass::Tagged, number: TAGS + 2 };
const EXPIRING: ClientKey = ClientKey { class: KeyClass::Expiring, number: 1 };

fn op(began: Micros, ended: Micros, did: Did, outcome: Outcome) -> ClientOp {
    ClientOp { client: "hand".into(), node: 1, began, ended, did, outcome }
}

fn write(began: Micros, ended: Micros, key: ClientKey, value: u64) -> ClientOp {
    op(began, ended, Did::Write { key, value, ttl_ms: None }, Outcome::Done)
}

fn unknown(began: Micros, ended: Micros, key: ClientKey, value: u64) -> ClientOp {
    ClientOp { outcome: Outcome::Unknown("lost".into()), ..write(began, ended, key, value) }
}

fn read(began: Micros, ended: Micros, key: ClientKey, value: Option<u64>) -> ClientOp {
    op(began, ended, Did::Read(key, AskedLevel::Plain), Outcome::Saw(value))
}

fn remove(began: Micros, ended: Micros, key: ClientKey) -> ClientOp {
    op(began, ended, Did::Remove(key), Outcome::Done)
}

fn count(began: Micros, ended: Micros, count: u64) -> ClientOp {
    op(began, ended, Did::Increment(COUNTER), Outcome::Counted(count))
}

fn promises(ack: Ack, risks: &[(Micros, Micros)]) -> Promises {
    Promises { ack, risks: risks.to_vec(), tick: 100_000 }
}

/// The promises that are broken where every acknowledgement is the replicas' word.
fn broken(ops: &[ClientOp]) -> Vec<&'static str> {
    broken_by(ops, &promises(Ack::Replicas, &[(0, 1_000)]))
}

fn broken_by(ops: &[ClientOp], promises: &Promises) -> Vec<&'static str> {
    judged(ops, promises).violations.into_iter().map(|violation| violation.promise).collect()
}

fn judged(ops: &[ClientOp], promises: &Promises) -> Verdict {
    check(&ops.iter().collect::<Vec<_>>(), promises)
}

#[test]
fn what_was_overwritten_is_not_read() {
    let two = [write(10, 20, REGISTER, 1), write(30, 40, REGISTER, 2)];
    let with = |more: ClientOp| [two.to_vec(), vec![more]].concat();
    assert_eq!(broken(&with(read(50, 60, REGISTER, Some(2)))), [] as [&str; 0]);
    assert_eq!(broken(&with(read(35, 60, REGISTER, Some(1)))), [] as [&str; 0], "the second was under way");
    assert_eq!(broken(&with(read(50, 60, REGISTER, Some(1)))), [OVERWRITTEN]);
    let side_by_side =
        [write(10, 30, REGISTER, 1), write(20, 40, REGISTER, 2), read(50, 60, REGISTER, Some(1))];
    assert_eq!(broken(&side_by_side), [] as [&str; 0], "either may be the later one");
}

#[test]
fn what_was_not_acknowledged_may_come_at_any_time_until_it_was_seen() {
    let late = [unknown(10, 20, REGISTER, 1), write(30, 40, REGISTER, 2), read(50, 60, REGISTER, Some(1))];
    assert_eq!(broken(&late), [] as [&str; 0]);
    let mut back = late.to_vec();
    back.extend([write(70, 80, REGISTER, 3), read(90, 95, REGISTER, Some(1))]);
    assert_eq!(broken(&back), [OVERWRITTEN], "it was seen, so it was done before the third");
    let refused = ClientOp { outcome: Outcome::Refused("CLUSTERDOWN".into()), ..late[0].clone() };
    assert_eq!(broken(&[refused, read(50, 60, REGISTER, Some(1))]), [REFUSED]);
}

#[test]
fn what_nobody_wrote_is_not_read() {
    assert_eq!(broken(&[read(50, 60, REGISTER, Some(7))]), [INVENTED]);
    assert_eq!(broken(&[read(10, 20, REGISTER, Some(7)), write(30, 40, REGISTER, 7)]), [INVENTED]);
}

#[test]
fn that_there_is_nothing_has_a_reason() {
    assert_eq!(broken(&[read(1, 2, REGISTER, None), write(10, 20, REGISTER, 1)]), [] as [&str; 0]);
    let lost = [write(10, 20, REGISTER, 1), read(30, 40, REGISTER, None)];
    assert_eq!(broken(&lost), [LOST]);
    let removed = [remove(22, 25, REGISTER), lost[0].clone(), lost[1].clone()];
    assert_eq!(broken(&removed), [] as [&str; 0]);
    let before = [remove(1, 5, REGISTER), lost[0].clone(), lost[1].clone()];
    assert_eq!(broken(&before), [LOST]);
    let maybe = ClientOp { outcome: Outcome::Unknown("lost".into()), ..remove(1, 5, REGISTER) };
    assert_eq!(broken(&[maybe, lost[0].clone(), lost[1].clone()]), [] as [&str; 0]);
    let missed = [write(10, 20, TAGGED, 1), read(30, 40, TAGGED, None)];
    assert_eq!(broken(&missed), [] as [&str; 0], "an entry with a tag may be missed");
}

#[test]
fn an_owner_may_lose_what_was_written_while_it_was_at_risk() {
    let lost = [write(10, 20, REGISTER, 1), write(30, 40, REGISTER, 2), read(50, 60, REGISTER, Some(1))];
    assert_eq!(broken_by(&lost, &promises(Ack::Owner, &[(35, 45)])), [] as [&str; 0]);
    assert_eq!(broken_by(&lost, &promises(Ack::Owner, &[(45, 50)])), [OVERWRITTEN]);
    let verdict = judged(&lost, &promises(Ack::Owner, &[(35, 45)]));
    assert_eq!(verdict.stale.first().map(|stale| stale.age), Some(10), "it is told all the same");
    let gone = [write(10, 20, REGISTER, 1), remove(30, 40, REGISTER), read(50, 60, REGISTER, Some(1))];
    assert_eq!(broken_by(&gone, &promises(Ack::Owner, &[(0, 100)])), [REMOVED], "a removal is never lost");
}

#[test]
fn what_a_tag_took_away_is_not_read() {
    let tag = TAGGED.tag().expect("it has one");
    let invalidate = |tag| op(30, 40, Did::Invalidate(tag), Outcome::Done);
    let read_after = read(50, 60, TAGGED, Some(1));
    assert_eq!(broken(&[write(10, 20, TAGGED, 1), invalidate(tag), read_after.clone()]), [REMOVED]);
    assert_eq!(broken(&[write(10, 20, TAGGED, 1), invalidate(tag + 1), read_after.clone()]), [] as [&str; 0]);
    let weak = ClientOp { did: Did::Read(TAGGED, AskedLevel::Weak), ..read_after.clone() };
    assert_eq!(broken(&[write(10, 20, TAGGED, 1), invalidate(tag), weak.clone()]), [] as [&str; 0]);
    assert_eq!(broken(&[write(10, 20, TAGGED, 1), remove(30, 40, TAGGED), weak]), [REMOVED]);
    assert_eq!(
        broken(&[write(35, 45, TAGGED, 1), invalidate(tag), read_after]),
        [] as [&str; 0],
        "it was written meanwhile"
    );
}

#[test]
fn counters_lose_nothing_and_count_once() {
    assert_eq!(
        broken(&[count(10, 20, 1), count(30, 40, 2), read(50, 60, COUNTER, Some(2))]),
        [] as [&str; 0]
    );
    assert_eq!(
        broken(&[count(10, 20, 1), count(30, 40, 1)]),
        [COUNT_LOST, COUNT_LOST],
        "by number, and twice"
    );
    assert_eq!(broken(&[count(10, 20, 1), read(30, 40, COUNTER, None)]), [COUNT_LOST]);
    assert_eq!(broken(&[count(10, 20, 2)]), [COUNT_DOUBLED]);
    let maybe = ClientOp { outcome: Outcome::Unknown("lost".into()), ..count(1, 5, 0) };
    assert_eq!(broken(&[maybe, count(10, 20, 2)]), [] as [&str; 0]);
    let at_risk = promises(Ack::Owner, &[(15, 25)]);
    assert_eq!(broken_by(&[count(10, 20, 1), count(30, 40, 1)], &at_risk), [] as [&str; 0]);
    assert_eq!(broken_by(&[count(10, 12, 1), count(30, 40, 1)], &at_risk), [COUNT_LOST]);
}

#[test]
fn nothing_is_read_past_its_expiry() {
    let short = op(10, 20, Did::Write { key: EXPIRING, value: 1, ttl_ms: Some(1) }, Outcome::Done);
    assert_eq!(broken(&[short.clone(), read(101_020, 101_100, EXPIRING, Some(1))]), [] as [&str; 0]);
    assert_eq!(broken(&[short, read(101_021, 101_100, EXPIRING, Some(1))]), [EXPIRED]);
}

#[test]
fn at_rest_all_nodes_show_the_same() {
    let other = ClientOp { node: 2, ..read(1, 2, REGISTER, Some(2)) };
    let violations = agree(&[read(1, 2, REGISTER, Some(1)), other]);
    assert_eq!(violations.first().map(|violation| violation.promise), Some(AGREE));
    assert!(
        agree(&[read(1, 2, REGISTER, Some(1)), ClientOp { node: 2, ..read(1, 2, REGISTER, Some(1)) }])
            .is_empty()
    );
}
