//! Write latency: each strategy over RESP beside writing to PostgreSQL directly, and how fast write-back drains.
//!
//! Prints one line a measurement: `what TAB writers TAB operations per second TAB p50 us TAB p99 us`. `cargo xtask bench writes`
//! runs it and makes a report of it.

mod load;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use load::Load;
use support::{Options, Postgres, Server, wait_for};

const STRATEGIES: [&str; 4] = ["write-through", "write-invalidate", "write-back", "cache-only"];
const WRITERS: [usize; 2] = [1, 64];
/// Rows that are drained.
const DRAINED: usize = 50_000;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let after = |name: &str| {
        words.iter().position(|word| word == name).and_then(|at| words.get(at + 1)?.parse::<u64>().ok())
    };
    let rounds = after("--rounds").unwrap_or(3);
    let time = Duration::from_millis(after("--ms").unwrap_or(3000));
    // What the test harness of cargo asks of a benchmark is not for this one.
    if words.iter().any(|word| word == "--list") {
        return;
    }
    let database = Postgres::start();
    for table in STRATEGIES.map(table).into_iter().chain(["direct".to_owned(), "drained".to_owned()]) {
        database.psql(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, content text NOT NULL); ALTER TABLE {table} REPLICA IDENTITY FULL"
        ));
    }
    let tables = STRATEGIES.map(table).join(", ");
    database.psql(&format!("CREATE PUBLICATION clearwell FOR TABLE {tables}, drained"));
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..rounds {
        // Without a node beside it: nobody reads the log.
        for writers in WRITERS {
            tell("direct", writers, &load::direct(&database.url(), &store("direct"), writers, time));
        }
        let server = node(&database, &folder.path().join("data"), None);
        for turn in 0..STRATEGIES.len() {
            let strategy = STRATEGIES[(turn + round as usize) % STRATEGIES.len()];
            for writers in WRITERS {
                tell(strategy, writers, &load::node(server.resp, strategy, writers, 1, time));
                flush(&server);
            }
        }
        tell("write-back, 16 in a MSET", 64, &load::node(server.resp, "write-back", 64, 16, time));
        flush(&server);
        drop(server);
        drain(&database, &folder.path().join("drain"));
    }
}

fn flush(server: &Server) {
    assert!(server.connect().call(&["CW.WRITEBACK", "FLUSH"]).ends_with(b":0\r\n"), "nothing is parked");
}

fn tell(what: &str, writers: usize, load: &Load) {
    println!("{what}\t{writers}\t{:.0}\t{}\t{}", load.per_second, load.p50_us, load.p99_us);
}

fn table(strategy: &str) -> String {
    strategy.replace('-', "_")
}

fn store(table: &str) -> String {
    format!(
        "INSERT INTO {table} (id, content) VALUES (:id, :value) ON CONFLICT (id) DO UPDATE SET content = excluded.content"
    )
}

fn config(database: &Postgres, batch: Option<usize>) -> String {
    let keyspace = |name: &str, table: &str, options: &str| {
        format!(
            "[[keyspace]]\npattern = \"{name}:{{id:int}}\"\nsource = \"main\"\n\
             load = \"SELECT content FROM {table} WHERE id = :id\"\nstore = \"{}\"\n{options}\n\
             [[keyspace.feed]]\ntable = \"{table}\"\nkeys = [\"{name}:{{id}}\"]\n",
            store(table)
        )
    };
    let strategies =
        STRATEGIES.map(|strategy| keyspace(strategy, &table(strategy), &format!("write = \"{strategy}\"")));
    let drained = format!(
        "write = \"write-back\"{}",
        batch.map_or_else(String::new, |batch| format!("\nflush_every = \"1h\"\nflush_batch = {batch}"))
    );
    let connections = "connections = 32";
    format!(
        "[source.main]\nurl = \"{}\"\ntimeout = \"20s\"\n{connections}\n{}{}",
        database.url(),
        strategies.concat(),
        keyspace("drained", "drained", &drained)
    )
}

fn node(database: &Postgres, data: &Path, batch: Option<usize>) -> Server {
    Server::clearwell(Options { config: Some(config(database, batch)), data: Some(data.to_owned()) })
}

/// A node is stopped with many unflushed writes; the next one drains them in batches of the usual size.
fn drain(database: &Postgres, data: &Path) {
    let server = node(database, data, Some(100_000));
    let mut client = server.connect();
    for first in (0..DRAINED).step_by(500) {
        let words =
            (first..first + 500).flat_map(|id| [format!("drained:{id}"), format!("{id} {}", load::VALUE)]);
        let words: Vec<String> = std::iter::once("MSET".to_owned()).chain(words).collect();
        assert_eq!(client.call(&words), b"+OK\r\n");
    }
    drop((client, server));
    let server = node(database, data, None);
    let mut client = server.connect();
    let mut dirty = || {
        let reply = String::from_utf8(client.call(&["CW.WRITEBACK", "STATUS"])).expect("text");
        let after = reply.split("dirty\r\n:").nth(1).and_then(|rest| rest.split("\r\n").next());
        after.and_then(|number| number.parse::<usize>().ok()).expect("a number")
    };
    let (began, first) = (Instant::now(), dirty());
    wait_for("the writes to drain", || (dirty() == 0).then_some(()));
    let per_second = first as f64 / began.elapsed().as_secs_f64();
    tell("drain", 1, &Load { per_second, p50_us: 0, p99_us: 0 });
}
