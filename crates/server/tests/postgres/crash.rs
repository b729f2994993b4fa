//! kill -9 of the server and of the node in the midst of changes: nothing is missed.
//!
//! `CLEARWELL_ROUNDS` kills that often, `CLEARWELL_SEED` chooses the moments.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clearwell::config::{Config, Level};
use clearwell::node::{Demand, Node};
use clearwell::tasks::Tasks;
use clearwell_source::config::PostgresConfig;
use clearwell_source::{Cell, Source as _};

use crate::node::{config, read};
use crate::support::{Options, Postgres, Server, wait_for};
use crate::world::{POSTS, Told, World, set_up_posts, watched};

/// A number from the environment.
pub fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn random() -> fastrand::Rng {
    let seed = setting("CLEARWELL_SEED", fastrand::u64(..));
    println!("CLEARWELL_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// Runs statements one after the other, each a transaction, over connections that are made again when they break.
fn change(url: &str, stop: &AtomicBool, done: &AtomicU64, sql: impl Fn(u64) -> String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            let Ok((client, connection)) = tokio_postgres::connect(url, tokio_postgres::NoTls).await else {
                tokio::task::yield_now().await;
                continue;
            };
            tokio::spawn(connection);
            while !stop.load(Ordering::Relaxed) && client.batch_execute(&sql(count)).await.is_ok() {
                count += 1;
                done.fetch_add(1, Ordering::Relaxed);
            }
            count += 1;
        }
    });
}

/// Waits until some more was done than before.
fn some_more(random: &mut fastrand::Rng, done: &AtomicU64) {
    let until = done.load(Ordering::Relaxed) + random.u64(5..100);
    wait_for("some changes", || (done.load(Ordering::Relaxed) >= until).then_some(()));
}

#[test]
fn a_server_that_is_killed_in_the_midst_of_changes_leaves_no_gap() {
    let mut random = random();
    let database = Postgres::start();
    database.psql(
        "CREATE TABLE rows (id serial PRIMARY KEY, n int); CREATE TABLE bulk (id int PRIMARY KEY, n int);
        INSERT INTO bulk SELECT n, 0 FROM generate_series(1, 500) n",
    );
    let mut world =
        World::over(database, PostgresConfig::new(""), watched(&[("bulk", &["id"]), ("rows", &["id"])]));
    let (url, stop, done) = (world.database.url(), AtomicBool::new(false), AtomicU64::new(0));
    let bulk = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| change(&url, &stop, &done, |_| "INSERT INTO rows (n) VALUES (1)".into()));
        }
        scope.spawn(|| change(&url, &stop, &bulk, |_| "UPDATE bulk SET n = n + 1".into()));
        for _ in 0..setting("CLEARWELL_ROUNDS", 4) {
            some_more(&mut random, &done);
            world.database.kill9();
            world.database.start_again();
            world.verified();
        }
        some_more(&mut random, &done);
        stop.store(true, Ordering::Relaxed);
    });
    world.verified();
    // A busy machine has much to tell of by now.
    wait_for("all to be told", || world.runtime.block_on(world.source.barrier()).ok());
    // How often each row was told of.
    let mut told: BTreeMap<(String, i64), i64> = BTreeMap::new();
    let mut rows = 0;
    for told_of in world.recorder.take() {
        let Told::Commit(commit) = told_of else { panic!("a gap was told: {told_of:?}") };
        for change in commit.changes {
            let Some(Cell::Integer(id)) = change.new.and_then(|row| row.get("id").cloned()) else {
                panic!("no id")
            };
            *told.entry((change.table.to_string(), id)).or_default() += 1;
            rows += 1;
        }
    }
    let truth = world.database.psql(
        "SELECT 'rows ' || id || ' 1' FROM rows UNION ALL SELECT 'bulk ' || id || ' ' || n FROM bulk WHERE n > 0",
    );
    let mut missed = 0;
    for line in truth.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let times = told.remove(&(words[0].into(), words[1].parse().expect("an id"))).unwrap_or(0);
        missed += (words[2].parse::<i64>().expect("a count") - times).max(0);
    }
    println!("{rows} row changes told, {missed} missed, {} told that are not there", told.len());
    assert_eq!((missed, told.len()), (0, 0));
}

/// Every row of the database, as a client sees it: `id content`.
fn truth(database: &Postgres) -> Vec<(String, String)> {
    let rows = database.psql("SELECT 'post:' || id || ' ' || content FROM posts ORDER BY id");
    let pair = |line: &str| line.split_once(' ').map(|(key, value)| (key.to_string(), value.to_string()));
    rows.lines().filter_map(pair).collect()
}

