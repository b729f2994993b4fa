//! kill -9 at random points of a load over RESP, with a real PostgreSQL behind.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;

use crate::checker::{self, History, Observed, POISON, Write};
use crate::support::{DEADLINE, Options, Postgres, Raw, Server};

const CONNECTIONS: u64 = 16;
const KEYS_EACH: u64 = 40;

/// Every version that the table takes is logged, in the order in which it takes them.
const SCHEMA: &str = "CREATE TABLE posts (id int PRIMARY KEY, content text NOT NULL CHECK (content NOT LIKE '%poison%'));
    CREATE TABLE taken (at bigserial PRIMARY KEY, id int, content text, kills int);
    CREATE TABLE kills (count int); INSERT INTO kills VALUES (0);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO taken (id, content, kills) SELECT coalesce(new.id, old.id), new.content, count FROM kills; RETURN NULL; END $$;
    CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON posts FOR EACH ROW EXECUTE FUNCTION note();
    ALTER TABLE posts REPLICA IDENTITY FULL; CREATE PUBLICATION clearwell FOR TABLE posts";

fn config(database: &Postgres) -> String {
    format!(
        r#"
[source.main]
url = "{}"
timeout = "20s"

[[keyspace]]
pattern = "post:{{id:int}}"
source = "main"
load = "SELECT content FROM posts WHERE id = :id"
store = "INSERT INTO posts (id, content) VALUES (:id, :value) ON CONFLICT (id) DO UPDATE SET content = excluded.content"
delete = "DELETE FROM posts WHERE id = :id"
write = "write-back"
flush_every = "5ms"
flush_batch = 100

[[keyspace.feed]]
table = "posts"
keys = ["post:{{id}}"]
"#,
        database.url()
    )
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// `CLEARWELL_ROUNDS` kills, each within `CLEARWELL_WRITES` acknowledged writes; `CLEARWELL_SEED`.
#[test]
fn what_was_acknowledged_is_in_postgresql_in_its_order() {
    let (rounds, writes) = (number("CLEARWELL_ROUNDS", 4), number("CLEARWELL_WRITES", 3000));
    let seed = number("CLEARWELL_SEED", 1);
    println!("seed {seed}, {rounds} kills, each within {writes} writes");
    let database = Postgres::start();
    database.psql(SCHEMA);
    let folder = tempfile::tempdir().expect("a folder");
    let start = || {
        Server::clearwell(Options { data: Some(folder.path().join("data")), config: Some(config(&database)) })
    };
    let mut history = History::new();
    let mut rng = Rng::with_seed(seed);
    let mut all = 0;
    for round in 1..=rounds {
        let mut server = start();
        // The first few are as likely as the last: a crash at the beginning is another one than under load.
        let until = if rng.u8(0..4) == 0 { rng.u64(1..200) } else { rng.u64(1..=writes) };
        all += load_until_killed(&mut server, until, &mut history, &mut rng);
        database.psql("UPDATE kills SET count = count + 1");
        let server = start();
        let mut client = server.connect();
        let unflushed = served(&mut client, &history);
        let flushed = client.call(&["CW.WRITEBACK", "FLUSH"]);
        assert!(flushed.starts_with(b"*6\r\n$7\r\nflushed\r\n"), "{}", server.process.output());
        let observed = observe(&database, &mut client);
        let wrong = checker::check(&history, &observed);
        assert!(wrong.is_empty(), "round {round} of seed {seed}: {wrong:#?}\n{}", server.process.output());
        let flushed = served(&mut client, &history);
        for (key, value) in &flushed {
            assert_eq!(*value, observed.rows.get(key).cloned(), "post:{key} as it is served");
            let before = &unflushed[key];
            let refused = observed.parked.contains_key(key);
            assert!(
                refused || before == value,
                "post:{key} before and after the flush: {before:?}, {value:?}"
            );
        }
        println!(
            "round {round}: killed after {until}, {} rows, {} parked",
            observed.rows.len(),
            observed.parked.len()
        );
    }
    println!("{rounds} kills, {all} acknowledged writes");
}

/// What a client gets of every key that was written.
fn served(client: &mut Raw, history: &History) -> BTreeMap<u64, Option<String>> {
    let get = |key: &u64| {
        let reply = client.call(&["GET", &format!("post:{key}")]);
        (*key, bulk(&reply))
    };
    history.keys().map(get).collect()
}

fn bulk(reply: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(reply).expect("text");
    let (head, rest) = text.split_once("\r\n").expect("a whole reply");
    assert!(head.starts_with('$'), "{text}");
    (head != "$-1").then(|| rest.trim_end_matches("\r\n").to_owned())
}

/// Writes on all connections until so many are acknowledged, then kills the node; how many were.
fn load_until_killed(server: &mut Server, until: u64, history: &mut History, rng: &mut Rng) -> u64 {
    let address = server.resp;
    let acknowledged = AtomicU64::new(0);
    let written: Vec<Vec<(u64, Write)>> = std::thread::scope(|scope| {
        let acknowledged = &acknowledged;
        let writers: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let rng = rng.fork();
                let first = connection * KEYS_EACH;
                scope.spawn(move || write_until_gone(Raw::connect(address), first, rng, acknowledged))
            })
            .collect();
        let began = std::time::Instant::now();
        let mut seen = (0, began);
        while acknowledged.load(Ordering::Relaxed) < until {
            std::thread::yield_now();
            let now = acknowledged.load(Ordering::Relaxed);
            if now > seen.0 {
                seen = (now, std::time::Instant::now());
            }
            assert!(seen.1.elapsed() < DEADLINE, "nothing is acknowledged\n{}", server.process.output());
        }
        server.process.kill9();
        writers.into_iter().map(|writer| writer.join().expect("a writer does not panic")).collect()
    });
    for (key, write) in written.into_iter().flatten() {
        history.entry(key).or_default().push(write);
    }
    acknowledged.into_inner()
}

