//! Columns that PostgreSQL's log does not carry: they are named before a feed begins, not blamed on each change.

use std::sync::Arc;

use clearwell_source::config::PostgresConfig;
use clearwell_source::postgres::{Postgres as Source, setup};
use clearwell_source::{Source as _, SourceError};

use crate::support::{Postgres, wait_for};
use crate::world::{Recorder, World, watched};

const PEOPLE: &str = "CREATE TABLE people (id int PRIMARY KEY, name text, slug text GENERATED ALWAYS AS (lower(name)) STORED); \
     INSERT INTO people SELECT n, 'Name ' || n FROM generate_series(1, 10) n";

fn problem(config: &PostgresConfig, columns: &[&str]) -> String {
    let looked = setup(config, &watched(&[("people", columns)]), false);
    looked.expect("it is looked at").0.problem().unwrap_or_default()
}

#[test]
fn a_generated_column_as_a_key_is_refused_by_init_and_at_start() {
    let database = Postgres::start();
    database.psql(PEOPLE);
    let config = PostgresConfig::new(database.url());
    let tables = watched(&[("people", &["slug"])]);
    // All that a statement can mend is mended: what is left is the column.
    let (after, _) = setup(&config, &tables, true).expect("it is run");
    let why = after.problem().unwrap_or_default();
    for words in ["people.slug", "generated column", "trigger"] {
        assert!(why.contains(words), "{words}: {why}");
    }
    assert_eq!(after.problems.len(), 1, "{why}");
    let source = Source::open("main", &config, 2000, tables).expect("it opens");
    let refused = source.follow(Arc::new(Recorder::default()));
    assert!(
        matches!(&refused, Err(SourceError::Refused(why)) if why.contains("people.slug is a generated column")),
        "{refused:?}"
    );
}

#[test]
fn a_generated_column_that_no_feed_uses_is_in_nobodys_way() {
    let world = World::with(PEOPLE, &[("people", &["id", "name"])]);
    assert_eq!(world.changes("UPDATE people SET name = 'New' WHERE id = 3"), ["people 3,Name 3>3,New"]);
}

#[test]
fn a_column_of_a_partition_that_is_generated_is_named() {
    let database = Postgres::start();
    database.psql(
        "CREATE TABLE people (id int, name text, slug text) PARTITION BY RANGE (id);
         CREATE TABLE people_1 PARTITION OF people FOR VALUES FROM (1) TO (10);
         CREATE TABLE people_2 (id int, name text, slug text GENERATED ALWAYS AS (lower(name)) STORED);",
    );
    // Some versions refuse such a partition, and then there is nothing to be told.
    let attached =
        database.try_psql("ALTER TABLE people ATTACH PARTITION people_2 FOR VALUES FROM (10) TO (20)");
    let config = PostgresConfig::new(database.url());
    assert_eq!(problem(&config, &["slug"]).contains("people_2.slug is a generated column"), attached.is_ok());
}

#[test]
fn a_column_that_is_dropped_or_becomes_generated_is_noticed() {
    let world = World::with(
        "CREATE TABLE people (id int PRIMARY KEY, name text, slug text); INSERT INTO people VALUES (1, 'A', 'a')",
        &[("people", &["id", "slug"])],
    );
    world.recorder.take();
    world.database.psql("ALTER TABLE people DROP COLUMN slug; UPDATE people SET name = 'B'");
    let why = wait_for("the drop to be noticed", || {
        world.source.unverified().filter(|why| why.contains("people has no column slug"))
    });
    assert!(!world.lost().is_empty(), "{why}");
    world.database.psql("ALTER TABLE people ADD COLUMN slug text GENERATED ALWAYS AS (lower(name)) STORED");
    wait_for("the generated column to be named", || {
        world.source.unverified().filter(|why| why.contains("people.slug is a generated column"))
    });
    world.database.psql("ALTER TABLE people ALTER COLUMN slug DROP EXPRESSION");
    world.verified();
    world.recorder.take();
    assert_eq!(world.changes("UPDATE people SET slug = 'c'"), ["people 1,b>1,c"]);
}

#[test]
fn large_values_that_a_change_left_as_they_are_are_told() {
    // Neither compressible nor short: they lie outside of the row, and a change of another column does not tell them again.
    let large = "SELECT string_agg(md5((n * 7 + k)::text), '') FROM generate_series(1, 70) k";
    let world = World::with(
        &format!(
            "CREATE TABLE keyed (slug text PRIMARY KEY, v int); CREATE TABLE tagged (id int PRIMARY KEY, tag text, v int);
             ALTER TABLE keyed ALTER slug SET STORAGE EXTERNAL; ALTER TABLE tagged ALTER tag SET STORAGE EXTERNAL;
             INSERT INTO keyed SELECT ({large}), 0 FROM generate_series(1, 2) n;
             INSERT INTO tagged SELECT n, ({large}), 0 FROM generate_series(1, 2) n"
        ),
        &[("keyed", &["slug"]), ("tagged", &["id", "tag"])],
    );
    let slug = world.database.psql("SELECT slug FROM keyed ORDER BY slug LIMIT 1");
    let told = world.changes(&format!("UPDATE keyed SET v = 1 WHERE slug = '{slug}'"));
    assert_eq!(told, [format!("keyed {slug}>{slug}")]);
    let tag = world.database.psql("SELECT tag FROM tagged WHERE id = 1");
    let told = world.changes("UPDATE tagged SET v = 1 WHERE id = 1");
    assert_eq!(told, [format!("tagged 1,{tag}>1,{tag}")]);
}

#[test]
fn a_publication_that_tells_less_than_everything_is_named() {
    let database = Postgres::start();
    database.psql("CREATE TABLE people (id int PRIMARY KEY, name text)");
    let config = PostgresConfig::new(database.url());
    for (publication, words) in [
        ("FOR TABLE people WHERE (id > 3)", "leaves out rows or columns of people"),
        ("FOR TABLE people (id)", "leaves out rows or columns of people"),
        ("FOR TABLE people WITH (publish = 'insert')", "does not tell of every change"),
        ("FOR TABLE people WITH (publish = 'insert, update, delete')", "does not tell of every change"),
        ("", "does not cover people"),
    ] {
        database.psql(&format!(
            "DROP PUBLICATION IF EXISTS clearwell; CREATE PUBLICATION clearwell {publication}"
        ));
        let why = problem(&config, &["id"]);
        assert!(why.contains(words), "{publication}: {why}");
    }
    for publication in ["FOR ALL TABLES", "FOR TABLES IN SCHEMA public", "FOR TABLE people"] {
        database.psql(&format!("DROP PUBLICATION clearwell; CREATE PUBLICATION clearwell {publication}"));
        assert_eq!(problem(&config, &["id"]), "", "{publication}");
    }
}
