//! Loads that go together: fewer queries, the same answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clearwell_source::config::PostgresConfig;
use clearwell_source::{Cell, Param, Row, Source as _, SourceError, Statement};

use crate::support::{Postgres, wait_for};
use crate::world::{POSTS, World, int, string, text, watched};

fn logged() -> Postgres {
    Postgres::start_with(&["wal_level=logical", "log_statement=all"])
}

/// How many loads' queries the server ran: alone, and for many keys.
fn queries(database: &Postgres, of: &str) -> (usize, usize) {
    // What another connection logs later stands behind all that was logged before.
    static MARKS: AtomicUsize = AtomicUsize::new(0);
    let mark = format!("SELECT 'mark {}'", MARKS.fetch_add(1, Ordering::Relaxed));
    database.psql(&mark);
    let log = wait_for("the log", || Some(database.log()).filter(|log| log.contains(&mark)));
    // A statement of many keys has lines of its own: the operator's statement stands in the last of them.
    let all = log.split("LOG:  execute ").skip(1).filter(|entry| entry.contains(of));
    let (many, alone): (Vec<&str>, Vec<&str>) = all.partition(|entry| entry.contains("clearwell_keys"));
    (alone.len(), many.len())
}

/// Loads that are all begun before the first is waited for.
fn at_once(world: &World, sql: &str, params: Vec<Vec<Param>>) -> Vec<Result<Option<Row>, SourceError>> {
    let statement = Statement(sql.into());
    let loads: Vec<_> = params.into_iter().map(|params| world.source.load(&statement, params)).collect();
    loads.into_iter().map(|load| world.runtime.block_on(load)).collect()
}

#[test]
fn a_hundred_keys_are_a_few_queries() {
    let database = logged();
    database.psql(POSTS);
    let world = World::over(database, PostgresConfig::new(""), watched(&[("posts", &["author_id", "id"])]));
    let sql = "SELECT content FROM posts WHERE id = :id -- the post";
    // What is alone is not held back, and asked for as it stands.
    assert_eq!(world.load(sql, vec![int("id", 1)]).map(|row| text(row.as_ref())), Ok("post 1".into()));
    let (alone, many) = queries(&world.database, "-- the post");
    assert_eq!((alone, many), (1, 0));
    for _ in 0..20 {
        let rows = at_once(&world, sql, (1..=100).map(|n| vec![int("id", n)]).collect());
        for (n, row) in (1..=100).zip(rows) {
            assert_eq!(row.map(|row| text(row.as_ref())), Ok(format!("post {n}")));
        }
    }
    let (alone, many) = queries(&world.database, "-- the post");
    println!("2,000 loads, 100 at once: {alone} queries for one key, {many} for many");
    // How many come too late to go with others is the scheduler's choice; most never are.
    assert!(alone + many <= 800, "{alone} alone, {many} together of 2,000 loads");
}

