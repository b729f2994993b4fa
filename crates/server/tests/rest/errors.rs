//! What is refused, and in which words.

use std::io::Write;

use clearwell_source::SourceError;

use crate::http::{connect, read};
use crate::world::World;

/// (method and path, content type, body, status, code, detail)
type Case = (&'static str, &'static str, &'static str, u16, &'static str, &'static str);

const JSON: &str = "application/json";

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("POST /api/cache/k", JSON, "{", 400, "bad-json", "the body is not JSON: EOF while parsing an object at line 1 column 1"),
    ("POST /api/cache/k", JSON, "{\"value\": 1,\n \"ttl\": oops}", 400, "bad-json", "the body is not JSON: expected value at line 2 column 9"),
    ("POST /api/cache/k", JSON, "", 400, "bad-json", "the body is not JSON: EOF while parsing a value at line 1 column 0"),
    ("POST /api/cache/k", JSON, "[1]", 400, "wrong-type", "the body is not a JSON object: invalid type: sequence, expected an object at line 1 column 0"),
    ("POST /api/cache/k", JSON, "{\"value\": 1} x", 400, "bad-json", "the body is not JSON: trailing characters at line 1 column 14"),
    ("POST /api/cache/k", JSON, "{}", 400, "missing-field", "field \"value\" is needed: {\"value\": any JSON}"),
    ("POST /api/cache/k", JSON, "{\"value\": 1, \"tag\": []}", 400, "unknown-field", "unknown field \"tag\": did you mean \"tags\"?"),
    ("POST /api/cache/k", JSON, "{\"value\": 1, \"zzz\": []}", 400, "unknown-field", "unknown field \"zzz\": known are value, ttl, dependencies, tags, events, priority, write"),
    ("POST /api/cache/k", JSON, "{\"value\": 1, \"value\": 2}", 400, "bad-value", "field \"value\" is given twice"),
    ("POST /api/cache/k", JSON, "{\"value\": 1, \"ttl\": \"60\"}", 400, "wrong-type", "ttl is \"60\": a whole number from 0 to 3153600000 is needed"),
    ("POST /api/cache/k", JSON, "{\"value\": 1, \"ttl\": 1.5}", 400, "bad-value", "ttl is 1.5: a whole number from 0 to 3153600000 is needed"),
    ("POST /api/cache/invalidate", JSON, "{\"pattern\": \"\"}", 400, "bad-value", "pattern is empty, which only the empty key matches: say \"everything\": true if you mean all"),
    ("POST /api/cache/k", JSON, "{\"value\": 1, \"ttl\": -5}", 400, "bad-value", "ttl is -5: a whole number from 0 to 3153600000 is needed"),
    ("POST /api/cache/k", JSON, "{\"value\": 1, \"ttl\": 9223372036854775808}", 400, "bad-value", "ttl is 9223372036854775808: a whole number from 0 to 3153600000 is needed"),
    ("POST /api/cache/k", JSON, "{\"value\": 1, \"tags\": \"a\"}", 400, "wrong-type", "tags is \"a\": an array of strings is needed"),
    ("POST /api/cache/k", JSON, "{\"value\": 1, \"tags\": [1]}", 400, "wrong-type", "tags is [1]: an array of strings is needed"),
    ("POST /api/cache/k", JSON, "{\"value\": 1, \"dependencies\": null}", 400, "wrong-type", "dependencies is null: an array of strings is needed"),
    ("POST /api/cache/k", JSON, "{\"value\": 1, \"priority\": 256}", 400, "bad-value", "priority is 256: a whole number from 0 to 255 is needed"),
    ("POST /api/cache/k", JSON, "{\"value\": 1, \"write\": \"write-thru\"}", 400, "bad-value", "unknown strategy \"write-thru\": did you mean \"write-through\"?"),
    ("POST /api/cache/k", JSON, "{\"value\": 1, \"write\": true}", 400, "wrong-type", "write is true: a string is needed"),
    ("POST /api/cache/k", JSON, "{\"value\": \"\\ud800\"}", 400, "wrong-type", "value is \"\\ud800\": a string is needed"),
    ("POST /api/cache/k?ttl=5", JSON, "{\"value\": 1}", 400, "unknown-parameter", "with application/json the options stand in the body: leave the query out"),
    ("POST /api/cache/k", JSON, "{\"value\": 1, \"write\": \"write-through\"}", 409, "strategy", "strategy write-through cannot be used: no keyspace with a source matches \"k\"; use cache-only"),
    ("POST /api/cache/k", "application/x-www-form-urlencoded", "{}", 415, "unsupported-media-type", "say what the body is: Content-Type: application/json for {\"value\": ...}, or the value's own type for raw bytes"),
    ("PUT /api/cache/k?ttl=1.5", "text/plain", "x", 400, "bad-value", "ttl is 1.5: a whole number from 0 to 3153600000 is needed"),
    ("PUT /api/cache/k?tags=a", "text/plain", "x", 400, "unknown-parameter", "unknown parameter \"tags\": did you mean \"tag\"?"),
    ("PUT /api/cache/k?ttl=1&ttl=2", "text/plain", "x", 400, "bad-value", "parameter \"ttl\" is given twice"),
    ("PUT /api/cache/%zz", "text/plain", "x", 400, "bad-key", "the key has a % without two hexadecimal digits at byte 0: write % itself as %25"),
    ("GET /api/cache/k?level=strnog", "", "", 400, "bad-value", "unknown level \"strnog\": did you mean \"strong\"?"),
    ("GET /api/cache/k?raw=maybe", "", "", 400, "bad-value", "raw is \"maybe\": 1, 0, true or false is needed"),
    ("GET /api/cache/post:404", "", "", 404, "miss", "no entry \"post:404\": its source has no such row"),
    ("DELETE /api/cache/k", "", "", 404, "miss", "no entry \"k\" to remove"),
    ("GET /api/cachet", "", "", 404, "unknown-route", "no route \"/api/cachet\": entries are at /api/cache/{key}, the description of all routes at /api/docs"),
    ("DELETE /api/cache/stats", "", "", 405, "method-not-allowed", "DELETE is not for /api/cache/stats: see Allow; a key of this name is at /api/cache/keys/stats"),
    ("PATCH /api/cache/k", JSON, "{}", 405, "method-not-allowed", "PATCH is not for /api/cache/k: see Allow; a key of this name is at /api/cache/keys/k"),
    ("POST /api/cache/invalidate", "text/plain", "{}", 415, "unsupported-media-type", "the Content-Type is \"text/plain\": application/json is needed"),
    ("POST /api/cache/invalidate", "", "{}", 415, "unsupported-media-type", "the Content-Type is missing: application/json is needed"),
    ("POST /api/cache/invalidate", JSON, "{}", 400, "missing-field", "nothing to invalidate: give keys, tags, dependencies, pattern, prefix, event or everything"),
    ("POST /api/cache/invalidate", JSON, "{\"keys\": []}", 400, "missing-field", "nothing to invalidate: give keys, tags, dependencies, pattern, prefix, event or everything"),
    ("POST /api/cache/invalidate", JSON, "{\"key\": \"a\"}", 400, "unknown-field", "unknown field \"key\": did you mean \"keys\"?"),
    ("POST /api/cache/invalidate", JSON, "{\"prefix\": \"\"}", 400, "bad-value", "prefix is empty, and every key begins so: say \"everything\": true if you mean it"),
    ("POST /api/cache/invalidate", JSON, "{\"keys\": [\"a\"], \"mode\": \"lzy\"}", 400, "bad-value", "unknown mode \"lzy\": did you mean \"lazy\"?"),
    ("POST /api/cache/invalidate", JSON, "{\"keys\": [\"a\"], \"mode\": \"delayed\"}", 400, "missing-field", "mode \"delayed\" needs its time: \"delayed:2s\""),
    ("POST /api/cache/invalidate", JSON, "{\"keys\": [\"a\"], \"mode\": \"delayed\", \"delay\": \"soon\"}", 400, "bad-value", "delay is \"soon\": a duration such as \"500ms\", \"2s\", \"5m\" or \"1h\" is needed"),
    ("POST /api/cache/invalidate", JSON, "{\"keys\": [\"a\"], \"mode\": \"delayed\", \"delay\": 2}", 400, "wrong-type", "delay is 2: a string is needed"),
    ("POST /api/cache/invalidate", JSON, "{\"keys\": [\"a\"], \"delayMs\": 5}", 400, "bad-value", "delayMs belongs to mode \"delayed\", and the mode is \"immediate\""),
    ("POST /api/cache/invalidate", JSON, "{\"keys\": [\"a\"], \"mode\": \"on-event\"}", 400, "missing-field", "mode \"on-event\" needs its event: \"on-event:NAME\""),
    ("POST /api/cache/invalidate", JSON, "{\"event\": {\"nam\": \"x\"}}", 400, "unknown-field", "in event: unknown field \"nam\": did you mean \"name\"?"),
    ("POST /api/cache/invalidate", JSON, "{\"event\": {\"attributes\": {}}}", 400, "missing-field", "event needs a \"name\": {\"name\": \"user_updated\"}"),
    ("POST /api/cache/invalidate", JSON, "{\"event\": {\"name\": \"x\", \"attributes\": {\"a\": []}}}", 400, "wrong-type", "event attribute \"a\" is []: a string, number or boolean is needed"),
    ("POST /api/cache/invalidate", JSON, "{\"event\": \"x\"}", 400, "wrong-type", "event is \"x\": an object is needed"),
    ("POST /api/cache/invalidate", JSON, "{\"keys\": [\"a\"], \"cascade\": 1}", 400, "wrong-type", "cascade is 1: true or false is needed"),
    ("POST /api/cache/invalidate", JSON, "{\"keys\": [\"a\"], \"wait\": \"forever\"}", 400, "bad-value", "unknown level \"forever\": known are strong, session, causal, bounded(2s), eventual, weak"),
    ("POST /api/cache/clear", JSON, "{\"pattern\": \"a*\"}", 400, "unknown-field", "clear takes no body: it empties the whole cache; POST /api/cache/invalidate takes a part"),
    ("POST /api/cache/warm", JSON, "{}", 400, "missing-field", "nothing to load: give keys, pattern or tags"),
    ("POST /api/cache/warm", JSON, "{\"from\": 1, \"to\": 2}", 400, "missing-field", "from and to belong to a pattern: \"pattern\": \"post:*\""),
    ("POST /api/cache/warm", JSON, "{\"pattern\": \"post:*\", \"from\": 1}", 400, "missing-field", "pattern \"post:*\" needs \"from\" and \"to\""),
    ("POST /api/cache/warm", JSON, "{\"pattern\": \"post\", \"from\": 1, \"to\": 2}", 400, "bad-value", "pattern \"post\" with \"from\" and \"to\" needs exactly one *, which stands for these numbers, and nothing else that a pattern knows"),
    ("POST /api/cache/warm", JSON, "{\"pattern\": \"post:*\", \"from\": 5, \"to\": 2}", 400, "bad-value", "from is 5 and to is 2: to may not be less"),
    ("POST /api/cache/warm", JSON, "{\"pattern\": \"post:*\", \"from\": 0, \"to\": 1000000}", 400, "bad-value", "from 0 to 1000000 is 1000001 keys: at most 1000000 at once"),
    ("POST /api/cache/warm", JSON, "{\"pattern\": \"post:[*\", \"from\": 1, \"to\": 2}", 400, "bad-value", "pattern \"post:[*\" with \"from\" and \"to\" needs exactly one *, which stands for these numbers, and nothing else that a pattern knows"),
    ("POST /api/cache/warm", JSON, "{\"keys\": [\"a\"], \"pattern\": \"b*\"}", 400, "keys-unknown", "pattern \"b*\" matches no key of a keyspace with a source: post:{id:int}"),
    ("POST /api/cache/warm", JSON, "{\"pattern\": \"post:*\"}", 400, "keys-unknown", "which keys match pattern \"post:*\" is not known: declare keys = \"SELECT ..\" in the [[keyspace]] of post:{id:int}, a query that returns what the pattern captures, by name, for each key"),
    ("POST /api/cache/warm", JSON, "{\"pattern\": \"post:[\"}", 400, "bad-value", "malformed pattern: pattern opens a '[' at byte 5 that nothing closes"),
    ("POST /api/cache/warm", JSON, "{\"tags\": [\"author:1\"]}", 400, "keys-unknown", "which keys carry tag \"author:1\" is not known: declare keys = \"SELECT ..\" in the [[keyspace]] of post:{id:int}, a query that returns what the pattern captures and what its tags are made of, by name, for each key"),
    ("POST /api/cache/warm", JSON, "{\"tags\": [\"writer:1\"]}", 400, "keys-unknown", "tag \"writer:1\" is made by the tags of no keyspace with a source"),
    ("POST /api/cache/warm", JSON, "{\"keys\": [\"a\"], \"rate\": 0}", 400, "bad-value", "rate is 0: a whole number from 1 to 1000000 is needed"),
    ("GET /api/cache/warm/7", "", "", 404, "unknown-job", "no job 7 is known: GET /api/cache/warm lists those that run, and the last that have ended"),
    ("DELETE /api/cache/warm/first", "", "", 400, "wrong-type", "id is first: a whole number from 0 to 9223372036854775807 is needed"),
    ("GET /api/cache/why", "", "", 400, "missing-parameter", "parameter \"key\" is needed: /api/cache/why?key=post:1"),
    ("GET /api/cache/dependencies?cursor=z", "", "", 400, "bad-value", "cursor is not one that a page before answered"),
    ("GET /api/cache/dependencies?key=a&limit=3", "", "", 400, "bad-value", "parameter \"limit\" belongs to a request without \"key\""),
    ("DELETE /api/cache/held", "", "", 400, "missing-parameter", "give the numbers of what to cancel (?id=3&id=4), or all=1: one of both"),
    ("DELETE /api/cache/held?id=3", "", "", 404, "not-held", "nothing is held under [3]: it took effect, or was cancelled, or never was"),
    ("POST /api/cache/invalidate", JSON, "{\"event\": {\"name\": \"a b\"}}", 400, "bad-value", "malformed event 'a b': event name \"a b\" holds ' ': a name is a word such as user_updated, and attributes are given beside it"),
];