fn write_until_gone(mut node: Raw, first: u64, mut rng: Rng, acknowledged: &AtomicU64) -> Vec<(u64, Write)> {
    let mut writes = Vec::new();
    loop {
        let key = first + rng.u64(..KEYS_EACH);
        let name = format!("post:{key}");
        // No other write has this value.
        let value = match rng.u8(..) {
            0..3 => Some(format!("{POISON} {:x}", rng.u64(..))),
            3..20 => None,
            _ => Some(format!("{:x}", rng.u128(..))),
        };
        let reply = match &value {
            Some(value) => node.try_call(&["SET", &name, value]),
            None => node.try_call(&["CW.DEL", &name]),
        };
        writes.push((key, Write { value, acknowledged: reply.is_some() }));
        let Some(reply) = reply else { return writes };
        assert!(reply == b"+OK\r\n" || reply.starts_with(b":"), "a write failed: {}", reply.escape_ascii());
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

fn observe(database: &Postgres, client: &mut Raw) -> Observed {
    let mut observed = Observed::default();
    for line in database.psql("SELECT id, content FROM posts").lines() {
        let (id, content) = line.split_once('|').expect("two columns");
        observed.rows.insert(id.parse().expect("a number"), content.to_owned());
    }
    let log = "SELECT id, kills, coalesce(content, '-') FROM taken ORDER BY at";
    for line in database.psql(log).lines() {
        let [id, kills, content] = line.splitn(3, '|').collect::<Vec<_>>().try_into().expect("three columns");
        let content = (content != "-").then(|| content.to_owned());
        let key = id.parse().expect("a number");
        observed.log.entry(key).or_default().push((content, kills.parse().expect("a number")));
    }
    let listed = client.call(&["CW.WRITEBACK", "LIST", "100000"]);
    let listed = String::from_utf8(listed).expect("text");
    let words: Vec<&str> = listed.split("\r\n").collect();
    let after = |name: &'static str| {
        let at = words.iter().enumerate().filter(move |(_, word)| **word == name).map(|(at, _)| at + 2);
        at.map(|at| words[at].to_owned())
    };
    for (key, value) in after("key").zip(after("value")) {
        let key = key.strip_prefix("post:").and_then(|id| id.parse().ok()).expect("a post");
        observed.parked.insert(key, value);
    }
    observed
}
