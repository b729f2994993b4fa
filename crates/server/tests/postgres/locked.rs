//! A locked table, and who does not wait for it. Story: a migration held a lock on one table; the loads of its keyspace took every
//! connection, and pages that never touched that table failed for two seconds each.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use clearwell_source::config::PostgresConfig;
use clearwell_source::{Later, Receipt, Row, RowWrite, Source as _, SourceError, Statement};

use crate::support::{Postgres, wait_for};
use crate::world::{World, int, string, text, watched};

/// What nobody who waits for nothing needs longer for, on a busy machine.
const SOON: Duration = Duration::from_millis(800);

/// A transaction of somebody else's, which ends when this is dropped.
pub struct Held {
    child: Child,
    _input: ChildStdin,
}

impl Held {
    /// Begins one and runs `sql` in it.
    pub fn new(database: &Postgres, sql: &str) -> Held {
        let mut child = Command::new("psql")
            .args(["-qtAX", "-v", "ON_ERROR_STOP=1", &database.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("psql is installed");
        let mut input = child.stdin.take().expect("it is piped");
        let mark = format!("held_{}", child.id());
        writeln!(input, "BEGIN; SET LOCAL application_name = '{mark}'; {sql}; SELECT 'locked';")
            .expect("psql reads");
        let idle = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{mark}' AND state = 'idle in transaction' \
             AND query LIKE '%locked%'"
        );
        wait_for("the lock", || (database.psql(&idle) == "1").then_some(()));
        Held { child, _input: input }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Its end takes the transaction back.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

const TABLES: [&str; 4] = ["a", "b", "c", "d"];

fn world(connections: u8) -> World {
    let database = Postgres::start();
    for table in TABLES {
        database.psql(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, v text); INSERT INTO {table} SELECT n, '{table}' || n FROM \
             generate_series(1, 200) n"
        ));
    }
    let config = PostgresConfig { connections, ..PostgresConfig::new("") };
    let watched = watched(&TABLES.map(|table| (table, &["id"][..])));
    let world = World::over(database, config, watched);
    for table in TABLES {
        world.source.label(&format!("{table}:{{id}}"), &read(table), &[&update(table)]);
    }
    world
}

fn read(table: &str) -> Statement {
    Statement(format!("SELECT v FROM {table} WHERE id = :id").into())
}

fn update(table: &str) -> Statement {
    Statement(format!("UPDATE {table} SET v = :value WHERE id = :id").into())
}

type Loading = Later<Result<Option<Row>, SourceError>>;

impl World {
    fn begin_loads(&self, table: &str, count: i64) -> Vec<Loading> {
        (1..=count).map(|id| self.source.load(&read(table), vec![int("id", id)])).collect()
    }

    fn begin_update(&self, table: &str, id: i64) -> Later<Result<Receipt, SourceError>> {
        let params = vec![int("id", id), string("value", "new")];
        self.source.write(RowWrite {
            statement: update(table),
            params,
            read_back: None,
            committed: Box::new(|_| ()),
        })
    }

    /// How long a load of this table takes.
    fn timed(&self, table: &str, id: i64) -> Duration {
        let began = Instant::now();
        let row =
            self.runtime.block_on(self.source.load(&read(table), vec![int("id", id)])).expect("it is loaded");
        assert_eq!(text(row.as_ref()), format!("{table}{id}"));
        began.elapsed()
    }

