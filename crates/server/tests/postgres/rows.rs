//! Loads and writes.

use clearwell_source::{Cell, Param, Source, SourceError, Statement};

use crate::world::{Told, World, int, string, text};

#[test]
fn values_go_there_and_back_whatever_their_type() {
    let world = World::with(
        "CREATE TYPE mood AS ENUM ('glad');
         CREATE TABLE t (id smallint PRIMARY KEY, b bigint, n numeric, f float8, ok bool, s varchar(9), raw bytea,
             u uuid, j jsonb, at timestamptz, m mood, a int[]);",
        &[("t", &["a", "at", "b", "f", "id", "j", "m", "n", "ok", "raw", "s", "u"])],
    );
    let params = vec![
        int("id", 1),
        int("b", i64::MAX),
        string("n", "1.50"),
        Param { name: "f".into(), value: Cell::Real(0.1) },
        string("ok", "true"),
        string("s", "it's"),
        Param { name: "raw".into(), value: Cell::Blob([0, 255, b'\\'].as_slice().into()) },
        string("u", "123e4567-e89b-12d3-a456-426614174000"),
        string("j", "{\"a\": 1}"),
        string("at", "2026-01-02T03:04:05Z"),
        string("m", "glad"),
        string("a", "{1,2}"),
    ];
    let sql = "INSERT INTO t VALUES (:id, :b, :n, :f, :ok, :s, :raw, :u, :j, :at, :m, :a)";
    let read = "SELECT a, at, b, f, id, j, m, n, ok, raw, s, u FROM t WHERE id = :id";
    let receipt = world.write(sql, params, Some(read)).expect("it is written");
    assert_eq!(receipt.rows, 1);
    let loaded = world.load(read, vec![int("id", 1)]).expect("it is loaded");
    assert_eq!(loaded, receipt.row);
    let written = text(loaded.as_ref());
    assert!(
        written
            .starts_with("{1,2},2026-01-02 03:04:05+00,9223372036854775807,0.1,1,{\"a\": 1},glad,1.50,true,")
    );
    // The feed tells the very same values.
    let told = world.recorder.take();
    let Told::Commit(commit) = &told[0] else { panic!("{told:?}") };
    assert_eq!(commit.changes[0].new, loaded);
    assert_eq!(world.load(read, vec![int("id", 2)]), Ok(None));
}

#[test]
fn errors_are_told_apart() {
    let mut world = World::posts();
    let refused = world.write("INSERT INTO posts (id) VALUES (:id)", vec![int("id", 1)], None);
    let Err(SourceError::Refused(why)) = &refused else { panic!("{refused:?}") };
    assert!(why.contains("duplicate key") && why.contains("(id)=(1)") && why.contains("23505"), "{why}");
    let refused = world.load("SELECT content FROM posts WHERE id = :id", vec![int("id", 1 << 40)]);
    assert!(
        matches!(&refused, Err(SourceError::Refused(why)) if why.contains("out of range")),
        "{refused:?}"
    );
    let unbound = world.load("SELECT content FROM posts WHERE id = :id", vec![]);
    assert_eq!(unbound, Err(SourceError::Refused("nothing is bound to :id".into())));
    let slow = world.load("SELECT pg_sleep(20)::text", vec![]);
    assert_eq!(slow, Err(SourceError::TooSlow(2000)));
    // The server gave the slow statement up as well.
    crate::support::wait_for("the statement to end", || {
        let sql =
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'";
        (world.database.psql(sql) == "0").then_some(())
    });
    // A refused write leaves its connection usable and nothing behind.
    assert_eq!(world.recorder.take(), []);
    let sql = "UPDATE posts SET content = 'x' WHERE id = :id";
    assert_eq!(world.write(sql, vec![int("id", 1)], None).map(|receipt| receipt.rows), Ok(1));

    world.database.kill9();
    let away = world.load("SELECT content FROM posts WHERE id = :id", vec![int("id", 1)]);
    assert!(matches!(away, Err(SourceError::Unreachable(_))), "{away:?}");
    world.database.start_again();
    let back = crate::support::wait_for("loads to work again", || {
        world.load("SELECT content FROM posts WHERE id = :id", vec![int("id", 1)]).ok()
    });
    assert_eq!(text(back.as_ref()), "x");
}

