//! The slot: dropped under load, out of its log, read by somebody else.

use std::time::{Duration, Instant};

use crate::load::{KEYS, Load};
use crate::support::{Raw, wait_for};
use crate::surfaces::{Events, get, json, metric};
use crate::world::World;

/// How late a node on a busy machine may notice.
const AT_ONCE: Duration = Duration::from_secs(1);

fn rounds() -> usize {
    std::env::var("CLEARWELL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2)
}

/// Drops the slot again and again while it is read and written, and holds each gap open until `seen_open` has looked.
fn dropped_under_load(policy: &str, bound: Duration, seen_open: impl Fn(&World, &Load)) {
    let world = World::new(policy);
    let load = Load::new();
    let events = Events::of(world.http());
    let mut slowest = Duration::ZERO;
    std::thread::scope(|scope| {
        let over = Over(&load);
        for _ in 0..2 {
            scope.spawn(|| load.read(world.node.resp));
        }
        let mut session = world.session();
        scope.spawn({
            let load = &load;
            move || load.write(|key| session.bump(key, 1))
        });
        for round in 1..=rounds() {
            more_writes(&load);
            // A slot begins only when every transaction before it has ended: so the gap stays open.
            let mut held = world.session();
            held.ask("BEGIN; CREATE TABLE held AS SELECT 1; SELECT 1;").expect("it is open");
            let dropping = Instant::now();
            world.drop_slot();
            let dropped = Instant::now();
            let noticed = events.wait("unverified", dropping);
            slowest = slowest.max(noticed.saturating_duration_since(dropped));
            assert!(slowest <= AT_ONCE, "noticed after {slowest:?}");
            events.wait("gap", dropping);
            more_writes(&load);
            seen_open(&world, &load);
            held.ask("ROLLBACK; SELECT 1;").expect("it ends");
            events.wait("verified", dropping);
            world.until(true);
            assert_eq!(metric(world.http(), "clearwell_source_gaps_total"), round as f64);
        }
        more_writes(&load);
        drop(over);
    });
    eprintln!("{policy}: unverified {slowest:?} after the drop at the latest");
    load.judge(policy, bound);
    fresh_and_kept(&world);
}

/// Ends the load also when the test panics, so that its threads end.
struct Over<'l>(&'l Load);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn more_writes(load: &Load) {
    let enough = load.writes() + 200;
    wait_for("200 more writes", || (load.writes() >= enough).then_some(()));
}

/// What is read now is what is committed, and it is served from memory again.
fn fresh_and_kept(world: &World) {
    let mut connection = world.node.connect();
    for key in 0..KEYS {
        let committed = world.database.psql(&format!("SELECT version FROM items WHERE id = {key}"));
        let mut last = String::new();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for("the newest version", || {
                last = read(&mut connection, key);
                (last == committed).then_some(())
            })
        }));
        assert!(found.is_ok(), "item:{key} is {last:?} and not {committed}; {}", world.health());
    }
    let hits = || json(world.http(), "/api/cache/stats")["hits"].as_u64().expect("a number");
    let before = hits();
    wait_for("a hit", || {
        read(&mut connection, 0);
        (hits() > before).then_some(())
    });
}

fn read(connection: &mut Raw, key: usize) -> String {
    let reply = connection.call(&["GET", &format!("item:{key}")]);
    String::from_utf8_lossy(&reply).lines().nth(1).unwrap_or_default().into()
}

fn asked(world: &World, command: &[&str]) -> String {
    String::from_utf8(world.node.connect().call(command)).expect("text")
}

#[test]
fn dropped_under_load_bypass() {
    dropped_under_load("bypass", AT_ONCE, |world, load| {
        let node = world.http();
        let (health, whole) = (world.health(), json(node, "/api/cache/health"));
        assert_eq!((&whole["status"], &health["verified"]), (&"degraded".into(), &false.into()), "{whole}");
        let why = health["why"].as_str().expect("a reason").to_string();
        assert!(health["since"].is_string() && !why.is_empty(), "{health}");
        assert_eq!(health["keyspaces"][0]["unverified"], "bypass");
        assert_eq!(metric(node, "clearwell_source_unverified"), 1.0);
        assert!(metric(node, "clearwell_source_unverified_seconds_total") > 0.0);
        assert_eq!(json(node, "/api/cache/stats")["unverifiedSources"][0], "main");
        let meta = asked(world, &["CW.GET", "item:1", "META"]);
        assert!(meta.contains("unverified\r\n$") && meta.contains("hit\r\n:0"), "{meta}");
        let strong = asked(world, &["CW.GET", "item:1", "LEVEL", "strong", "META"]);
        assert!(strong.contains("strong") && !strong.starts_with('-'), "{strong}");
        let (head, body) = get(node, "/api/cache/item:1");
        assert!(
            head.contains("x-clearwell-unverified: ") && body.contains("\"unverified\":\""),
            "{head} {body}"
        );
        let info = asked(world, &["INFO", "sources"]);
        assert!(
            info.contains("source_main:verified=0") && info.contains("source_main_unverified_why:"),
            "{info}"
        );
        assert!(asked(world, &["CW.STATS"]).contains("unverified_sources\r\n:1"));
        assert_eq!(asked(world, &["CW.ENTRY", "item:1"]), "$-1\r\n", "nothing is kept");
        assert!(!load.is_over());
    });
}

