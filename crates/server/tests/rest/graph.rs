//! The list of dependencies, and what hangs on a key over others.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::world::World;

fn all(world: &World, limit: usize) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    for _page in 0..1_000 {
        let page = world.get(&format!("/api/cache/dependencies?limit={limit}{cursor}")).json();
        rows.extend(page["dependencies"].as_array().expect("rows").iter().cloned());
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
    panic!("the list does not end");
}

fn state(world: &World, key: &str) -> Option<String> {
    let rows = all(world, 100);
    rows.iter().find(|row| row["key"] == key).map(|row| row["state"].as_str().expect("a state").to_owned())
}

#[test]
fn all_that_depends_on_something_is_listed_once_in_pages() {
    let world = World::new();
    for n in 0..25 {
        world.set(&format!("page:{n}"), &format!(r#"{{"value": 1, "dependencies": ["user:{n}", "t"]}}"#));
        world.set(&format!("plain:{n}"), r#"{"value": 1}"#);
    }
    for limit in [1, 7, 1000] {
        let rows = all(&world, limit);
        let keys: BTreeSet<&str> = rows.iter().map(|row| row["key"].as_str().expect("a key")).collect();
        assert_eq!((rows.len(), keys.len()), (25, 25), "limit {limit}");
        let row = rows.iter().find(|row| row["key"] == "page:3").expect("it");
        assert_eq!(row["dependsOn"], serde_json::json!(["t", "user:3"]));
        assert!(
            row["state"] == "valid" && row["createdAt"].is_string() && row["lastUpdate"].is_string(),
            "{row}"
        );
    }
}

#[test]
fn a_dependency_is_valid_then_propagating_then_invalidated() {
    let world = World::new();
    world.set("a", r#"{"value": 1}"#);
    world.set("b", r#"{"value": 1, "dependencies": ["a"]}"#);
    world.set("c", r#"{"value": 1, "dependencies": ["b"]}"#);
    assert_eq!(state(&world, "b").as_deref(), Some("valid"));
    world.post("/api/cache/invalidate", r#"{"keys": ["a"], "mode": "lazy"}"#);
    assert_eq!(
        (state(&world, "b").as_deref(), state(&world, "c").as_deref()),
        (Some("propagating"), Some("propagating"))
    );
    world.set("b", r#"{"value": 2, "dependencies": ["a"]}"#);
    world.set("c", r#"{"value": 2, "dependencies": ["b"]}"#);
    assert_eq!(state(&world, "c").as_deref(), Some("valid"));
    world.post("/api/cache/invalidate", r#"{"keys": ["b"], "cascade": false}"#);
    assert_eq!(
        (state(&world, "b").as_deref(), state(&world, "c").as_deref()),
        (Some("invalidated"), Some("valid"))
    );
}

#[test]
fn dependents_over_others_are_told_on_request() {
    let world = World::new();
    for (key, below) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "b")] {
        world.set(key, &format!(r#"{{"value": 1, "dependencies": ["{below}"]}}"#));
    }
    let direct = world.get("/api/cache/dependencies?key=a").json();
    assert_eq!((&direct["dependents"], &direct["edges"]), (&serde_json::json!(["b"]), &Value::Null));
    let deep = world.get("/api/cache/dependencies?key=a&transitive=1").json();
    assert_eq!(deep["dependents"], serde_json::json!(["b", "c", "d", "e"]), "{deep}");
    assert_eq!(deep["edges"].as_array().expect("edges").len(), 4);
    let up = world.get("/api/cache/dependencies?key=d&transitive=1").json();
    assert_eq!(up["edges"].as_array().expect("edges").len(), 3, "{up}");
    let bounded = world.get("/api/cache/dependencies?key=a&transitive=1&most=2").json();
    assert_eq!(
        (&bounded["truncated"], bounded["dependents"].as_array().map(Vec::len)),
        (&true.into(), Some(2))
    );
}
