//! Requests cut short: half of a connection closed early, targets that hold what they may not. Stories: `nc` and some proxies
//! close their sending side after the request, and a load that was waited for was dropped with the connection; `GET
//! /api/cache/user#1` answered the entry `user`, and `PUT` wrote it.

use std::io::Write;
use std::net::Shutdown;

use crate::http::{connect, read};
use crate::world::World;

#[test]
fn who_has_sent_a_whole_request_and_closes_that_side_gets_the_answer() {
    let world = World::new();
    world.source.commit(1, "loaded", 7);
    world.source.hold();
    let mut stream = connect(world.address());
    let head = "GET /api/cache/post:1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("sent");
    stream.shutdown(Shutdown::Write).expect("one side is closed");
    world.source.release(1);
    let answer = read(stream);
    assert_eq!((answer.status, &answer.json()["value"]), (200, &"loaded".into()));

    let mut stream = connect(world.address());
    let put = "PUT /api/cache/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc";
    stream.write_all(put.as_bytes()).expect("sent");
    stream.shutdown(Shutdown::Write).expect("one side is closed");
    assert_eq!(read(stream).status, 201);
}

#[test]
fn a_request_that_is_not_whole_is_none() {
    let world = World::new();
    for part in [
        "GET /api/cache/k HTTP/1.1\r\nHost: local",
        "PUT /api/cache/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nabc",
        "PUT /api/cache/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let mut stream = connect(world.address());
        stream.write_all(part.as_bytes()).expect("sent");
        stream.shutdown(Shutdown::Write).expect("one side is closed");
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut bytes).expect("an end");
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 400 "), "{part:?}: {text}");
    }
    assert_eq!(world.get("/api/cache/k").status, 404, "nothing was stored by half a request");
}

#[test]
fn a_target_is_never_cut() {
    let world = World::new();
    world.set("user", r#"{"value": "whole"}"#);
    let bad: [(&[u8], &str); 6] = [
        (b"user#1", "the request's target holds #, which begins a fragment: write it as %23"),
        (b"us\x01er", "the request's target holds the control byte 0x01: write it as %01"),
        (b"us\x7fer", "the request's target holds the control byte 0x7F: write it as %7F"),
        (b"us\0er", "the request's target holds the control byte 0x00: write it as %00"),
        (
            "us\u{e9}r".as_bytes(),
            "the request's target holds the byte 0xC3, which is beyond ASCII: write it as %C3",
        ),
        (b"user?raw=1#x", "the request's target holds #, which begins a fragment: write it as %23"),
    ];
    for (key, detail) in bad {
        for method in ["GET", "DELETE"] {
            let mut stream = connect(world.address());
            let head = [
                format!("{method} /api/cache/").as_bytes(),
                key,
                b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            ]
            .concat();
            stream.write_all(&head).expect("sent");
            let answer = read(stream);
            assert_eq!(answer.problem(), (400, "bad-target".into(), detail.into()), "{method} {key:?}");
        }
    }
    for spaced in ["us er", "user x HTTP/1.1", "user\tx", "user\rx", "user\nx"] {
        let mut stream = connect(world.address());
        let head =
            format!("DELETE /api/cache/{spaced} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        assert_eq!(read(stream).status, 400, "{spaced:?}");
    }
    assert_eq!(world.value("user"), "\"whole\"");
    // What is sent encoded, and what browsers leave as it is, names keys.
    for (path, key) in [("user%231", "user#1"), ("a|b{c}^d", "a|b{c}^d"), ("caf%C3%A9", "caf\u{e9}")] {
        world.set(path, r#"{"value": 1}"#);
        assert_eq!(world.get(&format!("/api/cache/{path}")).json()["key"], key);
    }
}

#[test]
fn the_targets_of_later_requests_on_a_connection_are_looked_at_too() {
    let world = World::new();
    let put = |key: &str, headers: &str, body: &str| {
        format!(
            "PUT /api/cache/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n{headers}\r\n\r\n{body}"
        )
    };
    let sent = [
        put("a", "Content-Length: 27", "GET /x#y HTTP/1.1\r\nHost: #\r\n"),
        put("b", "Transfer-Encoding: chunked", "4\r\n#\r\n#\r\n1;ext=#\r\n#\r\n0\r\nTrailer: #\r\n\r\n"),
        put("c#d", "Content-Length: 1", "x"),
        "\r\nGET /api/cache/b?raw=1 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /api/cache/a#b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(),
    ]
    .concat();
    // In pieces of every size, so that each place is once the end of what was read.
    for size in [1, 2, 7, 50, sent.len()] {
        let mut stream = connect(world.address());
        for piece in sent.as_bytes().chunks(size) {
            stream.write_all(piece).expect("sent");
        }
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut bytes).expect("answers");
        let text = String::from_utf8_lossy(&bytes);
        let status = text.match_indices("HTTP/1.1 ").map(|(at, it)| &text[at + it.len()..at + it.len() + 3]);
        let status: Vec<&str> = status.collect();
        assert!(
            matches!(status[..], ["201" | "200", "201" | "200", "400", "200", "400"]),
            "{size}: {status:?}"
        );
        assert!(text.contains("#\r\n##"), "the body is as it was sent: {text}");
    }
    assert_eq!(world.get("/api/cache/c").status, 404);
    assert_eq!(world.get("/api/cache/c_d").status, 404);
}

#[test]
fn a_parameter_that_a_route_does_not_know_is_refused_on_every_route() {
    let world = World::new();
    let api = world.get("/api/openapi.json").json();
    let mut routes: Vec<(String, String)> = Vec::new();
    for (path, methods) in api["paths"].as_object().expect("paths") {
        let methods = methods.as_object().expect("methods").keys().filter(|name| *name != "parameters");
        routes.extend(methods.map(|method| (method.to_uppercase(), path.replace("{key}", "k"))));
    }
    for path in [
        "/",
        "/page/app.js",
        "/page/style.css",
        "/api/openapi.json",
        "/api/docs/",
        "/api/docs/swagger-ui.css",
    ] {
        routes.push(("GET".to_owned(), path.to_owned()));
    }
    assert!(routes.len() > 20, "{routes:?}");
    for (method, path) in routes {
        let headers = [("Content-Type", "application/octet-stream")];
        let answer = world.call(&method, &format!("{path}?nobodyKnows=1"), &headers, b"");
        if method == "HEAD" {
            assert_eq!(answer.status, 400, "{path}");
            continue;
        }
        let (status, code, detail) = answer.problem();
        assert_eq!((status, code.as_str()), (400, "unknown-parameter"), "{method} {path}: {detail}");
        assert!(detail.contains("nobodyKnows"), "{method} {path}: {detail}");
    }
}

#[test]
fn a_parameter_given_twice_is_refused() {
    let world = World::new();
    for path in
        ["k?level=weak&level=strong", "k?raw=1&raw=0", "k?stale=1&stale=1", "dependencies?key=a&key=b"]
    {
        let (status, _, detail) = world.get(&format!("/api/cache/{path}")).problem();
        assert_eq!(status, 400, "{path}");
        assert!(detail.ends_with("is given twice"), "{path}: {detail}");
    }
    let answer = world.call("DELETE", "/api/cache/k?write=cache-only&write=cache-only", &[], b"");
    assert_eq!(answer.problem().2, "parameter \"write\" is given twice");
    let near = world.get("/api/cache/k?levl=weak").problem().2;
    assert_eq!(near, "unknown parameter \"levl\": did you mean \"level\"?");
}
