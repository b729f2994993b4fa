//! Crashes and gaps: nothing is missed, or it is said that something may be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clearwell_source::config::PostgresConfig;
use clearwell_source::{Source as _, SourceError};

use crate::support::{Postgres, wait_for};
use crate::world::{POSTS, World, int, watched};

#[test]
fn a_crash_of_the_server_loses_and_repeats_nothing() {
    let mut world = World::posts();
    world.database.psql("CREATE TABLE log (n int PRIMARY KEY)");
    world.recorder.take();
    let mut expected = Vec::new();
    for round in 0..3 {
        for n in 0..20 {
            let id = round * 100 + n + 1000;
            world.database.psql(&format!("INSERT INTO posts VALUES ({id}, 'x', 1)"));
            expected.push(format!("posts ->1,{id}"));
        }
        world.database.kill9();
        wait_for("the feed to notice", || world.source.unverified());
        world.database.start_again();
        world.verified();
    }
    world.barrier();
    let told = world.recorder.told.lock().clone();
    assert!(told.iter().all(|told| !matches!(told, crate::world::Told::Lost(_))), "nothing was lost");
    assert_eq!(world.recorder.changes(), expected);
}

#[test]
fn a_dropped_slot_is_told_at_once_and_made_anew() {
    let world = World::posts();
    world.recorder.take();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                world.database.psql("UPDATE posts SET author_id = author_id + 1 WHERE id = 1");
            }
        });
        let dropped = Instant::now();
        world.database.psql(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots;
             DO $$ BEGIN LOOP
                 BEGIN PERFORM pg_drop_replication_slot('clearwell'); EXIT;
                 EXCEPTION WHEN object_in_use THEN PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots; END;
             END LOOP; END $$",
        );
        let lost = wait_for("the gap to be told", || Some(world.lost()).filter(|lost| !lost.is_empty()));
        assert!(dropped.elapsed() < Duration::from_secs(2), "{:?}: {lost:?}", dropped.elapsed());
        world.verified();
        stop.store(true, Ordering::Relaxed);
    });
    // The last of those updates may not be told yet.
    wait_for("all to be told", || world.runtime.block_on(world.source.barrier()).ok());
    assert_eq!(world.changes("UPDATE posts SET author_id = 5 WHERE id = 5"), ["posts 5,5>5,5"]);
    assert!(world.write("DELETE FROM posts WHERE id = :id", vec![int("id", 9)], None).is_ok());
}

#[test]
fn a_table_that_leaves_the_publication_is_a_gap_until_it_is_back() {
    let world = World::posts();
    world.recorder.take();
    world.database.psql("ALTER PUBLICATION clearwell DROP TABLE posts");
    let why = wait_for("the feed to notice", || world.source.unverified());
    assert!(why.contains("ALTER PUBLICATION clearwell ADD TABLE ONLY public.posts"), "{why}");
    assert!(!world.lost().is_empty());
    world
        .database
        .psql("UPDATE posts SET author_id = 50 WHERE id = 5; ALTER PUBLICATION clearwell ADD TABLE posts");
    world.verified();
    assert_eq!(world.lost(), ["the feed has begun anew"]);
    assert_eq!(world.changes("UPDATE posts SET author_id = 6 WHERE id = 5"), ["posts 50,5>6,5"]);
}

#[test]
fn what_the_log_cannot_tell_is_a_gap() {
    let world = World::posts();
    world.recorder.take();
    world.database.psql("TRUNCATE posts; INSERT INTO posts VALUES (1, 'x', 1)");
    world.barrier();
    assert!(world.altered().iter().any(|why| why == "TRUNCATE of posts"));
    // Identity and columns may change between two looks at the set-up.
    world.database.psql("ALTER TABLE posts REPLICA IDENTITY DEFAULT; UPDATE posts SET author_id = 2");
    let lost = wait_for("the gap to be told", || Some(world.lost()).filter(|lost| !lost.is_empty()));
    assert!(lost[0].contains("REPLICA IDENTITY FULL"), "{lost:?}");
    world.database.psql("ALTER TABLE posts REPLICA IDENTITY FULL");
    world.verified();
    world.recorder.take();
    world.database.psql("ALTER TABLE posts RENAME author_id TO writer; UPDATE posts SET writer = 3");
    let lost = wait_for("the gap to be told", || Some(world.lost()).filter(|lost| !lost.is_empty()));
    assert!(lost[0].contains("author_id"), "{lost:?}");
}

#[test]
fn a_slot_over_its_budget_is_given_up() {
    let database = Postgres::start();
    database.psql(POSTS);
    let config = PostgresConfig { lag_budget: 20_000_000, ..PostgresConfig::new("") };
    let world = World::over(database, config, watched(&[("posts", &["author_id", "id"])]));
    world.recorder.take();
    // An open transaction keeps the slot where it is, whatever is confirmed.
    let mut held = std::process::Command::new("/usr/lib/postgresql/15/bin/psql")
        .args(["-X", "-q", "-d", &world.database.url()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("psql is installed");
    let mut input = held.stdin.take().expect("it is piped");
    std::io::Write::write_all(&mut input, b"BEGIN; INSERT INTO posts VALUES (500, 'held', 1);\n")
        .expect("psql reads");
    wait_for("the transaction to be open", || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'";
        (world.database.psql(sql) == "1").then_some(())
    });
    world.database.psql("CREATE TABLE filler AS SELECT repeat('x', 1000) FROM generate_series(1, 40000)");
    world.database.psql("CHECKPOINT");
    let lost = wait_for("the slot to be given up", || Some(world.lost()).filter(|lost| !lost.is_empty()));
    assert!(lost[0].contains("budget"), "{lost:?}");
    std::io::Write::write_all(&mut input, b"COMMIT;\n").expect("psql reads");
    drop(input);
    held.wait().expect("psql ends");
    world.verified();
}

#[test]
fn without_a_feed_nothing_is_written_and_no_barrier_holds() {
    let mut world = World::posts();
    world.database.psql("ALTER PUBLICATION clearwell DROP TABLE posts");
    wait_for("the feed to notice", || world.source.unverified());
    let refused = world.write("DELETE FROM posts WHERE id = :id", vec![int("id", 1)], None);
    assert!(
        matches!(&refused, Err(SourceError::Unreachable(why)) if why.contains("not complete")),
        "{refused:?}"
    );
    let barrier = world.runtime.block_on(world.source.barrier());
    assert!(matches!(&barrier, Err(SourceError::Unreachable(_) | SourceError::TooSlow(_))), "{barrier:?}");
    assert_eq!(world.database.psql("SELECT count(*) FROM posts WHERE id = 1"), "1");
    world.database.kill9();
}
