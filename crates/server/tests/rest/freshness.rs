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
    let body = r#"{"pattern": "post:*", "from": 1, "to": 25, "wait": true}"#;
    let warmed = world.post("/api/cache/warm", body).json();
    for (field, count) in [
        ("total", 25),
        ("listed", 25),
        ("loaded", 19),
        ("present", 1),
        ("absent", 5),
        ("withoutSource", 0),
        ("failed", 0),
    ] {
        assert_eq!(warmed[field], count, "{field} in {warmed}");
    }
    let listed = world.post("/api/cache/warm", r#"{"keys": ["post:1", "plain"], "wait": true}"#).json();
    assert_eq!((&listed["present"], &listed["withoutSource"]), (&1.into(), &1.into()), "{listed}");
    world.source.fail(Some(clearwell_source::SourceError::Unreachable("gone".into())));
    let failed = world.post("/api/cache/warm", r#"{"keys": ["post:99"], "wait": true}"#).json();
    assert_eq!(
        (&failed["failed"], &failed["errors"][0]),
        (&1.into(), &"post:99: the source is unreachable: gone".into())
    );
}

/// The job as soon as it has ended.
fn ended(world: &World, id: u64) -> serde_json::Value {
    crate::wait::wait_for("the job's end", || {
        let job = world.get(&format!("/api/cache/warm/{id}")).json();
        (job["state"] != "running").then_some(job)
    })
}

#[test]
fn warming_is_a_job_that_is_told_of_and_cancelled() {
    let world = World::new();
    world.source.commit(1, "one", 1);
    let begun = world.post("/api/cache/warm", r#"{"keys": ["post:1"]}"#);
    assert_eq!((begun.status, begun.header("location")), (202, Some("/api/cache/warm/1")), "{begun:?}");
    assert_eq!(ended(&world, 1)["loaded"], 1);

    // One key a second of a thousand: it is under way until it is cancelled.
    let slow = r#"{"pattern": "post:*", "from": 1, "to": 1000, "rate": 1, "refresh": true}"#;
    for id in 2..=5 {
        assert_eq!(world.post("/api/cache/warm", slow).json()["id"], id);
    }
    let problem = world.post("/api/cache/warm", slow).problem();
    assert_eq!((problem.0, &*problem.1), (429, "too-many-jobs"), "{problem:?}");
    let listed = world.get("/api/cache/warm").json();
    let states: Vec<_> = listed["jobs"].as_array().expect("jobs").iter().map(|job| &job["state"]).collect();
    assert_eq!(states, ["running", "running", "running", "running", "done"], "the newest first");
    for id in 2..=5 {
        let cancelled = world.call("DELETE", &format!("/api/cache/warm/{id}"), &[], b"").json();
        assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
        assert!(cancelled["endedAt"].is_string() && cancelled["listed"].as_u64() < Some(100), "{cancelled}");
    }
    let before = world.source.loads.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(ended(&world, 2)["state"], "cancelled");
    assert_eq!(
        world.source.loads.load(std::sync::atomic::Ordering::Relaxed),
        before,
        "nothing more is begun"
    );
    let figures = world.get("/api/cache/stats").json();
    assert_eq!(figures["warmJobsRunning"], 0, "{figures}");
    assert!(figures["warmLoaded"].as_u64() >= Some(1), "{figures}");
}

#[test]
fn a_cancelled_load_leaves_its_readers_to_load_for_themselves() {
    let world = World::new();
    world.source.commit(1, "one", 1);
    world.source.hold();
    world.post("/api/cache/warm", r#"{"keys": ["post:1"]}"#);
    world.source.hold_no_more(1);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| world.value("post:1"));
        assert_eq!(world.call("DELETE", "/api/cache/warm/1", &[], b"").json()["state"], "cancelled");
        assert_eq!(reader.join().expect("it is answered"), "\"one\"");
    });
}

#[test]
fn an_invalidation_while_a_key_is_warmed_is_never_undone() {
    for refresh in [false, true] {
        let world = World::new();
        world.source.commit(1, "old", 1);
        if refresh {
            assert_eq!(world.value("post:1"), "\"old\"");
        }
        world.source.hold();
        world.post("/api/cache/warm", &format!(r#"{{"keys": ["post:1"], "refresh": {refresh}}}"#));
        // The old row was read, and is on its way, when the change is told.
        world.source.release_after(1, || world.source.commit(1, "new", 1));
        let job = ended(&world, 1);
        assert_eq!((&job["state"], &job["loaded"]), (&"done".into(), &1.into()), "{job}");
        let loads = 2 + u64::from(refresh);
        assert_eq!(
            world.source.loads.load(std::sync::atomic::Ordering::Relaxed),
            loads,
            "the late one, and one anew"
        );
        assert_eq!(world.value("post:1"), "\"new\"");
    }
}

#[test]
fn a_source_that_does_not_answer_ends_a_job() {
    let world = World::new();
    world.source.fail(Some(clearwell_source::SourceError::Unreachable("gone".into())));
    let body = r#"{"pattern": "post:*", "from": 1, "to": 1000, "rate": 100000, "wait": true}"#;
    let job = world.post("/api/cache/warm", body).json();
    assert_eq!(job["state"], "failed", "{job}");
    assert!(
        job["failed"].as_u64() < Some(100) && job["errors"].as_array().is_some_and(|e| e.len() == 5),
        "{job}"
    );
    assert_eq!(job["errors"][4], "given up: the source did not answer 10 loads in a row");
}

#[test]
fn a_job_waits_while_changes_may_be_missed() {
    let world = World::new();
    world.source.commit(1, "one", 1);
    world.source.doubt(Some("the slot is gone"));
    world.post("/api/cache/warm", r#"{"keys": ["post:1"]}"#);
    crate::wait::wait_for("the job to wait", || {
        let job = world.get("/api/cache/warm/1").json();
        (job["waiting"] == "the slot is gone").then_some(())
    });
    world.source.doubt(None);
    let job = ended(&world, 1);
    assert_eq!((&job["loaded"], &job["waiting"]), (&1.into(), &serde_json::Value::Null), "{job}");
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