#[test]
fn dropped_under_load_bounded() {
    dropped_under_load("bounded(700ms)", AT_ONCE + Duration::from_millis(700), |world, _| {
        wait_for("an entry that is kept for the bound", || {
            let entry = asked(world, &["CW.ENTRY", "item:1"]);
            entry.contains("unverified\r\n$").then_some(())
        });
    });
}

#[test]
fn dropped_under_load_refuse() {
    dropped_under_load("refuse", AT_ONCE, |world, load| {
        let refused = asked(world, &["GET", "item:1"]);
        assert!(refused.starts_with("-UNVERIFIED keyspace item:{id:int} refuses reads"), "{refused}");
        let (head, body) = get(world.http(), "/api/cache/item:1");
        assert!(
            head.starts_with("http/1.1 503") && body.contains("urn:clearwell:problem:unverified"),
            "{body}"
        );
        wait_for("the readers to be refused", || {
            load.seen.lock().expect("no reader panics").errors.contains_key("UNVERIFIED").then_some(())
        });
    });
}

#[test]
fn log_removed_while_the_node_was_stopped() {
    let world = World::with(
        "bypass",
        "2s",
        &["wal_level=logical", "max_slot_wal_keep_size=1MB", "min_wal_size=32MB"],
    );
    let load = Load::new();
    let events = Events::of(world.http());
    let stopped = std::thread::scope(|scope| {
        let over = Over(&load);
        for _ in 0..2 {
            scope.spawn(|| load.read(world.node.resp));
        }
        let mut session = world.session();
        scope.spawn({
            let load = &load;
            move || load.write(|key| session.bump(key, 1))
        });
        more_writes(&load);
        world.signal("STOP");
        let stopped = Instant::now();
        wait_for("the log to be removed", || {
            world.database.psql("CREATE TABLE filler (); DROP TABLE filler; SELECT pg_switch_wal()");
            world.database.psql("CHECKPOINT");
            let status = world.database.psql("SELECT wal_status FROM pg_replication_slots");
            (status == "lost" && stopped.elapsed() > Duration::from_secs(4)).then_some(())
        });
        // Readers that come while it is stopped are answered first of all.
        for _ in 0..8 {
            scope.spawn(|| load.read(world.node.resp));
        }
        more_writes(&load);
        world.signal("CONT");
        events.wait("gap", stopped);
        events.wait("verified", stopped);
        world.until(true);
        more_writes(&load);
        drop(over);
        stopped
    });
    assert!(stopped.elapsed() > Duration::from_secs(4));
    load.judge("log removed", Duration::from_secs(2) + AT_ONCE);
    assert_eq!(metric(world.http(), "clearwell_source_gaps_total"), 1.0);
    fresh_and_kept(&world);
}

#[test]
fn another_reader_of_the_slot() {
    let world = World::new("bypass");
    let mut thief = None;
    let why = wait_for("another reader to have the slot", || {
        if thief.is_none() {
            let mut command = std::process::Command::new("/usr/lib/postgresql/15/bin/pg_recvlogical");
            command.args([
                "-d",
                &world.database.url(),
                "-S",
                "clearwell",
                "--start",
                "--no-loop",
                "-f",
                "/dev/null",
            ]);
            command.args(["-o", "proto_version=1", "-o", "publication_names=clearwell"]);
            world.database.psql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots");
            thief = Some(crate::support::Process::start(&mut command));
        }
        if thief.as_mut().is_some_and(|process| process.ended().is_some()) {
            thief = None;
        }
        let why = world.health()["why"].as_str().map(str::to_string);
        why.filter(|why| why.contains("is active for PID"))
    });
    assert!(why.contains("clearwell"), "{why}");
    let mut session = world.session();
    for _ in 0..20 {
        let version = session.bump(3, 1).expect("a version");
        assert_eq!(read(&mut world.node.connect(), 3), version.to_string(), "the source is asked");
    }
    drop(thief);
    world.until(true);
    fresh_and_kept(&world);
}