fn random_update(seed: u64, count: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed << 32 | count);
    match random.u8(..) {
        0..20 => format!("UPDATE posts SET content = 'all {count}'"),
        _ => format!("UPDATE posts SET content = 'one {count}' WHERE id = {}", random.u8(1..=100)),
    }
}

#[tokio::test]
async fn a_node_sees_all_that_a_killed_server_had_committed() {
    let mut random = random();
    let mut database = Postgres::start();
    database.psql(POSTS);
    let declared = Config::parse(&config(&database)).expect("valid");
    set_up_posts(&declared);
    let folder = tempfile::tempdir().expect("a folder");
    let tasks = Tasks::start().expect("a thread");
    let node = Node::start(declared, folder.path(), tasks.handle()).expect("a node");
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut changing = Vec::new();
    for seed in 0..2 {
        let (url, stop, done) = (database.url(), stop.clone(), done.clone());
        changing
            .push(std::thread::spawn(move || change(&url, &stop, &done, |count| random_update(seed, count))));
    }
    let reading = {
        let (node, stop) = (node.clone(), stop.clone());
        tasks.handle().spawn(async move {
            let demand = Demand { level: Some(Level::Eventual), ..Demand::PLAIN };
            while !stop.load(Ordering::Relaxed) {
                let key = format!("post:{}", fastrand::u8(1..=100));
                // While the server is away it fails, or answers what was kept.
                let _ = node.read(key.as_bytes(), demand).wait().await;
                tokio::task::yield_now().await;
            }
        })
    };
    for _ in 0..setting("CLEARWELL_ROUNDS", 3) {
        some_more(&mut random, &done);
        database.kill9();
        database.start_again();
    }
    some_more(&mut random, &done);
    stop.store(true, Ordering::Relaxed);
    for thread in changing {
        thread.join().expect("it ends");
    }
    reading.await.expect("it ends");
    let source = node.source("main").expect("it has a source").clone();
    wait_for("the feed to be complete", || source.unverified().is_none().then_some(()));
    while source.barrier().await.is_err() {}
    let truth = truth(&database);
    // A connection that failed while the server started is not tried again at once.
    while node.read(b"post:1", Demand { level: Some(Level::Strong), ..Demand::PLAIN }).wait().await.is_err() {
    }
    let mut stale = 0;
    for (key, value) in &truth {
        stale += u64::from(read(&node, key, Level::Weak).await.as_ref() != Some(value));
    }
    println!("{} changes, {stale} of {} keys stale", done.load(Ordering::Relaxed), truth.len());
    assert_eq!(stale, 0);
}

#[test]
fn a_node_that_was_killed_serves_nothing_old() {
    let mut random = random();
    let database = Postgres::start();
    database.psql(POSTS);
    let text = config(&database);
    let declared = Config::parse(&text).expect("valid");
    set_up_posts(&declared);
    let folder = tempfile::tempdir().expect("a folder");
    let start = || {
        let data = Some(folder.path().join("data"));
        Server::clearwell(Options { config: Some(text.clone()), data })
    };
    let (stop, done, url) = (AtomicBool::new(false), AtomicU64::new(0), database.url());
    let mut node = start();
    std::thread::scope(|scope| {
        for seed in 0..2 {
            let (url, stop, done) = (&url, &stop, &done);
            scope.spawn(move || change(url, stop, done, |count| random_update(seed, count)));
        }
        for _ in 0..setting("CLEARWELL_ROUNDS", 3) {
            let mut client = node.connect();
            for _ in 0..500 {
                client.call(&["GET", &format!("post:{}", random.u8(1..=100))]);
            }
            some_more(&mut random, &done);
            node.process.kill9();
            some_more(&mut random, &done);
            node = start();
        }
        let mut client = node.connect();
        for _ in 0..500 {
            client.call(&["GET", &format!("post:{}", random.u8(1..=100))]);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let mut client = node.connect();
    for (key, value) in truth(&database) {
        let fresh = format!("${}\r\n{value}\r\n", value.len()).into_bytes();
        // What was committed last may be on its way for a moment; what was missed would stay old.
        wait_for(&format!("{key} to be {value}"), || (client.call(&["GET", &key]) == fresh).then_some(()));
    }
    // How far the dead node had come costs the next one nothing that is noticed.
    let lag = Duration::from_secs(5);
    let began = std::time::Instant::now();
    database.psql("UPDATE posts SET content = 'last' WHERE id = 1");
    wait_for("the last change", || (client.call(&["GET", "post:1"]) == b"$4\r\nlast\r\n").then_some(()));
    assert!(began.elapsed() < lag, "{:?}", began.elapsed());
}
