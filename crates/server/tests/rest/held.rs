//! Held invalidations: listed, taken back, told; one spelling of their modes; events by pattern.

use serde_json::Value;

use crate::world::World;

fn hold(world: &World, json: &str) {
    let held = world.post("/api/cache/invalidate", json);
    assert_eq!((held.status, &held.json()["held"]), (200, &1.into()), "{}", held.text());
}

fn list(world: &World) -> Vec<Value> {
    world.get("/api/cache/held").json()["held"].as_array().expect("a list").clone()
}

#[test]
fn what_is_held_is_listed_and_can_be_taken_back() {
    let world = World::new();
    world.set("a", r#"{"value": 1}"#);
    hold(&world, r#"{"keys": ["a"], "mode": "delayed:1h"}"#);
    hold(&world, r#"{"keys": ["a"], "mode": "delayed:1h"}"#);
    hold(&world, r#"{"tags": ["t"], "mode": "on-event:deployed"}"#);
    let held = list(&world);
    assert_eq!(held.len(), 2, "{held:?}");
    assert_eq!(
        (&held[0]["scope"], &held[0]["name"], &held[0]["asked"]),
        (&"key".into(), &"a".into(), &2.into())
    );
    assert_eq!((&held[0]["mode"], &held[1]["mode"]), (&"delayed:1h".into(), &"on-event:deployed".into()));
    assert!(held[0]["due"].is_string() && held[1]["due"].is_null(), "{held:?}");
    let page = world.get("/api/cache/held?limit=1").json();
    assert_eq!((&page["next"], &page["total"]), (&held[0]["id"], &2.into()));
    let after = world.get(&format!("/api/cache/held?limit=1&after={}", page["next"])).json();
    assert_eq!(after["held"][0]["id"], held[1]["id"]);

    let cancelled =
        world.call("DELETE", &format!("/api/cache/held?id={}&id=99", held[1]["id"]), &[], b"").json();
    assert_eq!(cancelled, serde_json::json!({"cancelled": [held[1]["id"]], "missing": [99]}));
    world.post("/api/cache/invalidate", r#"{"event": {"name": "deployed"}}"#);
    assert_eq!(list(&world).len(), 1);
    assert_eq!(world.call("DELETE", "/api/cache/held?all=1", &[], b"").status, 200);
    assert_eq!((list(&world).len(), world.get("/api/cache/a").status), (0, 200));
}

#[test]
fn the_stream_tells_what_is_held_released_and_cancelled() {
    let world = World::new();
    hold(&world, r#"{"keys": ["a"], "mode": "on-event:go"}"#);
    hold(&world, r#"{"keys": ["b"], "mode": "delayed:1h"}"#);
    world.call("DELETE", "/api/cache/held?id=2", &[], b"");
    world.post("/api/cache/invalidate", r#"{"event": {"name": "go"}}"#);
    let told: Vec<&str> = world
        .node
        .latest_news(100)
        .iter()
        .map(|item| item.waiting().map_or("invalidate", |(word, _)| word))
        .collect();
    assert_eq!(told, ["held", "held", "cancelled", "released", "invalidate", "invalidate"]);
}

#[test]
fn a_repeat_starts_the_timer_anew_unless_the_first_is_to_hold() {
    let world = World::new();
    let due = |mode: &str, coalesce: &str| {
        let json = format!(r#"{{"keys": ["a"], "mode": "{mode}"{coalesce}}}"#);
        hold(&world, &json);
        list(&world)[0]["due"].as_str().expect("a time").to_owned()
    };
    let first = due("delayed:1h", "");
    let anew = due("delayed:2h", "");
    assert!(anew > first, "{anew} after {first}");
    assert_eq!(due("delayed:3h", r#", "coalesce": "first""#), anew);
    let refused =
        world.post("/api/cache/invalidate", r#"{"keys": ["a"], "mode": "lazy", "coalesce": "first"}"#);
    assert_eq!(refused.status, 400);
    let configured = World::with("coalesce = \"first\"");
    hold(&configured, r#"{"keys": ["a"], "mode": "delayed:1h"}"#);
    let before = list(&configured);
    hold(&configured, r#"{"keys": ["a"], "mode": "delayed:2h"}"#);
    assert_eq!(list(&configured)[0]["due"], before[0]["due"]);
}

#[test]
fn attributes_match_by_pattern_in_entries_and_in_what_is_asked() {
    for (depends, asked, gone) in [
        ("user_updated{user_id=*}", r#"{"user_id": 7}"#, true),
        ("user_updated{user_id=7}", r#"{"user_id": "*"}"#, true),
        ("user_updated{user_id=1*}", r#"{"user_id": "*2"}"#, true),
        ("user_updated{user_id=[1-3]}", r#"{"user_id": "[4-6]"}"#, false),
        ("user_updated{user_id=7}", r#"{"user_id": 8}"#, false),
    ] {
        let world = World::new();
        world.set("k", &format!(r#"{{"value": 1, "events": ["{depends}"]}}"#));
        let event = format!(r#"{{"event": {{"name": "user_updated", "attributes": {asked}}}}}"#);
        assert_eq!(world.post("/api/cache/invalidate", &event).status, 200);
        let status = world.get("/api/cache/k").status;
        assert_eq!(status, if gone { 404 } else { 200 }, "{depends} asked {asked}");
    }
}
