//! Many writes at once: one transaction, and each refusal told of its own row.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use clearwell_source::{Param, Receipt, RowWrite, Source, SourceError, Statement};
use parking_lot::Mutex;

use crate::support::wait_for;
use crate::world::{Told, World, int, string};

const UPSERT: &str = "INSERT INTO posts (id, content) VALUES (:id, :value) ON CONFLICT (id) DO UPDATE SET content = excluded.content";
const DELETE: &str = "DELETE FROM posts WHERE id = :id";

/// Ids whose commit was told, in its order.
type Committed = Arc<Mutex<Vec<i64>>>;

fn write(committed: &Committed, sql: &str, id: i64, params: Vec<Param>) -> RowWrite {
    let committed = committed.clone();
    let committed = Box::new(move |_: &Receipt| committed.lock().push(id));
    RowWrite { statement: Statement(sql.into()), params, read_back: None, committed }
}

fn upsert(committed: &Committed, id: i64, value: &str) -> RowWrite {
    write(committed, UPSERT, id, vec![int("id", id), string("value", value)])
}

impl World {
    fn write_all(&self, writes: Vec<RowWrite>) -> Vec<Result<Receipt, SourceError>> {
        self.runtime.block_on(self.source.write_all("lane", writes))
    }

    fn commits(&self) -> usize {
        self.recorder.take().iter().filter(|told| matches!(told, Told::Commit(_))).count()
    }
}

#[test]
fn a_batch_is_one_commit() {
    let world = World::posts();
    let committed = Committed::default();
    let put = (1..=700).map(|id| upsert(&committed, id * 2, &format!("new {id}")));
    let delete = (1..=40).map(|id| write(&committed, DELETE, -id, vec![int("id", id * 2 - 1)]));
    let mut writes: Vec<RowWrite> = put.chain(delete).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut writes);
    let receipts = world.write_all(writes);
    let version = receipts[0].as_ref().expect("it is written").version;
    assert!(receipts.iter().all(|receipt| receipt.as_ref().is_ok_and(|receipt| receipt.version == version)));
    assert_eq!(world.commits(), 1);
    let mut told = std::mem::take(&mut *committed.lock());
    told.sort_unstable();
    assert_eq!(told, (-40..=-1).chain((1..=700).map(|id| id * 2)).collect::<Vec<_>>());
    let count = "SELECT count(*) FILTER (WHERE content LIKE 'new %'), count(*) FROM posts";
    assert_eq!(world.database.psql(count), "700|710");
}

#[test]
fn each_refusal_is_of_its_own_row() {
    let world = World::with(
        "CREATE TABLE posts (id int PRIMARY KEY, content text CHECK (content NOT LIKE 'bad%'), author_id int,
             twin int UNIQUE DEFERRABLE INITIALLY DEFERRED);
         CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF new.content LIKE 'slow%' THEN PERFORM pg_sleep(60); END IF; RETURN new; END $$;
         CREATE TRIGGER wait BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION wait()",
        &[("posts", &["id"])],
    );
    let committed = Committed::default();
    let value = |id: i64| match id {
        17 | 300 | 301 => "bad one".to_owned(),
        99 => "with a \0 in it".to_owned(),
        500 => "bad last".to_owned(),
        id => format!("good {id}"),
    };
    let receipts = world.write_all((1..=500).map(|id| upsert(&committed, id, &value(id))).collect());
    for (id, receipt) in (1..).zip(&receipts) {
        match (value(id).starts_with("good"), receipt) {
            (true, Ok(_)) => {}
            (false, Err(SourceError::Refused(why))) => {
                let words = if id == 99 { "invalid byte sequence" } else { "posts_content_check" };
                assert!(why.contains(words), "{id}: {why}");
            }
            _ => panic!("{id}: {receipt:?}"),
        }
    }
    assert_eq!((world.commits(), committed.lock().len()), (1, 495));
    assert_eq!(world.database.psql("SELECT count(*) FROM posts"), "495");

    // Only the COMMIT says that two rows are the same twin.
    committed.lock().clear();
    let twin = "INSERT INTO posts (id, content, twin) VALUES (:id, 'x', :twin)";
    let twins: Vec<RowWrite> = (1001..=1030)
        .map(|id| {
            write(&committed, twin, id, vec![int("id", id), int("twin", if id == 1020 { 1003 } else { id })])
        })
        .collect();
    let receipts = world.write_all(twins);
    let refused: Vec<usize> = (0..30).filter(|at| receipts[*at].is_err()).collect();
    assert!(refused == [2] || refused == [19], "{refused:?}");
    assert!(
        matches!(&receipts[refused[0]], Err(SourceError::Refused(why)) if why.contains("posts_twin_key"))
    );
    assert_eq!(world.database.psql("SELECT count(*) FROM posts WHERE id > 1000"), "29");

    // One that is too slow does not keep the others from being written.
    let began = Instant::now();
    let value = |id: i64| if id == 7 { "slow".to_owned() } else { format!("newer {id}") };
    world.database.psql("DELETE FROM posts");
    let receipts = world.write_all((1..=60).map(|id| upsert(&committed, id, &value(id))).collect());
    let late: Vec<usize> = (0..60).filter(|at| receipts[*at].is_err()).collect();
    assert_eq!(
        (late, &receipts[6]),
        (vec![6], &Err(SourceError::TooSlow(2000))),
        "after {:?}",
        began.elapsed()
    );
    assert_eq!(world.database.psql("SELECT count(*) FROM posts WHERE content LIKE 'newer%'"), "59");
}

