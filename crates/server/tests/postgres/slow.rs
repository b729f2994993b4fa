//! Slow servers, broken connections, and what is tried again.

use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use clearwell_source::config::PostgresConfig;
use clearwell_source::{RowWrite, Source as _, SourceError, Statement};

use crate::support::{Postgres, wait_for};
use crate::world::{POSTS, World, int, text, watched};

const READ: &str = "SELECT content FROM posts WHERE id = :id";

#[test]
fn a_slow_statement_is_ended_on_the_server_and_holds_up_no_other() {
    let world = World::posts();
    let slow = clearwell_source::Statement("SELECT pg_sleep(30)::text".into());
    let began = Instant::now();
    let sleeping: Vec<_> = (0..3).map(|_| world.source.load(&slow, vec![])).collect();
    let others = Instant::now();
    for n in 1..=100 {
        let row = world.load(READ, vec![int("id", n)]).expect("it is loaded");
        assert_eq!(text(row.as_ref()), format!("post {n}"));
    }
    assert!(others.elapsed() < Duration::from_millis(1500), "{:?}", others.elapsed());
    for load in sleeping {
        assert_eq!(world.runtime.block_on(load), Err(SourceError::TooSlow(2000)));
    }
    assert!(began.elapsed() < Duration::from_millis(2900), "{:?}", began.elapsed());
    wait_for("the server to be asked to end it", || {
        world.database.log().contains("canceling statement due to user request").then_some(())
    });
    let left = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    wait_for("all of them to end", || (world.database.psql(left) == "0").then_some(()));
}

#[test]
fn a_connection_on_which_something_was_ended_is_not_used_again() {
    let World { database, source, .. } = World::posts();
    drop(source);
    let config = PostgresConfig { connections: 1, ..PostgresConfig::new(database.url()) };
    let world = World::open(database, config, watched(&[("posts", &["author_id", "id"])]), 4000);
    let connection = || {
        let row = world.load("SELECT pg_backend_pid()::text", vec![]).expect("it is loaded");
        text(row.as_ref())
    };
    let (first, again) = (connection(), connection());
    assert_eq!(first, again, "one that is well is kept");
    // One goes alone; the others, together, would take more than the quarter of the time that they get.
    let sleep = clearwell_source::Statement("SELECT pg_sleep(0.4)::text FROM posts WHERE id = :id".into());
    let loads: Vec<_> = (1..=4).map(|n| world.source.load(&sleep, vec![int("id", n)])).collect();
    for load in loads {
        let row = world.runtime.block_on(load);
        assert!(row.is_ok(), "{row:?}");
    }
    let ended = "canceling statement due to user request";
    assert!(world.database.log().contains(ended), "the case was met");
    assert_ne!(connection(), first);
}

#[test]
fn connections_that_stop_to_answer_are_made_anew() {
    let world = World::posts();
    assert!(world.load(READ, vec![int("id", 1)]).is_ok());
    let mine = "SELECT pid FROM pg_stat_activity WHERE application_name = 'clearwell'";
    let _stopped = Stopped::new(world.database.psql(mine).lines());
    let began = Instant::now();
    let late = world.load(READ, vec![int("id", 2)]);
    assert!(matches!(late, Err(SourceError::TooSlow(2000))), "{late:?}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // Others go on while the stopped ones are still stopped.
    let row = wait_for("a new connection", || world.load(READ, vec![int("id", 2)]).ok());
    assert_eq!(text(row.as_ref()), "post 2");
    let update = "UPDATE posts SET author_id = 1 WHERE id = :id";
    assert_eq!(world.write(update, vec![int("id", 2)], None).map(|receipt| receipt.rows), Ok(1));
    wait_for("barriers over a new connection", || world.runtime.block_on(world.source.barrier()).ok());
}

/// Story: a barrier was cut off by a limit of its own a moment before the statement's, so that the connection that did not answer
/// stayed in the pool, and all barriers after it waited for it in vain.
#[test]
fn a_barrier_gives_up_the_connection_that_did_not_answer() {
    let World { database, source, .. } = World::posts();
    drop(source);
    let config = PostgresConfig::new(database.url());
    let world = World::open(database, config, watched(&[("posts", &["author_id", "id"])]), 500);
    let mine = "SELECT pid FROM pg_stat_activity WHERE application_name = 'clearwell'";
    for round in 0..10 {
        wait_for("a barrier", || world.runtime.block_on(world.source.barrier()).ok());
        let stopped = Stopped::new(world.database.psql(mine).lines());
        let barriers = (0..6).map(|_| world.runtime.block_on(world.source.barrier()));
        let failed = barriers.take_while(Result::is_err).count();
        // There are two connections for barriers and the like, and one barrier may have waited for its turn.
        assert!(failed <= 3, "round {round}: {failed} in a row");
        drop(stopped);
    }
}

/// Processes that are stopped until this is dropped.
struct Stopped(Vec<String>);

impl Stopped {
    fn new<'p>(processes: impl Iterator<Item = &'p str>) -> Stopped {
        let stopped = Stopped(processes.map(str::to_string).collect());
        assert!(stopped.signal("-STOP"));
        stopped
    }

    fn signal(&self, signal: &str) -> bool {
        Command::new("kill").arg(signal).args(&self.0).status().expect("kill is installed").success()
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // Some may have ended since.
        self.signal("-CONT");
    }
}

/// Where the proxy cuts a connection.
const NOWHERE: u8 = 0;
const BEFORE_COMMIT: u8 = 1;
const AFTER_COMMIT: u8 = 2;
const AT_BEGIN: u8 = 3;
/// Not the connection, but what it sends from the COMMIT on.
const HELD_AT_COMMIT: u8 = 4;

