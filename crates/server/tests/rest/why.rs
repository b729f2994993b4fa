//! `why`: the truth about one key comes from what happened to that key, and not from what happened before it came.

use clearwell::node::{Put, Turn};
use clearwell_engine::Origin;
use serde_json::Value;

use crate::world::World;

fn why(world: &World, key: &str) -> Value {
    world.get(&format!("/api/cache/why?key={key}")).json()
}

fn states(why: &Value) -> Vec<String> {
    let steps = why["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["state"].as_str().expect("a state").to_owned()).collect()
}

fn last(why: &Value) -> &Value {
    why["steps"].as_array().and_then(|steps| steps.last()).expect("a step")
}

/// The answer named the widest invalidation that the node remembered, whatever had come after.
#[test]
fn an_invalidation_from_before_an_entry_is_no_reason() {
    let world = World::new();
    world.post("/api/cache/invalidate", r#"{"everything": true}"#);
    assert_eq!(why(&world, "never")["state"], "never");

    world.set("a", r#"{"value": 1, "tags": ["t"]}"#);
    assert_eq!(why(&world, "a")["state"], "active");
    world.get("/api/cache/a");
    world.post("/api/cache/invalidate", r#"{"tags": ["t"]}"#);
    let a = why(&world, "a");
    assert_eq!(states(&a), ["created", "accessed", "invalidated"], "{a}");
    assert_eq!(a["state"], "invalidated");
    let by = &last(&a)["by"];
    assert_eq!((&by["scope"], &by["name"], &by["cause"]), (&"tag".into(), &"t".into(), &"command".into()));
    assert_eq!(by["position"], 2, "its place in the stream: {a}");
    assert_eq!(last(&a)["at"], by["at"]);
    let around = world.get("/api/cache/dependencies?key=a").json();
    assert_eq!((&around["state"], &around["lastInvalidation"]["name"]), (&"missing".into(), &"t".into()));

    world.set("b", r#"{"value": 1}"#);
    world.call("DELETE", "/api/cache/b", &[], b"");
    let b = why(&world, "b");
    assert_eq!((states(&b), &b["state"]), (vec!["created".to_owned(), "removed".into()], &"removed".into()));

    world.set("c", r#"{"value": 1}"#);
    world.set("c", r#"{"value": 2}"#);
    let c = why(&world, "c");
    assert_eq!(
        (states(&c), &last(&c)["times"]),
        (vec!["created".to_owned(), "overwritten".into()], &1.into())
    );
    assert_eq!(world.get("/api/cache/dependencies?key=c").json()["lastInvalidation"], Value::Null);
}

#[test]
fn an_entry_that_expired_says_so_whatever_was_invalidated_before() {
    let world = World::new();
    world.post("/api/cache/clear", "");
    world.set("k", r#"{"value": 1, "ttl": 1}"#);
    crate::wait::wait_for("the entry to expire", || (why(&world, "k")["state"] == "expired").then_some(()));
    let k = why(&world, "k");
    assert_eq!(states(&k), ["created", "expired"], "{k}");
    assert_eq!(last(&k)["by"], Value::Null);
}

#[test]
fn a_loaded_entry_that_a_commit_took_away_names_the_commit() {
    let world = World::new();
    world.source.commit(1, "row", 7);
    world.value("post:1");
    world.source.commit(1, "new row", 7);
    let gone = why(&world, "post:1");
    assert_eq!(states(&gone), ["created", "invalidated"], "{gone}");
    assert_eq!(gone["steps"][0]["detail"], "loaded after a miss");
    assert_eq!((&last(&gone)["by"]["cause"], &last(&gone)["by"]["scope"]), (&"commit".into(), &"key".into()));
}

#[test]
fn what_is_older_than_the_history_is_said_to_be_not_known() {
    let world = World::with("history_memory = \"16KiB\"");
    for n in 0..4_000 {
        let put = Put { value: b"v".to_vec().into(), ..Put::default() };
        let Turn::Now(set) = world.node.set(format!("k{n}").as_bytes(), put, Origin::default()) else {
            panic!("a plain key waits for nothing");
        };
        set.expect("it fits");
    }
    world.post("/api/cache/invalidate", r#"{"pattern": "k*"}"#);
    let all: Vec<Value> = (0..4_000).map(|n| why(&world, &format!("k{n}"))).collect();
    let unknown = all.iter().filter(|why| why["state"] == "unknown").count();
    assert!((3_000..4_000).contains(&unknown), "{unknown}");
    let first = all.iter().find(|why| why["state"] == "unknown").expect("one");
    assert_eq!(
        (&first["why"], &first["complete"]),
        (&"not known: older than the history".into(), &false.into())
    );
    assert!(all.iter().all(|why| why["state"] == "unknown" || why["state"] == "invalidated"));
}