#[test]
fn a_row_that_a_batch_names_twice_is_no_refusal() {
    let world = World::posts();
    let committed = Committed::default();
    let writes = (0..300).map(|n| upsert(&committed, n % 100, &format!("round {}", n / 100))).collect();
    assert!(world.write_all(writes).iter().all(Result::is_ok));
    assert_eq!(committed.lock().len(), 300);
}

#[test]
fn a_batch_waits_for_the_end_of_an_earlier_one_of_its_lane() {
    let mut world = World::posts();
    let committed = Committed::default();
    assert!(world.write_all(vec![upsert(&committed, 1, "first")])[0].is_ok());
    // As a batch of an earlier run would be, whose COMMIT is on its way still.
    let mut earlier = Command::new("/usr/lib/postgresql/15/bin/psql")
        .args(["-X", "-q", "-d", &world.database.url()])
        .stdin(Stdio::piped())
        .spawn()
        .expect("psql is installed");
    let mut input = earlier.stdin.take().expect("it was piped");
    let begin = "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('clearwell clearwell lane', 0)) IS NULL \\g /dev/null\n\
                 INSERT INTO posts VALUES (777, 'older', 1);\n";
    input.write_all(begin.as_bytes()).expect("psql reads");
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    wait_for("the earlier batch", || (world.database.psql(held) == "1").then_some(()));
    // Without the lock this would find no row, and the older one would appear later.
    let delete = || write(&committed, DELETE, 777, vec![int("id", 777)]);
    let receipts = world.write_all(vec![delete()]);
    assert!(
        matches!(&receipts[0], Err(SourceError::Unreachable(why)) if why.contains("earlier batch")),
        "{receipts:?}"
    );
    input.write_all(b"COMMIT;\n").expect("psql reads");
    drop(input);
    earlier.wait().expect("psql ends");
    assert!(world.write_all(vec![delete()])[0].is_ok());
    assert_eq!(world.database.psql("SELECT count(*) FROM posts WHERE id = 777"), "0");

    world.database.kill9();
    let receipts = world.write_all((1..=9).map(|id| upsert(&committed, id, "never")).collect());
    assert!(
        receipts.iter().all(|receipt| matches!(receipt, Err(SourceError::Unreachable(_)))),
        "{receipts:?}"
    );
}

#[test]
fn a_batch_is_faster_than_its_rows_one_by_one() {
    let world = World::posts();
    let committed = Committed::default();
    let batches = 20;
    let began = Instant::now();
    for batch in 0..batches {
        let writes = (0..500)
            .map(|id| upsert(&committed, batch * 500 + id, "a value of thirty bytes or so"))
            .collect();
        assert!(world.write_all(writes).iter().all(Result::is_ok));
    }
    let together = (batches * 500) as f64 / began.elapsed().as_secs_f64();
    let began = Instant::now();
    for id in 0..100 {
        world.write(UPSERT, vec![int("id", id), string("value", "x")], None).expect("it is written");
    }
    let alone = 100.0 / began.elapsed().as_secs_f64();
    println!("{together:.0} rows a second in batches of 500, {alone:.0} one by one");
    assert!(together > 5.0 * alone, "{together:.0} and {alone:.0} rows a second");
}