#[test]
fn a_table_may_change_under_prepared_statements() {
    let world = World::posts();
    let sql = "SELECT * FROM posts WHERE id = :id";
    assert_eq!(world.load(sql, vec![int("id", 1)]).map(|row| text(row.as_ref())), Ok("1,post 1,1".into()));
    world.database.psql("ALTER TABLE posts ADD COLUMN extra text DEFAULT 'more'");
    assert_eq!(
        world.load(sql, vec![int("id", 1)]).map(|row| text(row.as_ref())),
        Ok("1,post 1,1,more".into())
    );
    // Connections that were broken one by one are made again, and loads do not notice.
    world
        .database
        .psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'clearwell'");
    assert_eq!(
        world.load(sql, vec![int("id", 2)]).map(|row| text(row.as_ref())),
        Ok("2,post 2,2,more".into())
    );
}

#[test]
fn many_loads_share_their_connections() {
    let world = World::posts();
    let statement = Statement("SELECT content FROM posts WHERE id = :id".into());
    let loads: Vec<_> =
        (0..1000).map(|n| world.source.load(&statement, vec![int("id", n % 100 + 1)])).collect();
    for (n, load) in (0..1000).zip(loads) {
        let row = world.runtime.block_on(load).expect("it is loaded");
        assert_eq!(text(row.as_ref()), format!("post {}", n % 100 + 1));
    }
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'clearwell'";
    // Four for loads, one for the source's own questions, one of the feed, one that asks what readers see.
    assert!(world.database.psql(sql).parse::<u64>().is_ok_and(|count| count <= 7));
}

#[test]
fn statements_are_described_through_views_and_never_run() {
    let world = World::with(
        "CREATE SCHEMA app; CREATE TABLE app.posts (id int PRIMARY KEY, body text, author int);
         CREATE TABLE authors (id int PRIMARY KEY, name text);
         CREATE VIEW named AS SELECT p.id, a.name FROM app.posts p JOIN authors a ON a.id = p.author;
         CREATE FUNCTION secret(int) RETURNS text LANGUAGE sql AS 'SELECT body FROM app.posts WHERE id = $1'",
        &[("app.posts", &["author", "id"])],
    );
    let describe =
        |sql: &str| world.source.describe(&Statement(sql.into())).map(|shape| shape.expect("a shape"));
    let names = |list: &[std::sync::Arc<str>]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let shape = describe("SELECT name, id FROM named WHERE id = :id").expect("it is described");
    assert_eq!((names(&shape.columns), shape.writes), (vec!["name".into(), "id".into()], false));
    assert_eq!(names(&shape.reads), ["app.posts", "authors"]);
    let hidden = describe("SELECT secret(:id)").expect("it is described");
    assert_eq!(names(&hidden.reads), ["the function secret(integer)"]);
    let doubled = describe("SELECT id, id FROM authors WHERE name = :name OR id IN (SELECT id FROM named)");
    assert_eq!(doubled.map(|shape| names(&shape.reads)), Ok(vec!["app.posts".into(), "authors".into()]));
    let writes = describe("DELETE FROM authors WHERE id = :id RETURNING name").expect("it is described");
    assert!(writes.writes);
    let hidden =
        describe("WITH gone AS (DELETE FROM authors RETURNING id) SELECT id FROM gone WHERE id = :id");
    assert!(hidden.is_ok_and(|shape| shape.writes));
    let wrong = describe("SELECT bod FROM app.posts");
    assert!(matches!(&wrong, Err(SourceError::Refused(why)) if why.contains("\"bod\"")), "{wrong:?}");
}
