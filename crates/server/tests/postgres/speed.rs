//! Figures: printed, and held to bounds that only a broken feed misses.

use std::time::{Duration, Instant};

use clearwell_source::config::PostgresConfig;
use clearwell_source::postgres::setup;
use clearwell_source::{Source, Statement};

use crate::support::{Postgres, wait_for};
use crate::world::{POSTS, Told, World, int, watched};

pub fn figures(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("{what}: p50 {:?}, p99 {:?}, max {:?} of {}", at(0.5), at(0.99), at(1.0), times.len());
}

/// A busy machine is no failure here.
fn patient() -> World {
    let database = Postgres::start();
    database.psql(POSTS);
    let config = PostgresConfig::new(database.url());
    let watched = watched(&[("posts", &["author_id", "id"])]);
    setup(&config, &watched, true).expect("the database is set up");
    World::open(database, config, watched, 60_000)
}

#[test]
fn commits_reach_the_follower_soon() {
    let world = patient();
    world.database.psql("INSERT INTO posts SELECT n, 'x', 1 FROM generate_series(1001, 3000) n");
    world.barrier();
    world.recorder.take();
    let seen = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
    let times = world.runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&world.database.url(), tokio_postgres::NoTls).await.expect("it answers");
        tokio::spawn(connection);
        let update =
            client.prepare("UPDATE posts SET content = $2 WHERE id = $1").await.expect("it is prepared");
        let mut times = Vec::new();
        for n in 0..2000_i32 {
            client.execute(&update, &[&(1001 + n), &"new"]).await.expect("it is updated");
            let committed = Instant::now();
            while world.recorder.told.lock().len() <= n as usize {
                tokio::task::yield_now().await;
            }
            times.push(committed.elapsed());
        }
        // At 2,000 row changes a second, of 20 rows each.
        let many = client.prepare("UPDATE posts SET content = $2 WHERE id BETWEEN $1 AND $1 + 19").await;
        let many = many.expect("it is prepared");
        let mut timer = tokio::time::interval(Duration::from_millis(10));
        for n in 0..300_i32 {
            timer.tick().await;
            client.execute(&many, &[&(1001 + n % 90 * 20), &"newer"]).await.expect("it is updated");
            let committed = Instant::now();
            while world.recorder.told.lock().len() <= 2000 + n as usize {
                tokio::task::yield_now().await;
            }
            seen.lock().push(committed.elapsed());
        }
        times
    });
    figures("commit to told, one row, back to back", times);
    figures("commit to told, 20 rows every 10 ms", std::mem::take(&mut *seen.lock()));
    let told = world.recorder.take();
    let rows: usize =
        told.iter().map(|t| if let Told::Commit(commit) = t { commit.changes.len() } else { 0 }).sum();
    assert_eq!(rows, 2000 + 300 * 20);

    let began = Instant::now();
    world.database.psql("INSERT INTO posts SELECT n, 'x', 1 FROM generate_series(10001, 110000) n");
    let inserted = began.elapsed();
    let changes =
        wait_for("so large a commit", || Some(world.recorder.changes().len()).filter(|rows| *rows > 0));
    println!("100,000 rows in one statement: {inserted:?}, told after {:?}", began.elapsed());
    assert_eq!(changes, 100_000);
}

#[test]
fn loads_writes_and_barriers_have_their_figures() {
    let world = patient();
    let statement = Statement("SELECT content FROM posts WHERE id = :id".into());
    let time = |count: i64, mut run: Box<dyn FnMut(i64) + '_>| {
        (0..count)
            .map(|n| {
                let began = Instant::now();
                run(n);
                began.elapsed()
            })
            .collect::<Vec<_>>()
    };
    let load = |n: i64| {
        world.load(&statement.0, vec![int("id", n % 100 + 1)]).expect("it is loaded");
    };
    figures("load", time(2000, Box::new(load)));
    figures("barrier", time(300, Box::new(|_| world.barrier())));
    let update = "UPDATE posts SET author_id = :id WHERE id = :id";
    let write = |n: i64| {
        world.write(update, vec![int("id", n % 100 + 1)], None).expect("it is written");
    };
    figures("write, told and answered", time(300, Box::new(write)));
    let began = Instant::now();
    let loads: Vec<_> =
        (0..10_000).map(|n| world.source.load(&statement, vec![int("id", n % 100 + 1)])).collect();
    for load in loads {
        world.runtime.block_on(load).expect("it is loaded");
    }
    println!("10,000 loads at once: {:?}", began.elapsed());
    let began = Instant::now();
    let writes: Vec<_> =
        (0..640).map(|n| world.begin_write(update, vec![int("id", n % 100 + 1)], None)).collect();
    for write in writes {
        world.runtime.block_on(write).expect("it is written");
    }
    println!("640 writes at once: {:?}", began.elapsed());
}
