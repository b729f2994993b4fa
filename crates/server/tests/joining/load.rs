//! Clients that read and write all the while.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::support::{Raw, wait_for};

/// Keys of each client.
const KEYS: u64 = 40;
/// What may be on its way when slots change hands, of one client in one test: it sends one command after another.
const UNKNOWN_MOST: usize = 8;

/// Where clients find nodes; changes while they run.
pub type Places = Arc<Mutex<Vec<SocketAddr>>>;

/// Clients at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Client>>,
    rounds: Arc<Mutex<Vec<u64>>>,
}

/// What one client did.
#[derive(Default)]
struct Client {
    /// The last value of each key that was acknowledged, and the one that was sent last.
    values: BTreeMap<String, (u64, u64)>,
    errors: Vec<String>,
    /// How often it sent the same again, because nobody knew what had become of it.
    unknown: usize,
}

/// Places that are known from the start.
pub fn places(all: impl IntoIterator<Item = SocketAddr>) -> Places {
    Arc::new(Mutex::new(all.into_iter().collect()))
}

impl Load {
    /// One client for each of these. A client whose node is gone tries the next place, and ends when there is none.
    pub fn start(clients: &[Places]) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let rounds = Arc::new(Mutex::new(vec![0; clients.len()]));
        let run = |(number, places): (usize, &Places)| {
            let (stop, rounds, places) = (stop.clone(), rounds.clone(), places.clone());
            std::thread::spawn(move || {
                work(number, &places, &stop, &|round| {
                    rounds.lock().expect("no client panics")[number] = round
                })
            })
        };
        let clients = clients.iter().enumerate().map(run).collect();
        let load = Load { stop, clients, rounds };
        load.goes_on();
        load
    }

    /// Waits until each client that has not ended has done some rounds more.
    pub fn goes_on(&self) {
        const MORE: u64 = 20;
        let rounds = || self.rounds.lock().expect("no client panics").clone();
        let before = rounds();
        wait_for("the clients to go on", || {
            let now = rounds();
            let goes_on = |at: usize| self.clients[at].is_finished() || now[at] >= before[at] + MORE;
            (0..now.len()).all(goes_on).then_some(())
        });
    }

    /// Ends the clients. None of them was answered with an error, and what was acknowledged is there, by the word of a node.
    pub fn end(self, node: SocketAddr) {
        self.stop.store(true, Relaxed);
        let mut connection = Raw::connect(node);
        for client in self.clients {
            let client = client.join().expect("a client ends");
            assert_eq!(client.errors, Vec::<String>::new());
            println!("{} of {} keys' writes were sent again", client.unknown, client.values.len());
            for (key, (acknowledged, sent)) in client.values {
                let is_there = read(&connection.call(&["GET", &key]));
                assert!(
                    is_there == Ok(Some(acknowledged)) || is_there == Ok(Some(sent)),
                    "{key}: {is_there:?}, {acknowledged} or {sent} was expected"
                );
            }
        }
    }
}

fn work(number: usize, places: &Places, stop: &AtomicBool, done: &dyn Fn(u64)) -> Client {
    let (mut client, mut connection) = (Client::default(), None);
    let mut round = 1;
    loop {
        if stop.load(Relaxed) {
            return client;
        }
        let key = format!("client:{number}:{}", round % KEYS);
        let before = client.values.get(&key).copied();
        client.values.insert(key.clone(), (before.map_or(0, |(acknowledged, _)| acknowledged), round));
        let Some(reply) = call(&mut connection, places, &["SET", &key, &round.to_string()]) else {
            return client;
        };
        // The slot changed hands just then. It is said so, and the client does what it is told to.
        if reply.starts_with(b"-UNKNOWN ") && client.unknown < UNKNOWN_MOST {
            client.unknown += 1;
            continue;
        }
        match reply == b"+OK\r\n" {
            true => _ = client.values.insert(key.clone(), (round, round)),
            false => client.errors.push(format!("SET {key} {round}: {}", String::from_utf8_lossy(&reply))),
        }
        let Some(reply) = call(&mut connection, places, &["GET", &key]) else { return client };
        if read(&reply) != Ok(Some(round)) {
            client.errors.push(format!("GET {key}, which was {round}: {}", String::from_utf8_lossy(&reply)));
        }
        if client.errors.len() > 5 {
            return client;
        }
        done(round);
        round += 1;
    }
}

/// A call, over another connection when this one breaks; `None`: nobody is left.
fn call(connection: &mut Option<Raw>, places: &Places, words: &[&str]) -> Option<Vec<u8>> {
    loop {
        if let Some(reply) = connection.as_mut().and_then(|connection| connection.try_call(words)) {
            return Some(reply);
        }
        let all = places.lock().expect("no client panics").clone();
        *connection = all.into_iter().find_map(Raw::try_connect);
        connection.as_ref()?;
    }
}

/// A bulk string that is a number; nothing of a missing key.
fn read(reply: &[u8]) -> Result<Option<u64>, String> {
    let text = String::from_utf8_lossy(reply).into_owned();
    match text.strip_prefix('$').and_then(|rest| rest.split_once("\r\n")) {
        Some(("-1", _)) => Ok(None),
        Some((_, number)) => number.trim().parse().map(Some).map_err(|_| text.clone()),
        None => Err(text),
    }
}
