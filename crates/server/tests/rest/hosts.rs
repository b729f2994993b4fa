//! Whom a request may say that it asks. Story: a page whose name was made to resolve to 127.0.0.1 read entries and stored
//! them, since the browser took the node for that page's own server.

use std::io::Write;

use crate::http::{Answer, connect, read};
use crate::world::World;

/// Sends a head as it is.
fn ask(world: &World, head: &str) -> Answer {
    let mut stream = connect(world.address());
    stream.write_all(head.as_bytes()).expect("the head is sent");
    read(stream)
}

fn with_host(world: &World, path: &str, host: &str) -> Answer {
    ask(world, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
}

#[test]
fn a_request_to_another_host_is_refused_on_every_route() {
    let world = World::new();
    world.set("greeting", r#"{"value": "hello"}"#);
    let routes =
        ["/api/cache/greeting", "/", "/page/app.js", "/metrics", "/api/cache/health", "/api/docs/", "/none"];
    for path in routes {
        let (status, code, detail) = with_host(&world, path, "evil.example").problem();
        assert_eq!((status, code.as_str()), (421, "misdirected"), "{path}");
        assert!(detail.contains("hosts = [\"evil.example\"]"), "{detail}");
    }
    let write = "PUT /api/cache/greeting HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nContent-Type: text/plain\r\n\
                 Content-Length: 1\r\n\r\nx";
    assert_eq!(ask(&world, write).status, 421);
    assert_eq!(world.value("greeting"), "\"hello\"");
}

#[test]
fn loopback_the_bound_address_and_named_hosts_are_answered() {
    let world = World::with("hosts = [\"Cache.Internal\", \"*.example.com\", \"10.1.2.3\", \"fd00::1\"]");
    world.set("greeting", r#"{"value": "hello"}"#);
    let port = world.address().port();
    let ours = [
        "localhost".to_owned(),
        format!("LOCALHOST:{port}"),
        "localhost.".to_owned(),
        "localhost:9".to_owned(),
        "localhost:".to_owned(),
        format!("127.0.0.1:{port}"),
        "127.1.2.3".to_owned(),
        "[::1]:80".to_owned(),
        "[0:0:0:0:0:0:0:1]".to_owned(),
        "[::ffff:127.0.0.1]:80".to_owned(),
        "cache.internal.:8080".to_owned(),
        "a.b.EXAMPLE.com".to_owned(),
        "10.1.2.3".to_owned(),
        "[FD00::1]".to_owned(),
    ];
    for host in ours {
        assert_eq!(with_host(&world, "/api/cache/greeting", &host).status, 200, "{host}");
    }
    let others = [
        "example.com",
        "notlocalhost",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evilexample.com",
        "10.1.2.4",
        "0.0.0.0",
        "[::2]",
        "2130706433",
    ];
    for host in others {
        assert_eq!(with_host(&world, "/api/cache/greeting", host).problem().0, 421, "{host}");
    }
}

#[test]
fn what_is_no_host_is_refused() {
    let world = World::new();
    let malformed = [
        "",
        "a b",
        "localhost, evil.example",
        "localhost@evil.example",
        "localhost/evil",
        "localhost:http",
        "localhost:+80",
        "localhost:99999",
        "[::1",
        "::1",
        "local\u{e9}host",
    ];
    for host in malformed {
        assert_eq!(with_host(&world, "/api/cache/health", host).problem().1, "bad-host", "{host:?}");
    }
    let missing = ask(&world, "GET /api/cache/health HTTP/1.1\r\nConnection: close\r\n\r\n").problem();
    assert_eq!(missing, (400, "bad-host".into(), "the header Host is missing: HTTP/1.1 needs it".into()));
    for second in ["localhost", "evil.example"] {
        let twice =
            format!("GET / HTTP/1.1\r\nHost: localhost\r\nHost: {second}\r\nConnection: close\r\n\r\n");
        assert_eq!(ask(&world, &twice).problem().1, "bad-host", "{second}");
    }
    // A probe's HTTP/1.0 names no host, and no browser speaks it.
    assert_eq!(ask(&world, "GET /api/cache/health HTTP/1.0\r\n\r\n").status, 200);
    assert_eq!(ask(&world, "GET /api/cache/health HTTP/1.0\r\nHost: evil.example\r\n\r\n").status, 421);
}

#[test]
fn a_target_that_names_a_host_is_held_to_it() {
    let world = World::new();
    let absolute = |target: &str, host: &str| {
        ask(
            &world,
            &format!(
                "GET http://{target}/api/cache/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            ),
        )
    };
    assert_eq!(absolute("localhost:80", "localhost").status, 200);
    assert_eq!(absolute("evil.example", "localhost").status, 421);
    assert_eq!(absolute("localhost", "evil.example").status, 421);
    assert_eq!(absolute("localhost@evil.example", "localhost").status, 400);
}
