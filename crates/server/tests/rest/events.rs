//! The stream of invalidations.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crate::http::connect;
use crate::world::World;

struct Listener(BufReader<TcpStream>);

#[derive(Debug, Default)]
struct Event {
    id: String,
    name: String,
    data: String,
}

impl Listener {
    fn new(world: &World, last: Option<&str>) -> Listener {
        let mut stream = connect(world.address());
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let head = format!("GET /api/cache/events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        let mut listener = Listener(BufReader::new(stream));
        let head = listener.until_empty();
        assert!(head[0].contains(" 200 "), "{head:?}");
        for line in ["content-type: text/event-stream", "cache-control: no-store", "x-accel-buffering: no"] {
            assert!(head.iter().any(|it| it == line), "{line} in {head:?}");
        }
        let hello = listener.block();
        assert!(hello.contains(&"retry: 2000".to_owned()), "{hello:?}");
        listener
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).expect("a line in time");
        (read > 0).then(|| line.trim_end().to_owned())
    }

    fn until_empty(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).take_while(|line| !line.is_empty()).collect()
    }

    /// The lines of the next event; the lengths of chunks are left out.
    fn block(&mut self) -> Vec<String> {
        loop {
            let lines = self.until_empty();
            let lines: Vec<_> = lines.into_iter().filter(|line| line.contains(':')).collect();
            if !lines.is_empty() {
                return lines;
            }
        }
    }

    fn event(&mut self) -> Event {
        let mut event = Event::default();
        for line in self.block() {
            let (field, value) = line.split_once(": ").expect("a field");
            match field {
                "id" => event.id = value.to_owned(),
                "event" => event.name = value.to_owned(),
                "data" => event.data = value.to_owned(),
                other => panic!("a field {other:?}"),
            }
        }
        event
    }

    fn data(&mut self) -> serde_json::Value {
        let event = self.event();
        assert_eq!(event.name, "invalidate", "{event:?}");
        serde_json::from_str(&event.data).expect("JSON")
    }
}

