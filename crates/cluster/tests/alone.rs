//! A cluster of one: what it is asked for it does in the same step, whenever that comes.

use std::sync::Arc;

use clearwell_cluster::request::Invalidate;
use clearwell_cluster::*;
use clearwell_words::{Cause, Effect, Event, Glob, Invalidation, Millis, Scope};
use proptest::prelude::*;

fn alone(now: Millis) -> Member {
    let me = Peer { node: NodeId(7), incarnation: 1 };
    let mut member = Member::new(Config { tail_most: 4, ..Config::new(me) }, Start::default(), now);
    let mut out = Outbox::default();
    member.step(now, Input::Tick, &mut out);
    assert!(out.send.is_empty() && out.ask.is_empty() && out.apply.is_empty(), "{out:?}");
    member
}

fn invalidate(scope: Scope, cascade: bool, wait: bool) -> Request {
    let (effect, cause) = (Effect::Gone, Cause::Command);
    let scope = Arc::new(scope);
    let invalidation = Invalidation { scope, effect, cascade, version: None, cause };
    Request::Invalidate(Invalidate { invalidation, wait, depth: 0 })
}

fn scope() -> impl Strategy<Value = Scope> {
    let name = || (0u8..6).prop_map(|n| Bytes::from([b'k', n]));
    let event = Event::new("deployed", Vec::new()).expect("a word");
    prop_oneof![
        4 => name().prop_map(Scope::Key),
        2 => name().prop_map(Scope::Tag),
        1 => name().prop_map(Scope::Dependents),
        1 => name().prop_map(Scope::Prefix),
        1 => Just(Scope::Pattern(Glob::new(b"k*").expect("a pattern"))),
        1 => Just(Scope::Event(event)),
        1 => Just(Scope::Everything),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stood still for however long: nothing is refused, nothing waits, each has the log's next place.
    #[test]
    fn every_invalidation_is_ordered_applied_and_answered_in_its_own_step(
        asked in prop::collection::vec(
            (scope(), any::<bool>(), any::<bool>(), prop_oneof![0u64..200, 3_000u64..9_000, Just(90_000_000)], 0u8..4),
            1..24,
        ),
    ) {
        let mut now = Millis(1);
        let mut member = alone(now);
        for (n, (scope, cascade, wait, after, ticks)) in asked.into_iter().enumerate() {
            now = now.plus(after);
            for _ in 0..ticks {
                let mut out = Outbox::default();
                member.step(now, Input::Tick, &mut out);
                prop_assert!(out.is_empty(), "{:?}", out);
                now = now.plus(100);
            }
            let (mut out, ticket) = (Outbox::default(), Ticket(n as u64 + 1));
            member.step(now, Input::Request(ticket, invalidate(scope.clone(), cascade, wait)), &mut out);
            let [Apply::Invalidate(applied)] = &out.apply[..] else { panic!("{:?}", out.apply) };
            prop_assert_eq!((&*applied.scope, applied.cascade), (&scope, cascade));
            let [(answered, Answer::Invalidated(done))] = &out.answer[..] else { panic!("{:?}", out.answer) };
            prop_assert_eq!(*answered, ticket);
            prop_assert_eq!(&done.ordered[..], &[(member.me(), Position(ticket.0))]);
            prop_assert!(!done.survives, "there is no other node");
            prop_assert!(out.persist.is_empty() && out.ask.is_empty() && out.send.is_empty(), "{:?}", out);
        }
    }
}

#[test]
fn a_session_has_seen_what_only_the_floor_remembers() {
    let mut member = alone(Millis(1));
    let mut step = |input| {
        let mut out = Outbox::default();
        member.step(Millis(10), input, &mut out);
        out
    };
    // More than the tail of four remembers.
    for n in 0..9 {
        let scope = Scope::Key(Bytes::from([b'k', n]));
        step(Input::Request(Ticket(u64::from(n) + 1), invalidate(scope, true, false)));
    }
    let key = [b'k', 0].as_slice().into();
    let read = request::Read { key, level: Level::Session, token: Token::default(), hold: false };
    let asked = step(Input::Request(Ticket(100), Request::Read(read))).ask;
    let [(job, Ask::Load { .. })] = &asked[..] else { panic!("{asked:?}") };
    let found = step(Input::Done(*job, Outcome::Loaded { entry: None, stored: false })).answer;
    let [(Ticket(100), Answer::Value { token, .. })] = &found[..] else { panic!("{found:?}") };
    let seen = token.seen.values().copied().max().expect("the owner's place");
    assert!(seen >= Position(1), "the key's invalidation was the first record: {token:?}");
}