    /// Waits until the server has this many statements that wait for a lock.
    fn stuck(&self, least: usize) {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        wait_for("statements that wait for the lock", || {
            (self.database.psql(waiting).parse::<usize>().is_ok_and(|count| count >= least)).then_some(())
        });
    }
}

#[test]
fn a_locked_table_holds_up_no_other_table() {
    for (connections, keys) in [(4, 12), (4, 100), (2, 100), (1, 12)] {
        let world = world(connections);
        world.timed("b", 1);
        let _lock = Held::new(&world.database, "LOCK TABLE a IN ACCESS EXCLUSIVE MODE");
        let loads = world.begin_loads("a", keys);
        world.stuck(1);
        for round in 1..=60 {
            let took = world.timed("b", round);
            assert!(took < SOON, "{connections} connections, {keys} keys, load {round}: {took:?}");
        }
        drop(loads);
    }
}

#[test]
fn several_locked_tables_hold_up_no_other_table() {
    for connections in [1, 2, 4] {
        let world = world(connections);
        let _lock = Held::new(&world.database, "LOCK TABLE a, b, c IN ACCESS EXCLUSIVE MODE");
        let loads: Vec<_> = ["a", "b", "c"].iter().flat_map(|table| world.begin_loads(table, 40)).collect();
        world.stuck(3);
        for round in 1..=60 {
            let took = world.timed("d", round);
            assert!(took < SOON, "{connections} connections, load {round}: {took:?}");
        }
        drop(loads);
    }
}

#[test]
fn who_waits_for_a_connection_is_told_that_and_by_whom_it_is_held() {
    let world = world(4);
    world.timed("b", 1);
    let _lock = Held::new(&world.database, "LOCK TABLE a IN ACCESS EXCLUSIVE MODE");
    let began = Instant::now();
    let loads = world.begin_loads("a", 100);
    let (mut slow, mut busy) = (0, 0);
    for load in loads {
        match world.runtime.block_on(load) {
            Err(SourceError::TooSlow(2000)) => slow += 1,
            Err(error @ SourceError::Busy { .. }) => {
                busy += 1;
                let said = error.to_string();
                assert!(said.starts_with("no free connection to the source within "), "{said}");
                assert!(said.contains("keyspace a:{id} holds 3 of 4, the longest for "), "{said}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(began.elapsed() < Duration::from_millis(2900), "{:?}", began.elapsed());
    assert!(slow >= 1 && busy >= 90, "{slow} were asked and {busy} were not");
    let crowd = world.source.crowd().expect("it has connections");
    assert_eq!((crowd.size, crowd.gave_up), (4, busy));
}

#[test]
fn what_was_locked_is_loaded_when_the_lock_is_gone() {
    let world = world(4);
    let lock = Held::new(&world.database, "LOCK TABLE a IN ACCESS EXCLUSIVE MODE");
    let loads = world.begin_loads("a", 100);
    world.stuck(1);
    drop(lock);
    for (load, id) in loads.into_iter().zip(1..) {
        let row = world.runtime.block_on(load).expect("it is loaded");
        assert_eq!(text(row.as_ref()), format!("a{id}"));
    }
}

#[test]
fn a_locked_row_holds_up_neither_writes_of_another_table_nor_the_barrier() {
    for connections in [1, 4] {
        let world = world(connections);
        let _lock = Held::new(&world.database, "UPDATE a SET v = 'held' WHERE id <= 100");
        let writes: Vec<_> = (1..=40).map(|id| world.begin_update("a", id)).collect();
        world.stuck(1);
        for round in 1..=20 {
            let began = Instant::now();
            world.runtime.block_on(world.begin_update("b", round)).expect("it is written");
            assert!(
                began.elapsed() < SOON,
                "{connections} connections, write {round}: {:?}",
                began.elapsed()
            );
            let began = Instant::now();
            world.barrier();
            assert!(
                began.elapsed() < SOON,
                "{connections} connections, barrier {round}: {:?}",
                began.elapsed()
            );
        }
        for write in writes {
            match world.runtime.block_on(write) {
                Err(SourceError::TooSlow(_)) => {}
                Err(error @ SourceError::Busy { .. }) => {
                    assert!(error.to_string().contains("a:{id}"), "{error}")
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn locked_batches_hold_up_no_other_lane() {
    let world = world(1);
    let source = &world.source;
    let _lock = Held::new(&world.database, "UPDATE a SET v = 'held'; UPDATE b SET v = 'held'");
    let batch = |table: &str| {
        let writes = (1..=5).map(|id| RowWrite {
            statement: update(table),
            params: vec![int("id", id), string("value", "new")],
            read_back: None,
            committed: Box::new(|_: &Receipt| ()),
        });
        source.write_all(&format!("{table}:{{id}}"), writes.collect())
    };
    let locked = [batch("a"), batch("b")];
    world.stuck(2);
    let began = Instant::now();
    let written = world.runtime.block_on(batch("c"));
    assert!(written.iter().all(Result::is_ok), "{written:?}");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    drop(locked);
}

#[test]
fn a_feed_stays_complete_while_a_table_is_locked() {
    let world = world(4);
    let _lock = Held::new(&world.database, "LOCK TABLE a IN ACCESS EXCLUSIVE MODE");
    let loads = world.begin_loads("a", 30);
    for load in loads {
        assert!(world.runtime.block_on(load).is_err());
    }
    assert_eq!(world.source.unverified(), None);
    assert!(world.source.behind_ms() < 1000, "{}", world.source.behind_ms());
}