#[test]
fn together_and_alone_are_the_same() {
    let world = World::with(
        "CREATE TABLE t (k text, u uuid, raw bytea, n numeric, at timestamptz, a int[]);
         INSERT INTO t VALUES ('it''s', '123e4567-e89b-12d3-a456-426614174000', '\\x00ff5c', 1.50, '2026-01-02', '{1}'),
             ('{\"a\",NULL}', NULL, '\\x', NULL, NULL, NULL), ('', NULL, NULL, 2, NULL, '{}'), ('NULL', NULL, NULL, 3, NULL, NULL),
             ('ü\\', NULL, NULL, 4, NULL, NULL), ('twice', NULL, NULL, 6, NULL, NULL), ('twice', NULL, NULL, 5, NULL, NULL)",
        &[("t", &["k"])],
    );
    let blob = |bytes: &[u8]| Param { name: "raw".into(), value: Cell::Blob(bytes.into()) };
    let cases: Vec<(&str, Vec<Vec<Param>>)> = vec![
        (
            "SELECT n, u, raw, at, a, k FROM t WHERE k = :k ORDER BY n LIMIT 5",
            [
                "it's",
                "{\"a\",NULL}",
                "",
                "NULL",
                "ü\\",
                "twice",
                "absent",
                "it's",
                "\"",
                "a'; DROP TABLE t; --",
            ]
            .map(|k| vec![string("k", k)])
            .into(),
        ),
        (
            "SELECT k FROM t WHERE k IS NOT DISTINCT FROM :k::text",
            vec![vec![Param { name: "k".into(), value: Cell::Null }], vec![string("k", "twice")]],
        ),
        (
            "SELECT k FROM t WHERE u = :u",
            vec![
                vec![string("u", "123E4567-E89B-12D3-A456-426614174000")],
                vec![string("u", "00000000-0000-0000-0000-000000000000")],
                vec![string("u", "no uuid")],
            ],
        ),
        (
            "SELECT k FROM t WHERE raw = :raw",
            vec![vec![blob(b"\x00\xff\\")], vec![blob(b"")], vec![blob(b"\\x00")]],
        ),
        (
            "SELECT k, :n::numeric + 1 FROM t WHERE n = :n",
            vec![vec![int("n", 4)], vec![string("n", "1.5")], vec![int("n", 9)]],
        ),
        (
            "SELECT count(*), array_agg(k ORDER BY n) FROM t WHERE n > :n",
            vec![vec![int("n", 3)], vec![int("n", 100)]],
        ),
        (
            "WITH two AS (SELECT k, n FROM t WHERE n = :n) SELECT * FROM two;",
            vec![vec![int("n", 4)], vec![int("n", 5)]],
        ),
        (
            "SELECT k FROM t clearwell WHERE a = :a",
            vec![vec![string("a", "{1}")], vec![string("a", "{}")], vec![string("a", "{")]],
        ),
        // An aggregate of nothing but a key cannot stand inside of a query; nor can what writes.
        ("SELECT max(:n::int)", vec![vec![int("n", 4)], vec![int("n", 5)]]),
        ("UPDATE t SET n = n WHERE n = :n RETURNING k", vec![vec![int("n", 4)], vec![int("n", 9)]]),
        ("SELECT 10 / :n::int", vec![vec![int("n", 4)], vec![int("n", 0)], vec![int("n", 5)]]),
        ("SELECT 1", vec![vec![], vec![]]),
        ("SELECT k FROM t WHERE n = :n", vec![vec![int("n", 4)], vec![], vec![int("n", 3)]]),
        ("SELECT nothing FROM t WHERE n = :n", vec![vec![int("n", 4)], vec![int("n", 3)]]),
    ];
    for (sql, params) in cases {
        let alone: Vec<_> = params.iter().map(|params| world.load(sql, params.clone())).collect();
        let copies = 20;
        let together = at_once(&world, sql, (0..copies).flat_map(|_| params.clone()).collect());
        for (place, row) in together.into_iter().enumerate() {
            assert_eq!(row, alone[place % alone.len()], "{sql} {:?}", params[place % alone.len()]);
        }
    }
}

#[test]
fn slow_keys_do_not_spoil_others_for_long() {
    let World { database, source, .. } = World::posts();
    drop(source);
    let config = PostgresConfig { url: database.url(), ..PostgresConfig::new("") };
    let world = World::open(database, config, watched(&[("posts", &["author_id", "id"])]), 10_000);
    // Alone each takes a twentieth of the timeout; all together would take more than all of it.
    let sql = "SELECT id, pg_sleep(0.5)::text FROM posts WHERE id = :id";
    let began = Instant::now();
    for row in at_once(&world, sql, (1..=24).map(|n| vec![int("id", n)]).collect()) {
        assert!(row.is_ok(), "{row:?} after {:?}", began.elapsed());
    }
    let ids: Arc<str> = "SELECT content FROM posts WHERE id = :id".into();
    assert_eq!(at_once(&world, &ids, (1..=40).map(|n| vec![int("id", n)]).collect()).len(), 40);
}
