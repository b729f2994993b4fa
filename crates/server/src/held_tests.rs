use clearwell_engine::{Cause, Scope};

use super::*;

fn key(name: &str) -> Scope {
    Scope::Key(name.as_bytes().into())
}

fn hold_as(
    held: &mut HeldInvalidations,
    now: u64,
    scope: Scope,
    mode: Mode,
    coalesce: Coalesce,
) -> (usize, Vec<Scope>) {
    let request =
        InvalidationRequest { cascade: false, mode, ..InvalidationRequest::now(vec![scope], Cause::Command) };
    let request = InvalidationRequest { coalesce: Some(coalesce), ..request };
    let holding = held.hold(Millis(now), request, Coalesce::First);
    check(held);
    (holding.count, holding.go_on.into_iter().map(|statement| (*statement.scope).clone()).collect())
}

fn hold(held: &mut HeldInvalidations, now: u64, scope: Scope, mode: Mode) -> (usize, Vec<Scope>) {
    hold_as(held, now, scope, mode, Coalesce::Restart)
}

fn on(event: &str) -> Mode {
    Mode::OnEvent(EventPattern::parse(event).expect("a good pattern"))
}

fn scopes(items: Vec<HeldInvalidation>) -> Vec<Scope> {
    items.into_iter().map(|item| (*item.statement.scope).clone()).collect()
}

fn arrived(held: &mut HeldInvalidations, event: &str) -> Vec<Scope> {
    let found = scopes(held.arrived(&Event::new(event, Vec::new()).expect("a good event")));
    check(held);
    found
}

/// The indexes name what is held, and nothing else.
fn check(held: &HeldInvalidations) {
    assert_eq!(held.of.len(), held.items.len());
    let waiting: usize = held.events.values().map(|(_, ids)| ids.len()).sum();
    assert_eq!(held.due.len() + waiting, held.items.len());
    assert!(held.patterns.iter().all(|written| held.events.contains_key(written)));
}

#[test]
fn a_repeat_starts_the_timer_anew() {
    let mut held = HeldInvalidations::default();
    hold(&mut held, 0, key("a"), Mode::Delayed(100));
    hold(&mut held, 60, key("a"), Mode::Delayed(100));
    assert_eq!(scopes(held.due(Millis(159))), vec![]);
    assert_eq!(scopes(held.due(Millis(160))), vec![key("a")]);
    assert!(held.is_empty());
}

#[test]
fn a_stream_of_repeats_does_not_put_it_off_for_ever() {
    let mut held = HeldInvalidations::default();
    let mut released = Vec::new();
    for now in 0..2_000 {
        hold(&mut held, now, key("a"), Mode::Delayed(100));
        if !scopes(held.due(Millis(now))).is_empty() {
            released.push(now);
        }
    }
    assert_eq!(released, [1_000], "ten times its delay after the first request, and then anew");
}

#[test]
fn the_first_of_repeats_keeps_its_time_where_that_is_asked_for() {
    let mut held = HeldInvalidations::default();
    for (now, name, ms) in [(0, "a", 100), (10, "a", 100), (20, "b", 10), (20, "a", 60)] {
        let (mode, first) = (Mode::Delayed(ms), Coalesce::First);
        assert_eq!(hold_as(&mut held, now, key(name), mode, first), (1, vec![]));
    }
    assert_eq!(held.len(), 2);
    assert_eq!(scopes(held.due(Millis(29))), vec![]);
    assert_eq!(scopes(held.due(Millis(80))), vec![key("b"), key("a")]);
    assert_eq!(scopes(held.due(Millis(1000))), vec![]);
    assert!(held.is_empty());
}

#[test]
fn an_event_releases_what_waits_for_its_name() {
    let mut held = HeldInvalidations::default();
    for (name, event) in [("a", "deployed"), ("a", "deployed"), ("b", "other")] {
        assert_eq!(hold(&mut held, 0, key(name), on(event)), (1, vec![]));
    }
    assert_eq!(arrived(&mut held, "deployed"), vec![key("a")]);
    assert_eq!((arrived(&mut held, "deployed"), held.len()), (vec![], 1));
}

#[test]
fn an_event_releases_what_waits_for_a_pattern_that_it_is() {
    let mut held = HeldInvalidations::default();
    for (name, event) in [("a", "deploy_*"), ("b", "deploy_done{shop=7*}"), ("c", "deploy_done"), ("d", "x")]
    {
        hold(&mut held, 0, key(name), on(event));
    }
    let attributes = vec![("shop".into(), "71".into())];
    let event = Event::new("deploy_done", attributes).expect("a good event");
    assert_eq!(scopes(held.arrived(&event)), vec![key("a"), key("b"), key("c")]);
    check(&held);
    assert_eq!(held.len(), 1);
}

#[test]
fn what_is_held_is_listed_by_number_and_can_be_taken_back() {
    let mut held = HeldInvalidations::default();
    for (name, mode) in [("a", Mode::Delayed(5)), ("b", on("e")), ("c", Mode::Delayed(5)), ("a", on("e"))] {
        hold(&mut held, 0, key(name), mode);
    }
    let ids: Vec<u64> = held.list(0, 3).iter().map(|item| item.id).collect();
    assert_eq!(ids, [1, 2, 3]);
    assert_eq!(held.list(3, 3).len(), 1);
    assert_eq!(held.cancel(1).map(|item| item.until.to_string()).as_deref(), Some("delayed:5ms"));
    assert!(held.cancel(1).is_none());
    check(&held);
    assert_eq!(scopes(held.due(Millis(5))), vec![key("c")]);
    assert_eq!(scopes(held.cancel_all()), vec![key("b"), key("a")]);
    check(&held);
    assert_eq!(arrived(&mut held, "e"), vec![]);
    hold(&mut held, 0, key("a"), Mode::Delayed(5));
    assert_eq!(held.list(0, 9)[0].id, 5, "a number is not given twice");
}

#[test]
fn whoever_asks_for_dependents_among_repeats_gets_them() {
    let mut held = HeldInvalidations::default();
    hold(&mut held, 0, key("a"), Mode::Delayed(5));
    let request = InvalidationRequest {
        mode: Mode::Delayed(5),
        ..InvalidationRequest::now(vec![key("a")], Cause::Command)
    };
    held.hold(Millis(0), request, Coalesce::Restart);
    assert!(held.due(Millis(5)).iter().all(|item| item.statement.cascade));
}

#[test]
fn what_cannot_be_held_takes_effect_at_once_and_repeats_are_held_still() {
    let mut held = HeldInvalidations::default();
    for n in 0..HeldInvalidations::MOST {
        let request = InvalidationRequest {
            mode: Mode::Delayed(5),
            ..InvalidationRequest::now(vec![key(&n.to_string())], Cause::Command)
        };
        held.hold(Millis(0), request, Coalesce::Restart);
    }
    assert_eq!(hold(&mut held, 0, key("one more"), Mode::Delayed(5)), (0, vec![key("one more")]));
    assert_eq!(hold(&mut held, 3, key("7"), Mode::Delayed(5)), (1, vec![]));
    assert_eq!(held.due(Millis(5)).len(), HeldInvalidations::MOST - 1);
}