#[test]
fn each_invalidation_is_told_with_all_there_is_to_say() {
    let world = World::new();
    world.set("user:1", r#"{"value": 1, "tags": ["eu"]}"#);
    let mut listener = Listener::new(&world, None);
    world.post("/api/cache/invalidate", r#"{"tags": ["eu"], "cascade": false}"#);
    let told = listener.data();
    let mut names: Vec<_> = told.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = ["at", "cascade", "cause", "effect", "name", "position", "reached", "scope", "version"];
    assert_eq!(names, expected);
    assert_eq!((&told["scope"], &told["name"]), (&"tag".into(), &"eu".into()));
    assert_eq!((&told["cause"], &told["effect"]), (&"command".into(), &"gone".into()));
    assert_eq!((&told["reached"], &told["cascade"]), (&1.into(), &false.into()));

    world.source.commit(1, "row", 7);
    let told = [listener.data(), listener.data()];
    assert!(told.iter().all(|it| it["cause"] == "commit" && it["version"] == 1), "{told:?}");
    world.post("/api/cache/invalidate", r#"{"event": {"name": "moved", "attributes": {"b": 2, "a": "x"}}}"#);
    let told = listener.data();
    assert_eq!((&told["scope"], &told["name"]), (&"event".into(), &"moved{a=x,b=2}".into()));
    world.post("/api/cache/clear", "");
    let told = listener.data();
    assert_eq!(
        (&told["scope"], &told["name"], &told["cause"]),
        (&"everything".into(), &"".into(), &"removal".into())
    );
}

#[test]
fn a_cut_listener_goes_on_where_it_was() {
    let world = World::new();
    let mut listener = Listener::new(&world, None);
    let invalidate = |key: &str| world.post("/api/cache/invalidate", &format!("{{\"keys\": [\"{key}\"]}}"));
    invalidate("a");
    let seen = listener.event();
    drop(listener);
    invalidate("b");
    invalidate("c");
    let mut again = Listener::new(&world, Some(&seen.id));
    assert_eq!((&again.data()["name"], &again.data()["name"]), (&"b".into(), &"c".into()));
    invalidate("d");
    assert_eq!(again.data()["name"], "d");
}

#[test]
fn what_cannot_be_resumed_is_reset() {
    let world = World::new();
    let run = format!("{:x}", world.node.run_id());
    world.post("/api/cache/invalidate", r#"{"keys": ["a"]}"#);
    for id in [&format!("{run}-99"), "77-1", "1", "", "nonsense", &format!("{run}-x")] {
        let mut listener = Listener::new(&world, Some(id));
        let event = listener.event();
        assert_eq!((event.name.as_str(), event.id.as_str()), ("reset", format!("{run}-1").as_str()), "{id}");
        assert_eq!(event.data, r#"{"why":"what happened since is forgotten"}"#);
    }
    for key in 0..1100 {
        world.node.invalidate(clearwell::road::InvalidationRequest::now(
            vec![clearwell_engine::Scope::Key(key.to_string().into_bytes().into())],
            clearwell_engine::Cause::Command,
        ));
    }
    let mut listener = Listener::new(&world, Some(&format!("{run}-1")));
    assert_eq!(listener.event().name, "reset");
    world.post("/api/cache/invalidate", r#"{"keys": ["after"]}"#);
    assert_eq!(listener.data()["name"], "after");
}

#[test]
fn stopping_ends_the_streams() {
    let world = World::new();
    let mut listener = Listener::new(&world, None);
    world.serving.stop();
    while let Some(line) = listener.line() {
        assert!(!line.contains("event"), "{line}");
    }
}

impl Listener {
    /// Of events that pass filters.
    fn filtered(world: &World, query: &str, last: Option<&str>) -> Listener {
        let mut stream = connect(world.address());
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let host = world.address();
        let head = format!("GET /api/cache/events?{query} HTTP/1.1\r\nHost: {host}\r\n{last}\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        let mut listener = Listener(BufReader::new(stream));
        let head = listener.until_empty();
        assert!(
            head[0].contains(" 200 "),
            "{query}: {head:?} {:?}",
            world.get(&format!("/api/cache/events?{query}"))
        );
        listener.block();
        listener
    }

    /// The names that are told until `last` is.
    fn until(&mut self, last: &str) -> Vec<String> {
        let mut names = Vec::new();
        loop {
            let event = self.event();
            if event.data.is_empty() {
                continue;
            }
            assert_eq!(event.name, "invalidate", "{event:?}");
            let told: serde_json::Value = serde_json::from_str(&event.data).expect("JSON");
            names.push(told["name"].as_str().expect("a name").to_owned());
            if names.last().is_some_and(|name| name == last) {
                return names;
            }
        }
    }
}

#[test]
fn filters_pass_what_may_concern_them_and_nothing_else() {
    let world = World::new();
    let mut pattern = Listener::filtered(&world, "pattern=user:*", None);
    let mut tag = Listener::filtered(&world, "tag=eu&tag=us", None);
    let mut event = Listener::filtered(&world, "event=moved%7Bto%3D7%7D", None);
    let mut several = Listener::filtered(&world, "pattern=post:1&tag=eu", None);
    world.set("feed:x", r#"{"value": 1, "dependencies": ["post:9"]}"#);
    for body in [
        r#"{"keys": ["user:1"]}"#,
        r#"{"keys": ["post:1"]}"#,
        r#"{"tags": ["eu"]}"#,
        r#"{"tags": ["de"]}"#,
        r#"{"pattern": "*:1"}"#,
        r#"{"pattern": "item:*"}"#,
        r#"{"prefix": "us"}"#,
        r#"{"event": {"name": "moved", "attributes": {"to": 7}}}"#,
        r#"{"event": {"name": "moved", "attributes": {"to": 8}}}"#,
        r#"{"keys": ["post:9"]}"#,
        r#"{"everything": true}"#,
    ] {
        assert_eq!(world.post("/api/cache/invalidate", body).status, 200, "{body}");
    }
    let any = ["eu", "de"];
    let moved = ["moved{to=7}", "moved{to=8}"];
    assert_eq!(pattern.until(""), ["user:1", any[0], any[1], "*:1", "us", moved[0], moved[1], "post:9", ""]);
    assert_eq!(tag.until(""), ["eu", ""]);
    assert_eq!(event.until(""), ["moved{to=7}", ""]);
    assert_eq!(several.until(""), ["post:1", "eu", "de", "*:1", moved[0], moved[1], "post:9", ""]);
    for query in ["pattern=", "pattern=[a", "event=a{b", "tag=", "keys=a"] {
        assert_eq!(world.get(&format!("/api/cache/events?{query}")).status, 400, "{query}");
    }
}

#[test]
fn a_filtered_listener_resumes_with_what_it_missed() {
    let world = World::new();
    let invalidate = |key: &str| world.post("/api/cache/invalidate", &format!("{{\"keys\": [\"{key}\"]}}"));
    let mut listener = Listener::filtered(&world, "pattern=user:*", None);
    invalidate("user:1");
    let seen = listener.event();
    drop(listener);
    for key in ["user:2", "post:1", "user:3", "post:2"] {
        invalidate(key);
    }
    let mut again = Listener::filtered(&world, "pattern=user:*", Some(&seen.id));
    assert_eq!(again.until("user:3"), ["user:2", "user:3"]);

    // More than the log keeps goes by without a word for it; the id goes on, so that nothing has to be reset.
    let mut last = String::new();
    for n in 0..1500 {
        world.node.invalidate(clearwell::road::InvalidationRequest::now(
            vec![clearwell_engine::Scope::Key(format!("post:{n}").into_bytes().into())],
            clearwell_engine::Cause::Command,
        ));
        if n % 128 == 0 && n > 0 {
            let event = again.event();
            assert!(event.data.is_empty() && event.name.is_empty(), "{event:?}");
            last = event.id;
        }
    }
    drop(again);
    invalidate("user:4");
    let mut again = Listener::filtered(&world, "pattern=user:*", Some(&last));
    assert_eq!(again.until("user:4"), ["user:4"]);
    let mut forgotten = Listener::filtered(&world, "pattern=user:*", Some(&seen.id));
    assert_eq!(forgotten.event().name, "reset");
}
