//! Warming beside readers: it has connections of its own, and few of them. Story: a warm-up at full speed took all connections
//! of its keyspace, and a reader of another key waited behind hundreds of loads that nobody asked for.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Postgres, wait_for};
use crate::world::{Base, World, posts};

/// Less than whoever waits for a locked table takes, who waits for the source's timeout of two seconds.
const SOON: Duration = Duration::from_millis(1_200);

/// A table that somebody else has locked, until this is dropped.
struct Lock(Child);

impl Lock {
    fn new(database: &Postgres, table: &str) -> Lock {
        let mut psql = Command::new("psql")
            .args(["-qtAX", "-v", "ON_ERROR_STOP=1", &database.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("psql is installed");
        let input = psql.stdin.as_mut().expect("it is piped");
        writeln!(input, "BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;").expect("psql reads");
        let held = format!(
            "SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND mode = 'AccessExclusiveLock' AND granted"
        );
        wait_for("the lock", || (database.psql(&held) == "1").then_some(()));
        Lock(psql)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Its end takes the transaction back.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn readers_of_a_slow_keyspace_do_not_wait_for_what_is_warmed() {
    let slow = "[[keyspace]]\npattern = 'slow:{id:int}'\nsource = 'main'\nunfollowed = 'ok'\n\
                load = 'SELECT content, pg_sleep(0.15)::text AS slept FROM posts WHERE id = :id'\n\
                keys = 'SELECT id FROM posts'\n";
    let world = World::new(Base::Postgres, slow);
    let begun = world.warm(&json!({"pattern": "slow:*", "rate": 1_000_000}));
    assert_eq!(begun.status, 202);
    world.until("the first loads", 1, |job| job["loaded"].as_u64() > Some(2));
    let mut raw = world.raw();
    let warmed = || world.job(1)["loaded"].as_u64().expect("a count");
    for id in 1100..1110 {
        let before = warmed();
        assert_eq!(raw.call(&["GET", &format!("slow:{id}")]), format!("$9\r\npost {id}\r\n").into_bytes());
        let overtook = warmed() - before;
        // One or two end while the reader's own load runs, some more on a busy machine; behind all of them it would be hundreds.
        assert!(overtook < 20, "slow:{id} waited for {overtook}");
    }
    assert_eq!(world.job(1)["state"], "running");
    // One connection of four, and one load at a time: nobody who joins one waits for others in front of it.
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '/* clearwell: warming */%' AND state = 'active'";
    for _ in 0..20 {
        let sleeping: usize = world.database().psql(sleeping).parse().expect("a count");
        assert!(sleeping <= 1, "{sleeping} connections");
    }
}

#[test]
fn a_locked_table_that_is_warmed_holds_up_no_other_table() {
    let authors = "[[keyspace]]\npattern = 'author:{id:int}'\nsource = 'main'\nunfollowed = 'ok'\n\
                   load = 'SELECT name FROM authors WHERE id = :id'\n";
    let made = "CREATE TABLE authors (id int PRIMARY KEY, name text); \
                INSERT INTO authors SELECT n, 'author ' || n FROM generate_series(1, 500) n;";
    // The query of the keys does not touch the locked table; the loads do.
    let keys = "keys = 'SELECT n AS id FROM generate_series(1, 2500) n'";
    let world = World::with(Base::Postgres, made, &format!("{}{authors}", posts(keys, "")));
    let mut raw = world.raw();
    assert_eq!(raw.call(&["GET", "author:1"]), b"$8\r\nauthor 1\r\n");
    let lock = Lock::new(world.database(), "posts");
    assert_eq!(world.warm(&json!({"pattern": "post:*", "rate": 1_000_000})).status, 202);
    let stuck = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    wait_for("a load that waits for the lock", || (world.database().psql(stuck) != "0").then_some(()));
    let mut late = Vec::new();
    for id in 2..60 {
        let began = Instant::now();
        let expected = format!("author {id}");
        let expected = format!("${}\r\n{expected}\r\n", expected.len());
        assert_eq!(raw.call(&["GET", &format!("author:{id}")]), expected.into_bytes());
        late.extend(Some(began.elapsed()).filter(|took| *took > SOON));
    }
    // A busy machine may hold up one or two; a lock holds up all.
    assert!(late.len() < 5, "{late:?}");
    let job = world.job(1);
    assert_eq!((&job["state"], &job["loaded"]), (&json!("running"), &json!(0)), "{job}");
    // Cancelled, it waits for the lock no longer.
    assert_eq!(raw.call(&["CW.WARM", "CANCEL", "1"]), b":1\r\n");
    assert_eq!(world.job(1)["state"], "cancelled");
    drop(lock);
    assert_eq!(world.warmed(&json!({"pattern": "post:1?", "rate": 1_000_000}))["loaded"], 10);
}

#[test]
fn a_node_stops_though_somebody_waits_for_a_job() {
    let world = World::new(Base::Sqlite, &posts("keys = 'SELECT id FROM posts'", ""));
    let address = world.server.http.expect("a node has HTTP");
    let waiting = std::thread::spawn(move || {
        let body = br#"{"pattern": "post:*", "rate": 1, "wait": true}"#;
        crate::http::call(address, "POST", "/api/cache/warm", &[("Content-Type", "application/json")], body)
    });
    world.until("the job", 1, |job| job["state"] == "running");
    let mut server = world.server;
    let told = Command::new("kill").args(["-TERM", &server.process.id().to_string()]).status();
    assert!(told.is_ok_and(|told| told.success()));
    let job = waiting.join().expect("it is answered").json();
    assert_eq!(job["state"], "cancelled", "{job}");
    wait_for("the node's end", || server.process.ended());
}