/// Forwards to the server; cuts the connection that next sends what `cut` names, once.
fn proxy(port: u16, cut: Arc<AtomicU8>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let own = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
            let (mut from, mut to) =
                (server.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
            let cut = cut.clone();
            std::thread::spawn(move || forward(client, server, &cut));
        }
    });
    own
}

fn forward(mut client: TcpStream, mut server: TcpStream, cut: &AtomicU8) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        let has = |word: &[u8]| buffer[..count].windows(word.len()).any(|window| window == word);
        let once = |at: u8| cut.compare_exchange(at, NOWHERE, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if has(b"COMMIT\0") && once(BEFORE_COMMIT) || has(b"BEGIN\0") && once(AT_BEGIN) {
            break;
        }
        if has(b"COMMIT\0") && once(HELD_AT_COMMIT) {
            return;
        }
        let commit = has(b"COMMIT\0") && once(AFTER_COMMIT);
        if commit {
            // Its answer is not to come back.
            let _ = client.shutdown(Shutdown::Both);
        }
        if server.write_all(&buffer[..count]).is_err() || commit {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Write);
}

const NOT_WRITTEN: &str = "the connection broke before the COMMIT: nothing was written";

/// A source with a long timeout, over connections that are cut where they are told to be.
fn behind_a_proxy() -> (World, Arc<AtomicU8>) {
    let database = Postgres::start();
    database.psql(POSTS);
    let cut = Arc::new(AtomicU8::new(NOWHERE));
    let port = proxy(database.port(), cut.clone());
    let tables = watched(&[("posts", &["author_id", "id"])]);
    let config = PostgresConfig::new(database.url());
    clearwell_source::postgres::setup(&config, &tables, true).expect("the database is set up");
    let url = database.url().replace(&database.port().to_string(), &port.to_string());
    (World::open(database, PostgresConfig::new(url), tables, 60_000), cut)
}

/// Story: the connection of a lane broke before the COMMIT arrived, and its writes waited for the source's whole timeout, because
/// the feed does not tell of what was not committed.
#[test]
fn a_batch_whose_commit_did_not_arrive_is_known_not_to_be_written() {
    let (world, cut) = behind_a_proxy();
    let write = |id: i64| RowWrite {
        statement: Statement("UPDATE posts SET author_id = author_id + 1 WHERE id = :id".into()),
        params: vec![int("id", id)],
        read_back: None,
        committed: Box::new(|_| ()),
    };
    let written = || {
        let all = world.source.write_all("posts", (5..8).map(write).collect());
        world.runtime.block_on(all).into_iter().map(|told| told.map(drop)).collect::<Vec<_>>()
    };
    let authors = || {
        world
            .database
            .psql("SELECT string_agg(author_id::text, ' ' ORDER BY id) FROM posts WHERE id IN (5, 6, 7)")
    };
    assert_eq!((written(), authors()), (vec![Ok(()); 3], "6 7 8".into()));
    cut.store(BEFORE_COMMIT, Ordering::SeqCst);
    let not_written = Err(SourceError::Unreachable(NOT_WRITTEN.into()));
    assert_eq!((written(), authors()), (vec![not_written; 3], "6 7 8".into()));
    cut.store(AFTER_COMMIT, Ordering::SeqCst);
    assert_eq!((written(), authors()), (vec![Ok(()); 3], "7 8 9".into()));
}

/// Story: the server crashed before the COMMIT arrived, gave the transaction's number to another one, and said of that that it was
/// committed: a write that had never been was acknowledged.
#[test]
fn a_number_that_is_given_again_acknowledges_nothing() {
    let (mut world, cut) = behind_a_proxy();
    let update = "UPDATE posts SET content = 'written' WHERE id = :id";
    for round in 0..3 {
        cut.store(HELD_AT_COMMIT, Ordering::SeqCst);
        let writing = world.begin_write(update, vec![int("id", 5)], None);
        wait_for("the COMMIT", || (cut.load(Ordering::SeqCst) == NOWHERE).then_some(()));
        world.database.kill9();
        world.database.start_again();
        for id in 10..40 {
            world.database.psql(&format!("UPDATE posts SET author_id = 1 WHERE id = {id}"));
        }
        let written = world.runtime.block_on(writing);
        assert!(matches!(written, Err(SourceError::Unreachable(_))), "round {round}: {written:?}");
        assert_eq!(world.database.psql("SELECT content FROM posts WHERE id = 5"), "post 5");
    }
}

#[test]
fn a_write_is_tried_again_only_when_it_was_not_begun() {
    let (world, cut) = behind_a_proxy();
    let update = "UPDATE posts SET author_id = author_id + 1 WHERE id = :id";
    let author = || world.database.psql("SELECT author_id FROM posts WHERE id = 5");
    let write = || world.write(update, vec![int("id", 5)], None).map(|receipt| receipt.rows);
    assert_eq!((write(), author()), (Ok(1), "6".into()));
    // The answer is lost, not the write: the feed tells of it.
    cut.store(AFTER_COMMIT, Ordering::SeqCst);
    assert_eq!((write(), author()), (Ok(1), "7".into()));
    // The server knows what became of it: nobody has to wait for the feed, and nobody tries again.
    cut.store(BEFORE_COMMIT, Ordering::SeqCst);
    assert_eq!((write(), author()), (Err(SourceError::Unreachable(NOT_WRITTEN.into())), "7".into()));
    // Nothing was asked for yet.
    assert_eq!((write(), author()), (Ok(1), "8".into()));
    cut.store(AT_BEGIN, Ordering::SeqCst);
    assert_eq!((write(), author()), (Ok(1), "9".into()));
    assert_eq!(cut.load(Ordering::SeqCst), NOWHERE, "it was cut");
    assert_eq!(text(world.load(READ, vec![int("id", 5)]).expect("it is loaded").as_ref()), "post 5");
}