#[test]
fn every_refusal_says_what_was_wrong_and_what_would_be_right() {
    let world = World::new();
    for (request, content_type, body, status, code, detail) in CASES {
        let (method, path) = request.split_once(' ').expect("method and path");
        let headers: Vec<_> =
            (!content_type.is_empty()).then_some(("Content-Type", *content_type)).into_iter().collect();
        let answer = world.call(method, path, &headers, body.as_bytes());
        assert_eq!(answer.problem(), (*status, (*code).to_owned(), (*detail).to_owned()), "{request} {body}");
    }
    assert_eq!(world.get("/api/cache/k").status, 404, "nothing was stored by a refused request");
    assert!(world.metrics.bad_inputs() >= 50, "{}", world.metrics.bad_inputs());
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let world = World::new();
    for (method, path, allowed) in [
        ("DELETE", "/api/cache/stats", "GET,HEAD"),
        ("GET", "/api/cache/invalidate", "POST"),
        ("PATCH", "/api/cache/k", "GET,HEAD,POST,PUT,DELETE"),
    ] {
        let answer = world.call(method, path, &[], b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{method} {path}");
    }
}

#[test]
fn a_failing_source_is_told_apart() {
    let world = World::new();
    for (error, status, code, detail, retry) in [
        (
            SourceError::Refused("no such column".into()),
            422,
            "source-refused",
            "the source refused: no such column",
            None,
        ),
        (
            SourceError::Unreachable("gone".into()),
            503,
            "source-unreachable",
            "the source is unreachable: gone",
            Some("1"),
        ),
        (
            SourceError::TooSlow(2000),
            504,
            "source-too-slow",
            "the source did not answer within 2000 ms",
            None,
        ),
    ] {
        world.source.fail(Some(error));
        for answer in [world.get("/api/cache/post:1"), world.post("/api/cache/post:1", r#"{"value": "x"}"#)] {
            assert_eq!(answer.problem(), (status, code.to_owned(), detail.to_owned()));
            assert_eq!(answer.header("retry-after"), retry);
        }
    }
    world.source.fail(None);
    assert_eq!(world.post("/api/cache/post:1", r#"{"value": "x"}"#).status, 201);
}

#[test]
fn a_cycle_and_an_entry_too_large_are_refused() {
    let world = World::with("max_memory = \"4MiB\"");
    world.set("a", r#"{"value": 1, "dependencies": ["b"]}"#);
    let cycle = world.post("/api/cache/b", r#"{"value": 1, "dependencies": ["a"]}"#);
    let (status, code, detail) = cycle.problem();
    assert_eq!((status, code.as_str()), (409, "cycle"));
    assert!(detail.starts_with("the entry would depend on itself: "), "{detail}");
    let text = [("Content-Type", "text/plain")];
    let unfit = world.call("PUT", "/api/cache/big", &text, &vec![b'x'; 3 << 20]);
    assert_eq!((unfit.status, unfit.problem().1.as_str()), (413, "too-large"));
    let large = world.call("PUT", "/api/cache/big", &text, &vec![b'x'; (4 << 20) + 1]);
    assert_eq!(large.problem(), (413, "too-large".into(), "the body is larger than 4194304 bytes".into()));
}

#[test]
fn a_claimed_length_is_not_believed() {
    let world = World::new();
    for length in ["99999999999999", "18446744073709551615"] {
        let mut stream = connect(world.address());
        let head = format!(
            "PUT /api/cache/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        let answer = read(stream);
        // A length that no number holds is refused before any route: 431.
        assert!(matches!(answer.status, 413 | 431), "{length}: {answer:?}");
    }
}

#[test]
fn a_chunked_body_is_cut_at_the_limit() {
    let world = World::with("max_memory = \"1MiB\"");
    let mut stream = connect(world.address());
    let head = "PUT /api/cache/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("sent");
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    for _ in 0..16 {
        stream.write_all(&chunk).expect("sent within the limit");
    }
    stream.write_all(b"1\r\nx\r\n").expect("sent");
    assert_eq!(read(stream).problem().0, 413);
}

#[test]
fn values_nested_too_deeply_are_refused() {
    let world = World::new();
    let nested = |depth: usize| format!("{{\"value\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(world.post("/api/cache/k", &nested(100)).status, 201);
    assert_eq!(world.get("/api/cache/k").status, 200);
    let detail = "field \"value\" is nested deeper than 100".to_owned();
    assert_eq!(world.post("/api/cache/k", &nested(101)).problem(), (400, "too-deep".into(), detail.clone()));
    assert_eq!(world.post("/api/cache/k", &nested(100_000)).problem(), (400, "too-deep".into(), detail));
}

#[test]
fn a_password_is_asked_for() {
    let world = World::with("password = \"sesame\"");
    let refused = world.get("/api/cache/stats");
    let detail = "a password is needed: Authorization: Bearer <password>, or Basic with the user \"default\"";
    assert_eq!(refused.problem(), (401, "unauthenticated".into(), detail.into()));
    assert!(refused.header("www-authenticate").is_some_and(|it| it.starts_with("Basic ")));
    assert_eq!(world.get("/api/cache/health").status, 200);
    for (given, status) in [
        ("Bearer sesame", 200),
        ("Basic ZGVmYXVsdDpzZXNhbWU=", 200),
        ("Bearer sesam", 401),
        ("Bearer sesames", 401),
        ("Bearer", 401),
        ("Basic c2VzYW1l", 401),
        ("Basic !!!", 401),
    ] {
        let answer = world.call("GET", "/api/cache/stats", &[("Authorization", given)], b"");
        assert_eq!(answer.status, status, "{given}");
    }
}

#[test]
fn a_page_of_another_origin_changes_nothing() {
    let world = World::new();
    world.set("k", r#"{"value": 1}"#);
    let foreign = [("Origin", "http://evil.example"), ("Content-Type", "application/json")];
    let refused = world.call("POST", "/api/cache/clear", &foreign, b"");
    assert_eq!((refused.status, refused.problem().1.as_str()), (403, "cross-origin"));
    assert_eq!(world.value("k"), "1");
    let own = format!("http://{}", world.address());
    assert_eq!(world.call("POST", "/api/cache/clear", &[("Origin", &own)], b"").status, 200);
    assert_eq!(world.get("/api/cache/k").status, 404);
}
