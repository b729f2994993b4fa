//! Entries: set, read in both forms, conditional, removed.

use crate::source::CONFIG;
use crate::world::World;

#[test]
fn what_is_set_as_json_comes_back_as_it_was() {
    let world = World::new();
    for value in [
        "\"abc\"",
        "\"\"",
        "\"42\"",
        "42",
        "-1.50",
        "12345678901234567890123",
        "true",
        "null",
        "[]",
        "{\"a\":[1,{}]}",
        "\"{\\\"a\\\":1}\"",
        "\"\\u0000\\u00fc\"",
    ] {
        world.set("it", &format!("{{\"value\": {value}}}"));
        let answer = world.get("/api/cache/it");
        let text = answer.text();
        let canonical = serde_json::from_str::<serde_json::Value>(value).expect("JSON");
        assert_eq!(answer.json()["value"], canonical, "{text}");
        if !value.starts_with('"') {
            assert!(text.contains(&format!("\"value\":{value},")), "{value} in {text}");
        }
    }
}

/// 0 is as good as none; an entry tells how long it was to live, and what of that is left.
#[test]
fn a_ttl_of_nothing_is_the_default_and_the_original_is_told() {
    let world = World::with(
        "default_ttl = '90s'\n[[keyspace]]\npattern = 'short:{id}'\nttl = '20s'\n[[keyspace]]\npattern = 'ever:{id}'",
    );
    for (key, expected) in [("plain", Some(90)), ("short:1", Some(20)), ("ever:1", None)] {
        for given in ["", ", \"ttl\": 0"] {
            world.set(key, &format!("{{\"value\": 1{given}}}"));
            let view = world.get(&format!("/api/cache/{key}")).json();
            assert_eq!(
                (view["ttl"].as_u64(), view["originalTtl"].as_u64()),
                (expected, expected),
                "{key} {view}"
            );
        }
        let path = format!("/api/cache/{key}?ttl=0");
        let put = world.call("PUT", &path, &[("content-type", "text/plain")], b"x");
        assert_eq!(put.status, 200, "{key}");
        let view = world.call("GET", &format!("/api/cache/{key}"), &[("Accept", "application/json")], b"");
        assert_eq!(view.json()["originalTtl"].as_u64(), expected, "{key}");
    }
    world.set("it", r#"{"value": 1, "ttl": 7}"#);
    world.set("never", r#"{"value": 1, "ttl": null}"#);
    let told = |key: &str| {
        let view = world.get(&format!("/api/cache/{key}")).json();
        (view["ttl"].as_u64(), view["originalTtl"].as_u64())
    };
    assert_eq!((told("it"), told("never")), ((Some(7), Some(7)), (None, None)));
    let began = std::time::Instant::now();
    while told("it").0.is_none_or(|left| left == 7) {
        assert!(began.elapsed().as_secs() < 6, "its time does not pass");
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    assert_eq!(told("it").1, Some(7));
}

#[test]
fn a_json_string_is_plain_for_redis_clients() {
    let world = World::new();
    world.set("greeting", r#"{"value": "hello"}"#);
    let raw = world.get("/api/cache/greeting?raw=1");
    assert_eq!(
        (raw.text().as_str(), raw.header("content-type")),
        ("hello", Some("application/octet-stream"))
    );
    world.set("object", r#"{"value": {"a": 1}}"#);
    let raw = world.call("GET", "/api/cache/object", &[("Accept", "application/octet-stream")], b"");
    assert_eq!((raw.text().as_str(), raw.header("content-type")), (r#"{"a": 1}"#, Some("application/json")));
}

#[test]
fn the_view_has_every_field() {
    let world = World::new();
    let set = r#"{"value": {"n": 1}, "ttl": 60, "dependencies": ["user:1"], "tags": ["a", "b"],
                  "events": ["user_updated{user_id=1}"], "priority": 7, "write": "cache-only"}"#;
    let answer = world.post("/api/cache/it", set);
    assert_eq!(answer.status, 201);
    assert_eq!(answer.text(), r#"{"key":"it","created":true,"ttl":60,"write":"cache-only"}"#);
    let view = world.get("/api/cache/it").json();
    let object = view.as_object().expect("an object");
    let mut names: Vec<_> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "accessCount",
        "age",
        "contentType",
        "createdAt",
        "dependencies",
        "events",
        "followed",
        "key",
        "lastAccessed",
        "level",
        "near",
        "originalTtl",
        "priority",
        "stale",
        "tags",
        "ttl",
        "unverified",
        "value",
        "version",
    ];
    assert_eq!(names, expected);
    assert_eq!(view["key"], "it");
    assert_eq!(view["value"]["n"], 1);
    assert_eq!(view["ttl"], 60);
    assert_eq!(view["dependencies"], serde_json::json!(["user:1"]));
    assert_eq!(view["tags"], serde_json::json!(["a", "b"]));
    assert_eq!(view["events"], serde_json::json!(["user_updated{user_id=1}"]));
    assert_eq!((&view["priority"], &view["version"], &view["stale"]), (&7.into(), &().into(), &false.into()));
    for time in ["createdAt", "lastAccessed"] {
        let written = view[time].as_str().expect("a time");
        assert!(written.starts_with("20") && written.ends_with('Z') && written.len() == 24, "{written}");
    }
    let again = world.post("/api/cache/it", r#"{"value": 2, "ttl": null}"#);
    assert_eq!((again.status, again.json()["created"].clone()), (200, false.into()));
    assert_eq!(world.get("/api/cache/it").json()["ttl"], serde_json::Value::Null);
    world.set("it", r#"{"value": 3}"#);
    assert_eq!(world.get("/api/cache/it").json()["ttl"], 3600);
}

#[test]
fn raw_bytes_keep_their_type_and_their_options() {
    let world = World::new();
    let bytes = b"\x89PNG\xff\x00";
    let path = "/api/cache/logo?ttl=30&tag=a&tag=b%20c&dependency=x&event=e&priority=9&write=cache-only";
    let put = world.call("PUT", path, &[("Content-Type", "image/png")], bytes);
    assert_eq!(put.status, 201, "{put:?}");
    let got = world.get("/api/cache/logo");
    assert_eq!((got.body.as_slice(), got.header("content-type")), (&bytes[..], Some("image/png")));
    assert_eq!(got.header("content-security-policy"), Some("default-src 'none'; sandbox"));
    assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
    let view = world.call("GET", "/api/cache/logo", &[("Accept", "application/json")], b"").json();
    assert_eq!((&view["value"], &view["valueBase64"]), (&().into(), &"iVBOR/8A".into()));
    assert_eq!(view["tags"], serde_json::json!(["a", "b c"]));
    assert_eq!((&view["priority"], &view["ttl"]), (&9.into(), &30.into()));
    assert_eq!(view["events"], serde_json::json!(["e"]));
}

#[test]
fn any_key_is_reachable() {
    let world = World::new();
    for (path, shown) in [
        ("plain", "plain"),
        ("a/b/c", "a/b/c"),
        ("a%2Fb", "a/b"),
        ("%3F%23%25%20", "?#% "),
        ("keys/stats", "stats"),
        ("keys/invalidate", "invalidate"),
        ("keys/keys/x", "keys/x"),
        ("keys/", ""),
        ("keys", "keys"),
        ("%E2%82%AC", "€"),
        ("a+b", "a+b"),
        ("..%2F..%2Fetc", "../../etc"),
    ] {
        let path = format!("/api/cache/{path}");
        assert_eq!(world.post(&path, r#"{"value": 1}"#).status, 201, "{path}");
        let view = world.get(&path).json();
        assert_eq!(view["key"], shown, "{path}");
        assert_eq!(world.call("DELETE", &path, &[], b"").status, 204, "{path}");
        assert_eq!(world.get(&path).status, 404, "{path}");
    }
    assert_eq!(world.post("/api/cache/%FF%00", r#"{"value": 1}"#).status, 201);
    assert_eq!(world.get("/api/cache/keys/%ff%00").json()["keyBase64"], "/wA=");
}

#[test]
fn etags_make_requests_conditional() {
    let world = World::new();
    let set = world.post("/api/cache/it", r#"{"value": 1}"#);
    let raw_tag = set.header("etag").expect("an ETag").to_owned();
    let got = world.get("/api/cache/it");
    let view_tag = got.header("etag").expect("an ETag").to_owned();
    assert_ne!(raw_tag, view_tag);
    for tag in [&raw_tag, &view_tag, "*", &format!("\"other\", W/{raw_tag}")] {
        let same = world.call("GET", "/api/cache/it", &[("If-None-Match", tag)], b"");
        assert_eq!((same.status, same.body.len()), (304, 0), "{tag}");
        assert_eq!(same.header("etag"), Some(view_tag.as_str()));
    }
    let json = ("Content-Type", "application/json");
    let none_yet = world.call("PUT", "/api/cache/it", &[json, ("If-None-Match", "*")], br#"{"value": 2}"#);
    let detail = format!("If-None-Match does not hold: the entry's ETag is {raw_tag}");
    assert_eq!(none_yet.problem(), (412, "precondition-failed".into(), detail));
    assert_eq!(none_yet.header("etag"), Some(raw_tag.as_str()));
    let put = world.call("PUT", "/api/cache/it", &[json, ("If-Match", &view_tag)], br#"{"value": 2}"#);
    assert_eq!(put.status, 200);
    let late = world.call("PUT", "/api/cache/it", &[json, ("If-Match", &view_tag)], br#"{"value": 3}"#);
    assert_eq!(late.status, 412);
    assert_eq!(world.call("DELETE", "/api/cache/it", &[("If-Match", &raw_tag)], b"").status, 412);
    assert_eq!(world.value("it"), "2");
    assert_eq!(world.call("DELETE", "/api/cache/it", &[("If-Match", "*")], b"").status, 204);
    let gone = world.call("PUT", "/api/cache/it", &[json, ("If-Match", "*")], br#"{"value": 3}"#);
    let detail = "If-Match does not hold: there is no such entry".to_owned();
    assert_eq!(gone.problem(), (412, "precondition-failed".into(), detail));
    assert_eq!(
        world.call("PUT", "/api/cache/it", &[json, ("If-None-Match", "*")], br#"{"value": 4}"#).status,
        201
    );
}

#[test]
fn headers_say_where_a_value_came_from() {
    let world = World::new();
    world.source.commit(1, "first", 7);
    let loaded = world.get("/api/cache/post:1");
    assert_eq!(loaded.status, 200, "{loaded:?}");
    assert!(
        loaded.header("cache-status").is_some_and(|it| it.starts_with("Clearwell; fwd=miss; ttl=")),
        "{loaded:?}"
    );
    let hit = world.get("/api/cache/post:1");
    assert!(hit.header("cache-status").is_some_and(|it| it.starts_with("Clearwell; hit; ttl=")), "{hit:?}");
    for (name, value) in [
        ("age", "0"),
        ("cache-control", "private, no-cache"),
        ("vary", "Accept, Accept-Encoding"),
        ("x-clearwell-stale", "false"),
        ("x-clearwell-level", "eventual"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(hit.header(name), Some(value), "{name}");
    }
    assert_eq!(hit.json()["tags"], serde_json::json!(["author:7"]));
    assert_eq!(hit.header("etag"), loaded.header("etag"));
    let strong = world.get("/api/cache/post:1?level=strong");
    assert_eq!((strong.status, strong.header("x-clearwell-level")), (200, Some("strong")));
    let head = world.call("HEAD", "/api/cache/post:1", &[], b"");
    assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, hit.header("etag")));
}

#[test]
fn a_source_keeps_text_and_the_view_shows_structures_in_it() {
    let world = World::new();
    world.set("post:1", r#"{"value": {"a": 1}}"#);
    assert_eq!(world.source.row(1).as_deref(), Some(r#"{"a": 1}"#));
    assert_eq!(world.value("post:1"), r#"{"a":1}"#);
    world.post("/api/cache/invalidate", r#"{"keys": ["post:1"]}"#);
    assert_eq!(world.value("post:1"), r#"{"a":1}"#);
    world.set("post:1", r#"{"value": "text"}"#);
    assert_eq!(world.source.row(1).as_deref(), Some("text"));
    assert_eq!(world.value("post:1"), "\"text\"");
    assert_eq!(world.call("DELETE", "/api/cache/post:1?row=true", &[], b"").status, 204);
    assert_eq!(world.source.row(1), None);
}

#[test]
fn a_key_that_nearly_matches_a_keyspace_is_refused() {
    let world = World::new();
    let json = [("Content-Type", "application/json")];
    for key in ["post:01", "post:abc", "Post:1"] {
        let put = world.call("PUT", &format!("/api/cache/{key}"), &json, br#"{"value": 1}"#);
        let (status, code, detail) = put.problem();
        assert_eq!((status, code.as_str()), (409, "near-miss"), "{key}");
        assert!(detail.starts_with("no key of keyspace post:{id:int}, but nearly: "), "{detail}");
        let (status, _, detail) = world.get(&format!("/api/cache/{key}")).problem();
        assert!(
            status == 404 && detail.contains("it is no key of keyspace post:{id:int}, but nearly"),
            "{detail}"
        );
        assert_eq!(world.call("DELETE", &format!("/api/cache/{key}?row=true"), &[], b"").status, 409);
    }
    world.set("post:1:comments", r#"{"value": 1}"#);
    assert!(world.get("/api/cache/post:1:comments").json()["near"].is_null());
}

#[test]
fn an_entry_whose_key_nearly_matches_a_keyspace_says_so() {
    let config = CONFIG.replace("ttl = \"10s\"", "ttl = \"10s\"\nnear_miss = \"warn\"");
    let world = World::over(&config);
    world.set("post:01", r#"{"value": 1}"#);
    let told = "no key of keyspace post:{id:int}, but nearly: \"post:01\": id is \"01\", and an integer is written without \
                leading zeros, + or spaces; write \"post:1\"";
    assert_eq!(world.get("/api/cache/post:01").json()["near"], told);
    assert!(world.get("/api/cache/post:1").json()["near"].is_null());
    let why = |key: &str| world.get(&format!("/api/cache/why?key={key}")).json()["why"].to_string();
    assert!(
        why("post:02")
            .contains("never stored since this node started; it is no key of keyspace post:{id:int}")
    );
    assert!(!why("post:1").contains("nearly"));
}

/// HTTP has no connection that would tell whose PUT it is: the lease of a miss does. (This used to be 409.)
#[test]
fn a_put_after_a_miss_and_a_delete_is_a_write() {
    let world = World::new();
    for key in ["it", "other"] {
        for _ in 0..3 {
            assert_eq!(world.get(&format!("/api/cache/{key}")).status, 404);
        }
        assert_eq!(world.call("DELETE", &format!("/api/cache/{key}"), &[], b"").status, 404);
        let json = [("Content-Type", "application/json")];
        for value in ["1", "2", "3"] {
            let body = format!("{{\"value\": {value}}}");
            let put = world.call("PUT", &format!("/api/cache/{key}"), &json, body.as_bytes());
            assert!(matches!(put.status, 200 | 201), "{put:?}");
            assert_eq!(world.value(key), value);
        }
    }
}

/// One meaning: DELETE states that what was read of the key is old; the row goes when it is asked for by name.
#[test]
fn a_delete_leaves_the_row_unless_it_is_asked_for() {
    let world = World::new();
    world.set("post:1", r#"{"value": "text"}"#);
    let delete = |query: &str| world.call("DELETE", &format!("/api/cache/post:1{query}"), &[], b"");
    for query in ["", "?row=false", "?write=cache-only"] {
        assert_eq!(world.value("post:1"), "\"text\"");
        assert_eq!(delete(query).status, 204, "{query}");
        assert_eq!(delete(query).status, 404, "nothing is in memory: {query}");
        assert_eq!(world.source.row(1).as_deref(), Some("text"), "{query}");
    }
    for query in ["?row=perhaps", "?write=write-through", "?row=true&write=cache-only", "?rows=true"] {
        assert_eq!(delete(query).status, 400, "{query}");
    }
    world.value("post:1");
    let any = [("If-Match", "*")];
    assert_eq!(world.call("DELETE", "/api/cache/post:1", &any, b"").status, 204);
    assert_eq!(world.source.row(1).as_deref(), Some("text"));
    assert_eq!(world.post("/api/cache/clear", "{}").status, 200);
    assert_eq!(world.source.row(1).as_deref(), Some("text"));
    assert_eq!(world.call("DELETE", "/api/cache/post:1?row=true", &any, b"").status, 204);
    assert_eq!(world.source.row(1), None);
    assert_eq!(delete("?row=true").status, 404);
}

#[test]
fn a_stale_value_is_served_to_those_who_allow_it() {
    let world = World::new();
    world.set("it", r#"{"value": 1}"#);
    world.post("/api/cache/invalidate", r#"{"keys": ["it"], "mode": "lazy"}"#);
    let stale = world.get("/api/cache/it?stale=1");
    assert_eq!((stale.status, stale.header("x-clearwell-stale")), (200, Some("true")), "{stale:?}");
    assert_eq!(stale.json()["stale"], true);
    assert_eq!(world.get("/api/cache/it").status, 404);
}

#[test]
fn a_fill_lease_from_a_miss_is_honoured_until_an_invalidation() {
    let world = World::new();
    let miss = world.get("/api/cache/it");
    let detail = "no entry \"it\", and its keyspace has no source to load it from".to_owned();
    assert_eq!(miss.problem(), (404, "miss".into(), detail));
    let lease = miss.header("x-clearwell-lease").expect("a lease").to_owned();
    let fill = |lease: &str| {
        let headers = [("Content-Type", "application/json"), ("X-Clearwell-Lease", lease)];
        world.call("PUT", "/api/cache/it", &headers, br#"{"value": "loaded"}"#)
    };
    assert_eq!(fill(&lease).status, 201);
    world.post("/api/cache/invalidate", r#"{"keys": ["it"]}"#);
    let detail = "late fill: \"it\" was invalidated after the miss that this value answers, so the value may be old; \
                  read the source and set again";
    assert_eq!(fill(&lease).problem(), (409, "late-fill".into(), detail.to_owned()));
    assert_eq!(world.get("/api/cache/it").status, 404);
    let detail = "the lease is not one of this node's: read the key again for a new one".to_owned();
    assert_eq!(fill("nonsense").problem(), (409, "lease-unknown".into(), detail));
}

/// What is kept as zstd is sent as it is kept to who takes that; nobody else notices.
#[test]
fn compressed_bytes_are_sent_to_who_takes_them() {
    let world = World::with(
        "[[keyspace]]\npattern = 'z:{id}'\ncompress = 'zstd'\ncompress_above = '100B'\n\
         [[keyspace]]\npattern = 'l:{id}'\ncompress = 'lz4'\ncompress_above = '100B'",
    );
    let text = "All work and no play makes Jack a dull boy. ".repeat(200);
    for path in ["/api/cache/z:1", "/api/cache/l:1", "/api/cache/plain"] {
        let put = world.call("PUT", path, &[("Content-Type", "text/plain")], text.as_bytes());
        assert_eq!(put.status, 201, "{path}");
        let read = |headers: &[(&str, &str)]| world.call("GET", path, headers, b"");
        let plain = read(&[]);
        assert_eq!((plain.text(), plain.header("content-encoding")), (text.clone(), None), "{path}");
        assert_eq!(plain.header("vary"), Some("Accept, Accept-Encoding"));
        let taken = read(&[("Accept-Encoding", "gzip, zstd")]);
        if path != "/api/cache/z:1" {
            assert_eq!((taken.text(), taken.header("content-encoding")), (text.clone(), None), "{path}");
            assert_eq!(taken.header("etag"), plain.header("etag"));
            continue;
        }
        assert_eq!(taken.header("content-encoding"), Some("zstd"));
        assert_eq!(taken.header("content-type"), Some("text/plain"));
        assert!(taken.body.len() * 4 < text.len(), "{} of {}", taken.body.len(), text.len());
        let mut decoder = ruzstd::decoding::StreamingDecoder::new(&taken.body[..]).expect("a frame");
        let mut decoded = String::new();
        std::io::Read::read_to_string(&mut decoder, &mut decoded).expect("it is whole");
        assert_eq!(decoded, text);
        // Two representations have two tags; either says that the reader is up to date, and may stand in a condition.
        let (tag, packed_tag) = (plain.header("etag").expect("a tag"), taken.header("etag").expect("a tag"));
        assert_ne!(tag, packed_tag);
        for known in [tag, packed_tag] {
            let headers = [("Accept-Encoding", "zstd"), ("If-None-Match", known)];
            let unchanged = world.call("GET", path, &headers, b"");
            assert_eq!((unchanged.status, unchanged.header("etag")), (304, Some(packed_tag)));
        }
        let view = read(&[("Accept-Encoding", "zstd"), ("Accept", "application/json")]);
        assert_eq!((view.header("content-encoding"), &view.json()["value"]), (None, &text.as_str().into()));
        let headers = [("Content-Type", "text/plain"), ("If-Match", packed_tag)];
        assert_eq!(world.call("PUT", path, &headers, b"short").status, 200);
        let short = read(&[("Accept-Encoding", "zstd")]);
        assert_eq!((short.text().as_str(), short.header("content-encoding")), ("short", None));
    }
    let metrics = world.get("/metrics").text();
    for line in [
        "clearwell_keyspace_compressed_values_total{keyspace=\"z:{id}\"} 1",
        "compression_ratio{keyspace=\"l:{id}\"}",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let stats = world.get("/api/cache/stats").text();
    assert!(stats.contains("compressionRatio"), "{stats}");
}
