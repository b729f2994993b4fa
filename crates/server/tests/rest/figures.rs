//! Statistics, metrics, health, and the description of the surface.

use std::io::{BufRead, BufReader, Read, Write};

use clearwell::figures::{FIGURES, Moves, ToldBy, Unit};
use clearwell::metrics::{OperationKind, RequestEnded};

use crate::http::connect;
use crate::world::World;

#[test]
fn stats_have_the_names_and_the_truth() {
    let world = World::new();
    world.set("a", r#"{"value": "x"}"#);
    for _ in 0..3 {
        world.get("/api/cache/a");
    }
    world.get("/api/cache/b");
    world.post("/api/cache/invalidate", r#"{"keys": ["a"]}"#);
    let stats = world.get("/api/cache/stats").json();
    for (name, value) in [
        ("hitRate", serde_json::json!(0.75)),
        ("missRate", 0.25.into()),
        ("hits", 3.into()),
        ("misses", 1.into()),
        ("totalKeys", 0.into()),
        ("evictions", 0.into()),
        ("expirations", 0.into()),
    ] {
        assert_eq!(stats[name], value, "{name} in {stats}");
    }
    assert!(stats["invalidations"].as_u64() >= Some(1), "{stats}");
    let usage = stats["memoryUsage"].as_str().expect("a string");
    assert!(usage.ends_with('B') && usage.starts_with(|first: char| first.is_ascii_digit()), "{usage}");
    assert!(stats["memoryBytes"].is_u64());
}

#[test]
fn metrics_are_of_what_happened() {
    let world = World::new();
    let metrics = world.get("/api/cache/metrics").json();
    for name in
        ["operationsPerSecond", "averageLatency", "p95Latency", "p99Latency", "errorRate", "windowSeconds"]
    {
        assert!(metrics[name].is_number(), "{name} in {metrics}");
    }
    let recorder = world.metrics.recorder(OperationKind::ALL);
    for n in 0..1000 {
        let ended = if n < 10 { RequestEnded::Failed } else { RequestEnded::Well };
        recorder.record(OperationKind::Read as usize, 2_000_000, ended);
    }
    world.metrics.tick(world.node.clock().tick().plus(2000));
    let figures = world.metrics.figures();
    assert!(figures.operations >= 1000, "{figures:?}");
    assert!((2.0..2.1).contains(&figures.p95_latency), "{figures:?}");
    let text = world.get("/metrics");
    assert_eq!(
        text.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let text = text.text();
    assert!(text.contains("clearwell_operations_failed_total{kind=\"read\"} 10\n"), "{text}");
    assert!(
        text.contains("# HELP clearwell_memory_bytes Bytes of entries and of what is kept beside them\n")
    );
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn what_redis_clients_do_is_counted_too() {
    let world = World::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let resp =
        clearwell::resp::serve(world.node.clone(), listener, None, 1, &world.metrics).expect("a listener");
    let mut stream = connect(resp.address());
    stream.write_all(b"SET a 1\r\nGET a\r\nGET a\r\nINCRBY a x\r\n").expect("sent");
    let mut replies = [0; 19];
    stream.read_exact(&mut replies).expect("four replies");
    assert_eq!(&replies, b"+OK\r\n$1\r\n1\r\n$1\r\n1\r\n");
    let mut failed = String::new();
    BufReader::new(&stream).read_line(&mut failed).expect("a reply");
    assert!(failed.starts_with("-ERR"), "{failed}");
    let total = world.metrics.total();
    assert_eq!((total.count, total.failed), (4, 1));
    let metrics = world.get("/api/cache/metrics").json();
    assert_eq!((&metrics["respConnections"], &metrics["total"]), (&1.into(), &4.into()), "{metrics}");
    let text = world.get("/metrics").text();
    assert!(text.contains("clearwell_operation_seconds_count{kind=\"read\"} 2\n"), "{text}");
    resp.stop();
}

/// A figure is a row of the table, and each surface tells it: by the name that the row gives it there, with the same value.
#[test]
fn every_surface_tells_every_figure() {
    let world = World::new();
    world.set("a", r#"{"value": "x", "tags": ["t"]}"#);
    (0..3).for_each(|_| drop(world.get("/api/cache/a")));
    world.get("/api/cache/b");
    world.post("/api/cache/invalidate", r#"{"keys": ["a"]}"#);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let resp =
        clearwell::resp::serve(world.node.clone(), listener, None, 1, &world.metrics).expect("a listener");
    let client = redis::Client::open(format!("redis://{}", resp.address())).expect("an address");
    let mut client = client.get_connection().expect("a connection");
    let info: String = redis::cmd("INFO").query(&mut client).expect("a text");
    let cw: redis::Value = redis::cmd("CW.STATS").query(&mut client).expect("a map");
    let cw: std::collections::HashMap<String, redis::Value> = redis::from_redis_value(cw).expect("a map");
    let answers = [world.get("/api/cache/stats").json(), world.get("/api/cache/metrics").json()];
    let prometheus = world.get("/metrics").text();
    let page = world.get("/page/figures.json").json();
    let api = world.get("/api/openapi.json").json();
    let schemas = ["Stats", "MetricsBody"].map(|name| &api["components"]["schemas"][name]["properties"]);

    for figure in FIGURES {
        let (name, rest) = (figure.name, figure.rest_name());
        let (answer, schema) = match figure.told {
            ToldBy::Stats => (&answers[0], schemas[0]),
            ToldBy::Metrics => (&answers[1], schemas[1]),
        };
        let help = format!("# HELP clearwell_{} {}", figure.prometheus_name(), figure.help);
        let is_number = figure.unit != Unit::Text;
        assert_eq!(prometheus.lines().any(|line| line == help), is_number, "{help}\n{prometheus}");
        let listed = |row: &serde_json::Value| row["name"] == *rest && row["help"] == figure.help;
        assert!(page.as_array().expect("rows").iter().any(listed), "{name} on the page");
        if let Some(label) = figure.label() {
            assert!(schema[label.plural]["additionalProperties"]["properties"][&*rest].is_object(), "{name}");
            for (which, figures) in answer[label.plural].as_object().expect(label.plural) {
                assert!(figures[&*rest].is_number(), "{name} of {which} in {figures}");
                let sample = format!("{{{}=\"{which}\"}}", label.name);
                assert!(prometheus.contains(&sample), "{sample}");
            }
            continue;
        }
        assert!(schema[&*rest].is_object(), "{name} in {schema}");
        let (_, in_info) = figure.info_name();
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("{in_info}:")));
        let line = line.unwrap_or_else(|| panic!("{in_info} in {info}"));
        let told = &cw[name];
        // What moves while the surfaces are asked one after the other has no common value.
        if figure.told == ToldBy::Metrics || !matches!(figure.unit, Unit::Count | Unit::Bytes) {
            continue;
        }
        let told: u64 =
            redis::from_redis_value(told.clone()).unwrap_or_else(|_| panic!("{name} is {told:?}"));
        assert_eq!(line, told.to_string(), "{name}");
        match &answer[&*rest] {
            serde_json::Value::Array(names) => assert_eq!(names.len() as u64, told, "{name}"),
            number => assert_eq!(number.as_u64(), Some(told), "{name}"),
        }
        let kind = if figure.moves == Moves::Counter { "_total" } else { "" };
        let sample = format!("clearwell_{}{kind} ", figure.prometheus_name());
        let sample = prometheus.lines().find_map(|line| line.strip_prefix(&sample)).expect(&sample);
        assert_eq!(sample.parse(), Ok(told as f64), "{name}");
    }
    assert_eq!((&answers[0]["hits"], &answers[0]["misses"]), (&3.into(), &1.into()));
    resp.stop();
}

#[test]
fn the_first_second_has_figures() {
    let world = World::new();
    (0..20).for_each(|_| drop(world.get("/api/cache/a")));
    let metrics = world.get("/api/cache/metrics").json();
    let (window, rate) = (metrics["windowSeconds"].as_f64(), metrics["operationsPerSecond"].as_f64());
    assert!(window > Some(0.0) && rate > Some(0.0), "{metrics}");
    let operations = metrics["operations"].as_f64().expect("a number");
    assert!((rate.unwrap_or(0.0) * window.unwrap_or(0.0) - operations).abs() < 0.01, "{metrics}");
    assert!(
        metrics["averageLatency"].as_f64() > Some(0.0) && metrics["p99Latency"].as_f64() > Some(0.0),
        "{metrics}"
    );
}

#[test]
fn health_names_the_node_and_its_sources() {
    let world = World::new();
    let health = world.get("/api/cache/health").json();
    assert_eq!(
        (&health["status"], &health["sources"][0]["name"]),
        (&"ok".into(), &"main".into()),
        "{health}"
    );
    assert_eq!(health["node"], format!("{:x}", world.node.run_id()));
    world.source.behind_ms.store(60_000, std::sync::atomic::Ordering::Relaxed);
    let health = world.get("/api/cache/health").json();
    assert_eq!((&health["status"], &health["sources"][0]["behindMs"]), (&"degraded".into(), &60_000.into()));
}

#[test]
fn the_description_lists_every_route() {
    let world = World::new();
    let api = world.get("/api/openapi.json").json();
    assert_eq!(api["openapi"], "3.1.0");
    let entry: &[&str] = &["delete", "get", "head", "post", "put"];
    let expected: [(&str, &[&str]); 15] = [
        ("/api/cache/clear", &["post"]),
        ("/api/cache/cluster", &["get"]),
        ("/api/cache/dependencies", &["get"]),
        ("/api/cache/events", &["get"]),
        ("/api/cache/health", &["get"]),
        ("/api/cache/held", &["delete", "get"]),
        ("/api/cache/invalidate", &["post"]),
        ("/api/cache/keys/{key}", entry),
        ("/api/cache/metrics", &["get"]),
        ("/api/cache/stats", &["get"]),
        ("/api/cache/warm", &["get", "post"]),
        ("/api/cache/warm/{id}", &["delete", "get"]),
        ("/api/cache/why", &["get"]),
        ("/api/cache/{key}", entry),
        ("/metrics", &["get"]),
    ];
    let paths = api["paths"].as_object().expect("paths");
    let mut listed: Vec<_> = paths
        .iter()
        .map(|(path, methods)| {
            let mut methods: Vec<_> =
                methods.as_object().expect("methods").keys().map(String::as_str).collect();
            methods.sort_unstable();
            (path.as_str(), methods)
        })
        .collect();
    listed.sort();
    assert_eq!(listed, expected.map(|(path, methods)| (path, methods.to_vec())));
    let mut ids: Vec<_> = paths
        .values()
        .flat_map(|it| it.as_object().expect("methods").values())
        .map(|it| it["operationId"].to_string())
        .collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "operation ids are unique");
    check_references(&api, &api);
}

/// Every `$ref` leads to something.
fn check_references(api: &serde_json::Value, within: &serde_json::Value) {
    if let Some(reference) = within.get("$ref").and_then(|it| it.as_str()) {
        let pointer = reference.trim_start_matches('#');
        assert!(api.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    match within {
        serde_json::Value::Object(object) => object.values().for_each(|it| check_references(api, it)),
        serde_json::Value::Array(array) => array.iter().for_each(|it| check_references(api, it)),
        _ => {}
    }
}

/// A label with all that must be escaped.
const ODD: &str = "[[keyspace]]\npattern = 'o\"d\\d:{id}'\n";

/// What one client does is in its keyspace's figures, to the last read; what is of no keyspace stands apart.
#[test]
fn a_keyspace_has_figures_of_its_own() {
    let world = World::with(ODD);
    world.source.commit(1, "one", 1);
    for _ in 0..4 {
        world.get("/api/cache/post:1");
    }
    world.get("/api/cache/post:404");
    world.get("/api/cache/post:1?level=strong");
    world.set("plain", r#"{"value": "x"}"#);
    (0..2).for_each(|_| drop(world.get("/api/cache/plain")));
    world.get("/api/cache/none");
    world.source.fail(Some(clearwell_source::SourceError::Unreachable("away".into())));
    world.get("/api/cache/post:2");
    let metrics = world.get("/api/cache/metrics").json();
    let told = |keyspace: &str, figure: &str| metrics["keyspaces"][keyspace][figure].as_u64();
    let of = |keyspace: &str| {
        ["hits", "staleHits", "misses", "directReads", "writes", "loads", "loadsFailed"].map(|figure| {
            told(keyspace, figure).unwrap_or_else(|| panic!("{keyspace} {figure} in {metrics}"))
        })
    };
    assert_eq!(of("(none)"), [2, 0, 1, 0, 1, 0, 0], "{metrics}");
    assert_eq!(of("o\"d\\d:{id}"), [0; 7]);
    let [hits, stale, misses, direct, writes, loads, failed] = of("post:{id:int}");
    assert_eq!((hits, stale, misses, direct, writes, loads, failed), (4, 0, 3, 0, 0, 3, 1), "{metrics}");
    let stats = world.get("/api/cache/stats").json();
    assert_eq!((&stats["hits"], &stats["misses"]), (&6.into(), &4.into()), "the node's are the sum");
    let post = &metrics["keyspaces"]["post:{id:int}"];
    assert_eq!(post["hitRate"], serde_json::json!(4.0 / 7.0));
    assert!(
        post["operationsPerSecond"].as_f64() > Some(0.0) && post["loadP99Ms"].as_f64() > Some(0.0),
        "{post}"
    );
    let text = world.get("/metrics").text();
    for line in [
        "clearwell_keyspace_hits_total{keyspace=\"post:{id:int}\"} 4",
        "clearwell_keyspace_misses_total{keyspace=\"(none)\"} 1",
        "clearwell_keyspace_hits_total{keyspace=\"o\\\"d\\\\d:{id}\"} 0",
        "clearwell_keyspace_load_seconds_count{keyspace=\"post:{id:int}\"} 3",
    ] {
        assert!(text.lines().any(|it| it == line), "no line {line:?} in:\n{text}");
    }
}

/// The stages of a commit are told apart: what its way here took, and what it took from there.
#[test]
fn a_commit_is_told_by_its_stages() {
    let world = World::new();
    world.source.commit_untold(1, "one", 1);
    let began = std::time::Instant::now();
    crate::wait::wait_for("time to pass", || (began.elapsed().as_millis() >= 60).then_some(()));
    world.source.tell();
    world.post("/api/cache/invalidate", r#"{"keys": ["post:7"]}"#);
    let metrics = world.get("/api/cache/metrics").json();
    let main = &metrics["sources"]["main"];
    // The scripted source says that it took a millisecond.
    assert_eq!((&main["commits"], &main["commitToReceivedMaxMs"]), (&1.into(), &1.0.into()), "{metrics}");
    let [here, whole] =
        ["receivedToAppliedMaxMs", "commitToAppliedMaxMs"].map(|name| main[name].as_f64().expect(name));
    assert!(here >= 60.0 && (whole - here - 1.0).abs() < 0.001, "{main}");
    assert_eq!(metrics["keyspaces"]["post:{id:int}"]["commitToAppliedMaxMs"], main["commitToAppliedMaxMs"]);
    assert_eq!(metrics["keyspaces"]["(none)"]["commits"], 0);
    assert_eq!(metrics["askedInvalidations"], 1, "{metrics}");
    assert!(metrics["askedToAppliedMaxMs"].as_f64() > Some(0.0), "{metrics}");
}
