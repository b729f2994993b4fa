//! What the feed tells, and in which order.

use std::sync::atomic::{AtomicBool, Ordering};

use clearwell_source::config::PostgresConfig;
use clearwell_source::{Source, SourceError};

use crate::support::{Postgres, wait_for};
use crate::world::{POSTS, Told, World, int, string, watched};

#[test]
fn old_and_new_rows_of_every_change_are_told() {
    let world = World::posts();
    assert_eq!(world.changes("UPDATE posts SET author_id = 77 WHERE id = 3"), ["posts 3,3>77,3"]);
    assert_eq!(world.changes("INSERT INTO posts VALUES (200, 'x', NULL)"), ["posts ->NULL,200"]);
    assert_eq!(world.changes("DELETE FROM posts WHERE id = 200"), ["posts NULL,200>-"]);
    let both = world
        .changes("BEGIN; UPDATE posts SET id = 300 WHERE id = 4; DELETE FROM posts WHERE id = 5; COMMIT");
    assert_eq!(both, ["posts 4,4>4,300", "posts 5,5>-"]);
    let none = world.changes(
        "BEGIN; DELETE FROM posts; ROLLBACK; CREATE TABLE other (x int); INSERT INTO other VALUES (1)",
    );
    assert_eq!(none, Vec::<String>::new());
    assert_eq!(world.changes("UPDATE posts SET content = content").len(), 99);
    // A value too large to be logged again is taken from the old row, or not needed.
    let large = "UPDATE posts SET content = repeat(md5(random()::text), 100000) WHERE id = 6";
    assert_eq!(world.changes(large), ["posts 6,6>6,6"]);
    assert_eq!(world.changes("UPDATE posts SET author_id = 0 WHERE id = 6"), ["posts 6,6>0,6"]);
    assert!(world.source.behind_ms() < 1000);
}

#[test]
fn a_large_column_that_stays_is_told_from_the_old_row() {
    let world = World::with(
        "CREATE TABLE t (id int PRIMARY KEY, big text, n int); ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
         INSERT INTO t VALUES (1, repeat('x', 10000), 1)",
        &[("t", &["big", "id"])],
    );
    let big = "x".repeat(10_000);
    assert_eq!(world.changes("UPDATE t SET n = 2"), [format!("t {big},1>{big},1")]);
}

#[test]
fn own_writes_are_told_in_the_commit_order() {
    let world = World::posts();
    world.recorder.take();
    let update = "UPDATE posts SET author_id = author_id + 1 WHERE id = :id";
    let read = "SELECT content, author_id FROM posts WHERE id = :id";
    let receipt = world.write(update, vec![int("id", 1)], Some(read)).expect("it is written");
    let told = world.recorder.take();
    let [Told::Commit(commit), Told::Own(own)] = &told[..] else { panic!("{told:?}") };
    assert!(commit.own && commit.version == receipt.version && *own == receipt);
    assert_eq!((commit.changes.len(), receipt.rows), (1, 1));
    // A write that changes nothing, and one to a table that nobody follows, have their place as well.
    let nothing =
        world.write("DELETE FROM posts WHERE id = :id", vec![int("id", 999)], None).expect("it is written");
    assert!(nothing.rows == 0 && nothing.version > receipt.version);
    world.database.psql("CREATE TABLE other (x text)");
    let other =
        world.write("INSERT INTO other VALUES (:x)", vec![string("x", "a")], None).expect("it is written");
    assert!(other.version > nothing.version);

    // Concurrent writes of one row: the versions and the rows read back are in the same order.
    world.recorder.take();
    let writes: Vec<_> = (0..64).map(|_| world.begin_write(update, vec![int("id", 2)], Some(read))).collect();
    for write in writes {
        world.runtime.block_on(write).expect("it is written");
    }
    let told = world.recorder.take();
    let receipts: Vec<_> =
        told.iter().filter_map(|t| if let Told::Own(own) = t { Some(own) } else { None }).collect();
    assert_eq!(receipts.len(), 64);
    assert!(receipts.is_sorted_by(|a, b| a.version < b.version));
    let values: Vec<String> =
        receipts.iter().map(|receipt| crate::world::text(receipt.row.as_ref())).collect();
    assert_eq!(values, (3..67).map(|n| format!("post 2,{n}")).collect::<Vec<_>>());
    for pair in told.chunks(2) {
        assert!(
            matches!(pair, [Told::Commit(commit), Told::Own(own)] if commit.own && commit.version == own.version)
        );
    }
}

