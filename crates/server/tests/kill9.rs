//! kill -9 under load, and restart: what was acknowledged is in the database (for write-back: once it is flushed), and
//! what the new node serves is what the database holds.

mod support;

use fastrand::Rng;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use support::{Options, Raw, Server};
use tempfile::TempDir;

const ROUNDS: u64 = 10;
const WRITERS: u64 = 4;
const IDS: u64 = 30;

/// As the sample, with its posts written back in small batches, and a value that its source refuses.
const WRITE_BACK: &str = r#"
[source.main]
url = "sqlite://sample.db"
seed = "CREATE TABLE posts (id INTEGER PRIMARY KEY, content TEXT NOT NULL)"

[[keyspace]]
pattern = "post:{id:int}"
source = "main"
load = "SELECT content FROM posts WHERE id = :id"
store = "INSERT INTO posts (id, content) VALUES (:id, :value) ON CONFLICT (id) DO UPDATE SET content = excluded.content"
delete = "DELETE FROM posts WHERE id = :id"
write = "write-back"
flush_every = "20ms"
flush_batch = 10

[[keyspace.feed]]
table = "posts"
keys = ["post:{id}"]
"#;

/// One write: what it wrote, and when it was sent and acknowledged by a clock that all writers share.
struct Write {
    id: u64,
    /// `None` for a removal.
    value: Option<String>,
    sent: u64,
    acknowledged: Option<u64>,
}

#[test]
fn acknowledged_writes_survive() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let data = folder.path().join("data");
    for seed in 0..ROUNDS {
        println!("seed {seed}");
        let before = rows(&data);
        let mut server = node(&data);
        let writes = load_until_killed(&mut server, seed, WRITERS, 1500);
        let after = rows(&data);
        assert_no_write_lost(&writes, &before, &after);
        assert_served_as_stored(&node(&data), &after);
    }
}

/// `CLEARWELL_ROUNDS` sets how often.
#[test]
fn acknowledged_write_back_writes_survive() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let data = folder.path().join("data");
    let node = || {
        let config = Some(WRITE_BACK.to_owned());
        Server::clearwell(Options { data: Some(data.clone()), config })
    };
    let rounds = std::env::var("CLEARWELL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    for seed in 0..rounds.unwrap_or(ROUNDS) {
        println!("seed {seed}");
        let before = rows(&data);
        let mut server = node();
        let writes = load_until_killed(&mut server, seed, 16, 8000);
        let server = node();
        let mut client = server.connect();
        let unflushed: Vec<_> = (1..=IDS).map(|id| client.call(&["GET", &format!("post:{id}")])).collect();
        assert!(client.call(&["CW.WRITEBACK", "FLUSH"]).ends_with(b":0\r\n"), "nothing is parked");
        let after = rows(&data);
        assert_no_write_lost(&writes, &before, &after);
        assert_served_as_stored(&server, &after);
        for (id, served) in (1..).zip(unflushed) {
            let flushed = client.call(&["GET", &format!("post:{id}")]);
            assert_eq!(served, flushed, "post:{id} before and after the flush");
        }
    }
}

fn node(data: &Path) -> Server {
    Server::clearwell(Options { data: Some(data.to_owned()), ..Options::default() })
}

/// Writes on several connections until a drawn number of acknowledgements, then kills the node.
fn load_until_killed(server: &mut Server, seed: u64, writers: u64, most: u64) -> Vec<Write> {
    let acknowledgements = Rng::with_seed(seed).u64(20..most);
    let clock = AtomicU64::new(1);
    let address = server.resp;
    let writes: Vec<Write> = std::thread::scope(|scope| {
        let (acknowledged, each) = channel();
        let writers: Vec<_> = (0..writers)
            .map(|writer| {
                let (clock, acknowledged) = (&clock, acknowledged.clone());
                let rng = Rng::with_seed(seed * writers + writer);
                scope.spawn(move || write_until_gone(Raw::connect(address), clock, rng, &acknowledged))
            })
            .collect();
        drop(acknowledged);
        let seen = each.iter().take(acknowledgements as usize).count() as u64;
        assert_eq!(seen, acknowledgements, "the node ended by itself\n{}", server.process.output());
        server.process.kill9();
        writers.into_iter().flat_map(|writer| writer.join().expect("a writer does not panic")).collect()
    });
    let open = writes.iter().filter(|write| write.acknowledged.is_none()).count();
    println!("killed after {acknowledgements} acknowledgements with {open} writes in flight");
    writes
}

