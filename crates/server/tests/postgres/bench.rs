//! A node as follower: what was changed in psql is invisible, and how soon.
//!
//! `CLEARWELL_ROWS` rows are changed in single statements and in one, `CLEARWELL_SECONDS` long two thousand a second.
//! `cargo xtask bench feed` runs it in full and keeps what it prints.

use std::collections::VecDeque;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use clearwell::config::{Config, Level};
use clearwell::node::{Demand, Node, ReadOutcome, Turn};
use clearwell::tasks::Tasks;
use clearwell_source::Source;

use crate::crash::setting;
use crate::speed::figures;
use crate::support::Postgres;
use crate::world::set_up_posts;

/// `post:ID` falls by its key alone, `written:ID` by its author's tag alone; each row has an author of its own.
const KEYSPACES: &str = r#"

[[keyspace]]
pattern = "post:{id:int}"
source = "main"
load = "SELECT content FROM posts WHERE id = :id"
[[keyspace.feed]]
table = "posts"
keys = ["post:{id}"]
[[keyspace]]
pattern = "written:{id:int}"
source = "main"
load = "SELECT content, author_id FROM posts WHERE id = :id"
tags = ["author:{author_id}"]
[[keyspace.feed]]
table = "posts"
tags = ["author:{author_id}"]
"#;

struct Bench {
    node: Arc<Node>,
    source: Arc<dyn Source>,
    rows: u64,
    _tasks: Tasks,
    _folder: tempfile::TempDir,
    database: Postgres,
}

impl Bench {
    fn start(rows: u64) -> Bench {
        let database = Postgres::start();
        database.psql(&format!(
            "CREATE TABLE posts (id int PRIMARY KEY, content text, author_id int);
             INSERT INTO posts SELECT n, 'old', n FROM generate_series(1, {rows}) n; ANALYZE posts"
        ));
        let config = format!("[source.main]\nurl = \"{}\"\ntimeout = \"60s\"\n{KEYSPACES}", database.url());
        let config = Config::parse(&config).expect("valid");
        set_up_posts(&config);
        let (tasks, folder) = (Tasks::start().expect("a thread"), tempfile::tempdir().expect("a folder"));
        let node = Node::start(config, folder.path(), tasks.handle()).expect("a node");
        let source = node.source("main").expect("it has a source").clone();
        Bench { node, source, rows, _tasks: tasks, _folder: folder, database }
    }

    /// How many of all entries are not served with this content, by whatever is in memory or is loaded for lack of it.
    fn others(&self, content: &str) -> usize {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let demand = Demand { level: Some(Level::Weak), ..Demand::PLAIN };
        let keys: Vec<String> =
            (1..=self.rows).flat_map(|id| [format!("post:{id}"), format!("written:{id}")]).collect();
        let mut others = 0;
        for some in keys.chunks(1000) {
            let reads: Vec<_> = some.iter().map(|key| self.node.read(key.as_bytes(), demand)).collect();
            for read in reads {
                let value = runtime.block_on(read.wait()).expect("it is read").value;
                others += usize::from(value.as_deref() != Some(content.as_bytes()));
            }
        }
        others
    }

    /// Types this into psql, as it is; answers how long psql took, and how much longer the node.
    fn typed(&self, sql: impl Iterator<Item = String>) -> (Duration, Duration) {
        let began = Instant::now();
        let mut psql = Command::new("/usr/lib/postgresql/15/bin/psql")
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.database.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("psql is installed");
        let mut input = std::io::BufWriter::new(psql.stdin.take().expect("it is piped"));
        for line in sql {
            writeln!(input, "{line};").expect("psql reads");
        }
        drop(input.into_inner().expect("psql reads"));
        assert!(psql.wait().expect("psql ends").success());
        let done = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(self.source.barrier()).expect("the feed is complete");
        (done - began, done.elapsed())
    }
}

