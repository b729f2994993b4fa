//! What a node says of its sources, over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::support::{DEADLINE, wait_for};

/// One request; the head and the body of its answer.
pub fn get(node: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(node).expect("the node accepts connections");
    stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {node}\r\nConnection: close\r\n\r\n").expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer of text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_ascii_lowercase(), body.into())
}

pub fn json(node: SocketAddr, path: &str) -> serde_json::Value {
    let (_, body) = get(node, path);
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// The figure of a line of `/metrics`.
pub fn metric(node: SocketAddr, name: &str) -> f64 {
    let (_, body) = get(node, "/metrics");
    let line = body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("{source=\"main\"} "));
    line.and_then(|figure| figure.parse().ok()).unwrap_or_else(|| panic!("no {name} in {body}"))
}

/// Events as they come, with when they came.
pub struct Events(Arc<Mutex<Vec<(Instant, String)>>>);

impl Events {
    /// Listens; the node is listening when this returns.
    pub fn of(node: SocketAddr) -> Events {
        let mut stream = TcpStream::connect(node).expect("the node accepts connections");
        write!(stream, "GET /api/cache/events HTTP/1.1\r\nHost: {node}\r\n\r\n").expect("it is sent");
        let told = Arc::new(Mutex::new(Vec::new()));
        let shared = told.clone();
        let (ready, listening) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if line.contains("listening") {
                    // The test waits for it.
                    let _ = ready.send(());
                }
                if let Some(name) = line.strip_prefix("event: ") {
                    shared.lock().expect("no listener panics").push((Instant::now(), name.into()));
                }
            }
        });
        listening.recv().expect("the stream begins");
        Events(told)
    }

    /// When the first event of this name came after `from`.
    pub fn wait(&self, name: &str, from: Instant) -> Instant {
        wait_for(&format!("the event {name}"), || {
            let told = self.0.lock().expect("no listener panics");
            told.iter().find(|(at, event)| *at > from && event == name).map(|(at, _)| *at)
        })
    }
}
