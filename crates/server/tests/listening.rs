//! Where a node listens, and who is answered there. Story: a node in a container listened on every address without a password,
//! and a neighbour's script read all of it and stored its own.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use support::{Kind, Process, Server, wait_for};
use tempfile::TempDir;

/// A node's process with these arguments and this configuration.
fn begin(folder: &TempDir, config: &str, arguments: &[&str]) -> Process {
    let file = folder.path().join("clearwell.toml");
    std::fs::write(&file, config).expect("the temporary folder can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
    command.current_dir(folder.path()).args(["serve", "--data", "data"]).args(arguments);
    Process::start(&mut command)
}

/// The port on the start line that begins with `word`.
fn port(process: &mut Process, word: &str) -> u16 {
    wait_for("the node's start lines", || {
        let port = process.find_line(|line| line.strip_prefix(word)?.rsplit(':').next()?.trim().parse().ok());
        if port.is_none() && process.ended().is_some() {
            panic!("the node ended before it served\n{}", process.output());
        }
        port
    })
}

#[test]
fn beyond_loopback_without_a_password_it_refuses_to_start_and_says_both_ways_out() {
    let folder = TempDir::new().expect("a temporary folder");
    for open in [
        ["--resp", "0.0.0.0:0", "--http", "127.0.0.1:0"],
        ["--resp", "127.0.0.1:0", "--http", "0.0.0.0:0"],
        ["--resp", "[::]:0", "--http", "[::1]:0"],
    ] {
        let mut process = begin(&folder, "", &open);
        let status = wait_for("the node to end", || process.ended());
        assert_eq!(status.code(), Some(1), "{open:?}");
        let said = process.output();
        for part in [
            "can be reached from other machines",
            "password = ",
            "protected_mode = false",
            "--protected-mode no",
        ] {
            assert!(said.contains(part), "{open:?}: {part:?} is not in {said}");
        }
    }
    assert!(!folder.path().join("data/posts.db").exists(), "nothing was begun");
}

#[test]
fn each_way_out_lets_it_serve() {
    let folder = TempDir::new().expect("a temporary folder");
    let open = ["--resp", "0.0.0.0:0", "--http", "0.0.0.0:0"];
    for (config, more) in [
        ("password = \"secret\"", &[][..]),
        ("protected_mode = false", &[]),
        ("", &["--protected-mode", "no"]),
    ] {
        let mut process = begin(&folder, config, &[&open[..], more].concat());
        port(&mut process, "resp");
        let http = port(&mut process, "http");
        let mut stream = TcpStream::connect(("127.0.0.1", http)).expect("a connection");
        let head = "GET /api/cache/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{config}: {answer}");
    }
    // What the command line says wins.
    let mut process =
        begin(&folder, "protected_mode = false", &[&open[..], &["--protected-mode", "yes"]].concat());
    assert_eq!(wait_for("the node to end", || process.ended()).code(), Some(1));
}

#[test]
fn a_redis_client_that_closes_its_sending_side_gets_the_answer() {
    let server = Server::start(Kind::Clearwell);
    for request in
        ["GET post:1\r\n", "*2\r\n$3\r\nGET\r\n$6\r\npost:2\r\n", "MGET post:3 post:4 nothing\r\nPING\r\n"]
    {
        let mut client = server.connect();
        assert!(client.send(request.as_bytes()));
        client.finish_sending();
        let answer = client.read_to_end();
        assert!(answer.starts_with(b"$") || answer.starts_with(b"*"), "{request:?}: {answer:?}");
        assert!(!request.ends_with("PING\r\n") || answer.ends_with(b"+PONG\r\n"), "{request:?}: {answer:?}");
    }
}

#[test]
fn the_address_that_a_connection_came_to_is_this_node() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut process =
        begin(&folder, "", &["--resp", "127.0.0.1:0", "--http", "0.0.0.0:0", "--protected-mode", "no"]);
    let http = port(&mut process, "http");
    // 127.0.0.2 is this machine as well; what is asked there under its own name, or by the address bound, is answered.
    let asked = |host: &str| {
        let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 2], http))).expect("a connection");
        let head = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(asked("127.0.0.2"), "200");
    assert_eq!(asked(&format!("0.0.0.0:{http}")), "200");
    assert_eq!(asked("192.0.2.1"), "421");
}