#[test]
fn all_rows_that_are_changed_in_psql_are_invisible() {
    let bench = Bench::start(setting("CLEARWELL_ROWS", 2000));
    let rows = bench.rows;
    assert_eq!(bench.others("old"), 0);
    // So many commits would wait for the disk for minutes; that the log tells of them does not depend on it.
    let quick = std::iter::once("SET synchronous_commit = off".to_string());
    let single = (1..=rows).map(|id| format!("UPDATE posts SET content = 'single' WHERE id = {id}"));
    let (psql, node) = bench.typed(quick.chain(single));
    let missed = bench.others("single");
    println!(
        "figure: {rows} rows in single statements: psql {psql:.2?}, the node {node:.2?} later, {missed} of {} missed",
        2 * rows
    );
    assert_eq!(missed, 0);
    let (psql, node) = bench.typed(["UPDATE posts SET content = 'bulk'".to_string()].into_iter());
    let missed = bench.others("bulk");
    println!(
        "figure: {rows} rows in one statement: psql {psql:.2?}, the node {node:.2?} later, {missed} of {} missed",
        2 * rows
    );
    assert_eq!(missed, 0);
    let (psql, node) = bench.typed(["DELETE FROM posts".to_string()].into_iter());
    let left = (1..=rows).filter(|id| bench.sees(&format!("post:{id}"), b"bulk")).count();
    println!(
        "figure: {rows} rows deleted in one statement: psql {psql:.2?}, the node {node:.2?} later, {left} of {rows} missed"
    );
    assert_eq!(left, 0);
}

impl Bench {
    /// Whether a reader that is content with anything is served this from memory.
    fn sees(&self, key: &str, content: &[u8]) -> bool {
        let demand = Demand { level: Some(Level::Eventual), ..Demand::PLAIN };
        match self.node.get(key.as_bytes(), demand, |view, _| view.value() == Some(content)) {
            Turn::Now(Ok(ReadOutcome::Seen(same))) => same,
            Turn::Now(_) | Turn::Later(_) => false,
        }
    }
}

const WRITERS: u64 = 8;
const A_SECOND: u64 = 2000;

/// One of the writers: a row a commit, at its own times; tells each commit when the server has answered.
fn write(url: &str, rows: u64, writer: u64, stop: &AtomicBool, told: &mpsc::Sender<(u64, u64, Instant)>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("it answers");
        tokio::spawn(connection);
        let update =
            client.prepare("UPDATE posts SET content = $2 WHERE id = $1").await.expect("it is prepared");
        let began = Instant::now();
        for round in 1.. {
            tokio::time::sleep_until(
                (began + Duration::from_micros(round * WRITERS * 1_000_000 / A_SECOND)).into(),
            )
            .await;
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let id = (round * WRITERS + writer) % rows + 1;
            let key = i32::try_from(id).expect("few rows");
            client.execute(&update, &[&key, &format!("round {round}")]).await.expect("it is updated");
            // Nobody listens when the test has failed.
            let _ = told.send((id, round, Instant::now()));
        }
    });
}

#[test]
fn commits_are_invisible_soon_at_two_thousand_rows_a_second() {
    let seconds = setting("CLEARWELL_SECONDS", 3);
    // A multiple of the writers: each has rows of its own.
    let bench = Bench::start(WRITERS * 1000);
    assert_eq!(bench.others("old"), 0);
    let (told, commits) = mpsc::channel();
    let stop = AtomicBool::new(false);
    let (times, took) = std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (url, told, stop) = (bench.database.url(), told.clone(), &stop);
            scope.spawn(move || write(&url, bench.rows, writer, stop, &told));
        }
        drop(told);
        let began = Instant::now();
        let mut waiting: VecDeque<(u64, Instant, Vec<u8>)> = VecDeque::new();
        let mut times = Vec::new();
        let mut open = true;
        while open || !waiting.is_empty() {
            loop {
                match commits.try_recv() {
                    Ok((id, round, committed)) => {
                        // What was there before: a round of all rows ago.
                        let before = (round * WRITERS).checked_sub(bench.rows).filter(|left| *left > 0);
                        let old = before.map_or("old".into(), |left| format!("round {}", left / WRITERS));
                        waiting.push_back((id, committed, old.into_bytes()));
                    }
                    Err(mpsc::TryRecvError::Empty) => break,
                    Err(mpsc::TryRecvError::Disconnected) => {
                        open = false;
                        break;
                    }
                }
            }
            if began.elapsed() > Duration::from_secs(seconds) {
                stop.store(true, Ordering::Relaxed);
            }
            waiting.retain(|(id, committed, old)| {
                let seen =
                    bench.sees(&format!("post:{id}"), old) || bench.sees(&format!("written:{id}"), old);
                let gone = committed.elapsed();
                assert!(gone < Duration::from_secs(20), "post:{id} was never invalidated");
                if !seen {
                    times.push(gone);
                }
                seen
            });
            std::thread::park_timeout(Duration::from_micros(50));
        }
        (times, began.elapsed())
    });
    let rate = times.len() as f64 / took.as_secs_f64();
    print!("figure: {rate:.0} rows a second, a commit each, for {seconds} s, 0 missed; ");
    figures("commit to invisible", times);
}