#[test]
fn partitions_speak_for_their_table() {
    let world = World::with(
        "CREATE TABLE posts (id int PRIMARY KEY, a int) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF posts FOR VALUES FROM (0) TO (10);
         CREATE TABLE high PARTITION OF posts FOR VALUES FROM (10) TO (20)",
        &[("posts", &["id"])],
    );
    assert_eq!(world.changes("INSERT INTO posts VALUES (1, 1), (11, 1)"), ["posts ->1", "posts ->11"]);
    assert_eq!(world.changes("UPDATE posts SET id = 12 WHERE id = 1"), ["posts 1>-", "posts ->12"]);
    // A partition that is made while the feed runs.
    let sql = "BEGIN; CREATE TABLE more PARTITION OF posts FOR VALUES FROM (20) TO (30);
        INSERT INTO posts VALUES (21, 1); COMMIT";
    assert_eq!(world.changes(sql), ["posts ->21"]);
    world.recorder.take();
    world.database.psql("TRUNCATE high");
    world.barrier();
    assert!(world.altered().iter().any(|why| why == "TRUNCATE of posts"));
}

/// The log tells of a commit before readers see it, and so of a table that the catalog does not show yet.
#[test]
fn a_partition_is_known_by_its_first_row_although_nobody_sees_it_yet() {
    let world = World::with(
        "CREATE TABLE posts (id int PRIMARY KEY) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF posts FOR VALUES FROM (0) TO (10)",
        &[("posts", &["id"])],
    );
    let standby = |name: &str| {
        world.database.psql(&format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'"));
        world.database.psql("SELECT pg_reload_conf()");
        wait_for("the new setting", || {
            (world.database.psql("SHOW synchronous_standby_names").trim() == name).then_some(())
        });
    };
    world.recorder.take();
    standby("nobody");
    let url = world.database.url();
    let writer = std::thread::spawn(move || {
        let sql = "BEGIN; CREATE TABLE more PARTITION OF posts FOR VALUES FROM (20) TO (30);
            INSERT INTO posts VALUES (21); COMMIT";
        Postgres::psql_at(&url, sql)
    });
    wait_for("the commit to wait, and to be sent", || {
        let sent = "SELECT count(*) FROM pg_stat_activity, pg_stat_replication
            WHERE wait_event = 'SyncRep' AND sent_lsn >= pg_current_wal_flush_lsn()";
        (world.database.psql(sent).trim() != "0").then_some(())
    });
    standby("");
    writer.join().expect("no panic").expect("it is committed");
    world.barrier();
    assert_eq!(world.recorder.changes(), ["posts ->21"]);
}

#[test]
fn a_deferred_constraint_refuses_at_the_commit() {
    let world = World::with(
        "CREATE TABLE t (id int PRIMARY KEY, x int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO t VALUES (1, 1)",
        &[("t", &["id"])],
    );
    world.recorder.take();
    let refused = world.write("INSERT INTO t VALUES (:id, 1)", vec![int("id", 2)], None);
    assert!(matches!(&refused, Err(SourceError::Refused(why)) if why.contains("23505")), "{refused:?}");
    world.barrier();
    assert_eq!(world.recorder.take(), []);
}

/// What is in the log before a stream's beginning and is seen by readers after it would be told by nobody.
#[test]
fn a_stream_that_begins_waits_for_transactions_that_are_open() {
    let database = Postgres::start();
    database.psql(POSTS);
    let (config, posts) = (PostgresConfig::new(database.url()), watched(&[("posts", &["author_id", "id"])]));
    // With a slot, for the making of one would wait as well.
    clearwell_source::postgres::setup(&config, &posts, true).expect("the database is set up");
    let (url, read) = (database.url(), AtomicBool::new(false));
    let psql = |sql: &str| Postgres::psql_at(&url, sql);
    let is = |sql: &str| psql(&format!("SELECT ({sql})::int")).is_ok_and(|is| is == "1");
    let locks = |granted: &str| {
        format!("SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND {granted} granted")
    };
    std::thread::scope(|scope| {
        scope.spawn(|| psql("SELECT pg_advisory_lock(1); SELECT pg_sleep(30)"));
        wait_for("the lock", || is(&locks("")).then_some(()));
        scope.spawn(|| {
            psql("BEGIN; UPDATE posts SET author_id = 99 WHERE id = 3; SELECT pg_advisory_xact_lock(1); COMMIT")
        });
        wait_for("the transaction to wait", || is(&locks("NOT")).then_some(()));
        scope.spawn(|| {
            let asks = "SELECT count(*) > 0 FROM pg_stat_activity
                WHERE query LIKE '%pg_current_snapshot()%' AND pid <> pg_backend_pid()";
            wait_for("the stream to begin", || (read.load(Ordering::Relaxed) || is(asks)).then_some(()));
            psql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        });
        let world = World::open(database, config, posts, 2000);
        let row = world.load("SELECT author_id FROM posts WHERE id = :id", vec![int("id", 3)]);
        read.store(true, Ordering::Relaxed);
        // The world, and with it the server, outlives those who ask.
        wait_for("the others", || {
            is("SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory'").then_some(())
        });
        assert_eq!(crate::world::text(row.expect("it is read").as_ref()), "99");
    });
}