fn write_until_gone(mut node: Raw, clock: &AtomicU64, mut rng: Rng, acknowledged: &Sender<()>) -> Vec<Write> {
    let tick = || clock.fetch_add(1, Ordering::SeqCst);
    let mut writes = Vec::new();
    loop {
        let (id, sent) = (rng.u64(1..=IDS), tick());
        let key = format!("post:{id}");
        // A value that no other write of any round has.
        let value = rng.f32().ge(&0.1).then(|| format!("{sent} {}", rng.u64(..)));
        let reply = match &value {
            Some(value) => node.try_call(&["SET", &key, value]),
            None => node.try_call(&["CW.DEL", &key]),
        };
        let mut write = Write { id, value, sent, acknowledged: None };
        let Some(reply) = reply else {
            writes.push(write);
            return writes;
        };
        assert!(reply == b"+OK\r\n" || reply.starts_with(b":"), "a write failed: {}", reply.escape_ascii());
        write.acknowledged = Some(tick());
        writes.push(write);
        // Nobody counts any more once the node is killed.
        let _ = acknowledged.send(());
        // A read in between, so that the cache holds values too.
        if node.try_call(&["GET", &key]).is_none() {
            return writes;
        }
    }
}

/// The content of every post that the writers may touch, as the database file holds it.
fn rows(data: &Path) -> HashMap<u64, String> {
    let file = data.join("sample.db");
    if !file.exists() {
        return HashMap::new();
    }
    let database = Connection::open(file).expect("the database file opens");
    let row = |id: u64| {
        let read =
            database.query_row("SELECT content FROM posts WHERE id = ?1", [id as i64], |row| row.get(0));
        read.optional().expect("the posts can be read").map(|content: String| (id, content))
    };
    (1..=IDS).filter_map(row).collect()
}

/// No row is older than an acknowledged write of its key.
fn assert_no_write_lost(writes: &[Write], before: &HashMap<u64, String>, after: &HashMap<u64, String>) {
    for id in 1..=IDS {
        let mine = || writes.iter().filter(|write| write.id == id);
        let stored = after.get(&id);
        // When what is stored was surely over: a write that began later would have replaced it.
        let over = mine()
            .filter(|write| write.value.as_ref() == stored)
            .map(|write| write.acknowledged.unwrap_or(u64::MAX))
            .max()
            .or((before.get(&id) == stored || before.is_empty()).then_some(0))
            .unwrap_or_else(|| panic!("post:{id} holds what nobody wrote: {stored:?}"));
        let lost = mine().find(|write| write.acknowledged.is_some() && write.sent > over);
        if let Some(lost) = lost {
            panic!("post:{id}: {:?} was acknowledged and the database holds {stored:?}", lost.value);
        }
    }
}

/// Every read, the first and the next, gives what the database holds.
fn assert_served_as_stored(server: &Server, rows: &HashMap<u64, String>) {
    let mut node = server.connect();
    for _ in 0..2 {
        for id in 1..=IDS {
            let want = match rows.get(&id) {
                Some(value) => format!("${}\r\n{value}\r\n", value.len()),
                None => "$-1\r\n".to_owned(),
            };
            let got = node.call(&["GET", &format!("post:{id}")]);
            assert_eq!(String::from_utf8_lossy(&got), want, "post:{id} after the restart");
        }
    }
}

fn write(value: &str, sent: u64, acknowledged: Option<u64>) -> Write {
    Write { id: 1, value: Some(value.to_owned()), sent, acknowledged }
}

#[test]
#[should_panic(expected = "was acknowledged and the database holds")]
fn the_check_notices_a_lost_write() {
    let writes = [write("old", 1, Some(2)), write("new", 3, Some(4))];
    let rows = HashMap::from([(1, "old".to_owned())]);
    assert_no_write_lost(&writes, &HashMap::from([(1, "first".to_owned())]), &rows);
}

#[test]
fn the_check_takes_either_of_two_writes_at_once() {
    let writes = [write("a", 1, Some(3)), write("b", 2, Some(4)), write("c", 5, None)];
    for stored in ["a", "b", "c"] {
        assert_no_write_lost(&writes, &HashMap::new(), &HashMap::from([(1, stored.to_owned())]));
    }
}
