//! Invalidations, warming and dependencies.

use crate::world::World;

/// Sets the entries that the cases below choose from.
fn filled() -> World {
    let world = World::new();
    world.set("user:1", r#"{"value": 1, "tags": ["eu"]}"#);
    world.set("user:2", r#"{"value": 2, "tags": ["eu", "admin"]}"#);
    world.set("page:1", r#"{"value": 3, "dependencies": ["user:1"]}"#);
    world.set("page:2", r#"{"value": 4, "dependencies": ["page:1"]}"#);
    world.set("note", r#"{"value": 5, "events": ["user_updated{user_id=123}"]}"#);
    world
}

const ALL: [&str; 5] = ["user:1", "user:2", "page:1", "page:2", "note"];

#[test]
fn every_scope_reaches_what_it_covers_and_nothing_else() {
    for (body, gone) in [
        (r#"{"keys": ["user:2"]}"#, &["user:2"][..]),
        (r#"{"keys": ["user:1"]}"#, &["user:1", "page:1", "page:2"]),
        (r#"{"keys": ["user:1"], "cascade": false}"#, &["user:1"]),
        (r#"{"tags": ["admin"]}"#, &["user:2"]),
        (r#"{"dependencies": ["page:1"]}"#, &["page:2"]),
        (r#"{"pattern": "page:*"}"#, &["page:1", "page:2"]),
        (r#"{"prefix": "note"}"#, &["note"]),
        (r#"{"event": {"name": "user_updated", "attributes": {"user_id": 123, "by": "x"}}}"#, &["note"]),
        (r#"{"event": {"name": "user_updated", "attributes": {"user_id": 124}}}"#, &[]),
        (r#"{"keys": ["user:2"], "prefix": "note"}"#, &["user:2", "note"]),
        (r#"{"everything": true}"#, &ALL),
    ] {
        let world = filled();
        let dry = body.replacen('{', r#"{"dryRun": true, "#, 1);
        let dry = world.post("/api/cache/invalidate", &dry).json();
        assert_eq!((&dry["dryRun"], &dry["nodes"]), (&true.into(), &serde_json::json!([])), "{body}");
        let left = |key: &&str| world.get(&format!("/api/cache/{key}")).status == 200;
        assert!(ALL.iter().all(left), "a dry run changed something: {body}");

        let done = world.post("/api/cache/invalidate", body);
        assert_eq!(done.status, 200, "{body}");
        let done = done.json();
        assert_eq!(done["dryRun"], false);
        assert_eq!(done["nodes"].as_array().map(Vec::len), Some(1), "{done}");
        assert_eq!(done["held"], 0);
        assert!(done["position"].as_u64() > Some(0), "{done}");
        assert_eq!(done["entries"], gone.len(), "{body}: {done}");
        assert_eq!(dry["entries"], done["entries"], "{body}");
        for key in ALL {
            let status = world.get(&format!("/api/cache/{key}")).status;
            assert_eq!(status, if gone.contains(&key) { 404 } else { 200 }, "{key} after {body}");
        }
    }
}

#[test]
fn modes_hold_until_their_time_or_event() {
    let world = filled();
    let held =
        world.post("/api/cache/invalidate", r#"{"keys": ["user:2"], "mode": "on-event", "on": "go"}"#).json();
    assert_eq!((&held["held"], &held["entries"]), (&1.into(), &0.into()));
    let later =
        world.post("/api/cache/invalidate", r#"{"keys": ["note"], "mode": "delayed", "delay": "1h"}"#).json();
    assert_eq!(later["held"], 1);
    assert_eq!(world.get("/api/cache/stats").json()["held"], 2);
    assert_eq!(world.value("user:2"), "2");
    world.post("/api/cache/invalidate", r#"{"event": {"name": "go"}}"#);
    assert_eq!(world.get("/api/cache/user:2").status, 404);
    assert_eq!(world.value("note"), "5");
}

#[test]
fn clear_empties_the_cache_and_not_the_source() {
    let world = filled();
    world.source.commit(1, "row", 1);
    world.get("/api/cache/post:1");
    let done = world.call("POST", "/api/cache/clear", &[], b"");
    assert_eq!((done.status, done.json()["entries"].clone()), (200, 6.into()));
    assert_eq!(world.get("/api/cache/user:1").status, 404);
    assert_eq!(world.value("post:1"), "\"row\"");
}

#[test]
fn warming_loads_what_is_not_there() {
    let world = World::new();
    for id in 1..=20 {
        world.source.commit(id, "row", 1);
    }
    world.get("/api/cache/post:3");
    let warmed = world.post("/api/cache/warm", r#"{"pattern": "post:*", "from": 1, "to": 25}"#).json();
    for (field, count) in [
        ("requested", 25),
        ("loaded", 19),
        ("present", 1),
        ("absent", 5),
        ("withoutSource", 0),
        ("failed", 0),
    ] {
        assert_eq!(warmed[field], count, "{field} in {warmed}");
    }
    let listed = world.post("/api/cache/warm", r#"{"keys": ["post:1", "plain"]}"#).json();
    assert_eq!((&listed["present"], &listed["withoutSource"]), (&1.into(), &1.into()), "{listed}");
    world.source.fail(Some(clearwell::source::SourceError::Unreachable("gone".into())));
    let failed = world.post("/api/cache/warm", r#"{"keys": ["post:99"]}"#).json();
    assert_eq!(
        (&failed["failed"], &failed["errors"][0]),
        (&1.into(), &"post:99: the source is unreachable: gone".into())
    );
}

#[test]
fn dependencies_say_why_a_key_is_here_stale_or_gone() {
    let world = filled();
    let of = |key: &str| world.get(&format!("/api/cache/dependencies?key={key}")).json();
    let user = of("user:1");
    assert_eq!(
        (&user["state"], &user["dependents"]),
        (&"fresh".into(), &serde_json::json!(["page:1"])),
        "{user}"
    );
    assert_eq!(user["tags"], serde_json::json!(["eu"]));
    assert_eq!(user["lastInvalidation"], serde_json::Value::Null);
    assert_eq!(user["why"], "here, and nothing that covers it was invalidated since");
    assert_eq!(of("page:1")["dependencies"], serde_json::json!(["user:1"]));
    assert_eq!(of("note")["events"], serde_json::json!(["user_updated{user_id=123}"]));

    world.post("/api/cache/invalidate", r#"{"tags": ["admin"], "mode": "lazy"}"#);
    let stale = of("user:2");
    assert_eq!(stale["state"], "stale");
    let last = &stale["lastInvalidation"];
    assert_eq!(
        (&last["scope"], &last["name"], &last["effect"]),
        (&"tag".into(), &"admin".into(), &"stale".into())
    );
    assert_eq!((&last["cause"], &last["cascade"]), (&"command".into(), &true.into()));

    world.post("/api/cache/invalidate", r#"{"pattern": "user:*"}"#);
    let gone = of("user:1");
    assert_eq!((&gone["state"], &gone["lastInvalidation"]["scope"]), (&"missing".into(), &"pattern".into()));
    let why = "invalidated: by an invalidation of pattern \"user:*\" (cause command, position";
    assert!(gone["why"].as_str().is_some_and(|it| it.starts_with(why)), "{gone}");
    assert_eq!(of("other")["why"], "never stored since this node started");

    world.source.commit(1, "row", 7);
    assert_eq!(world.value("post:1"), "\"row\"");
    world.source.commit(1, "new row", 7);
    let changed = of("post:1");
    assert_eq!(
        (&changed["state"], &changed["lastInvalidation"]["cause"]),
        (&"missing".into(), &"commit".into())
    );
}
