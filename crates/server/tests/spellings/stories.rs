//! The stories that were told of rows which are reached under several spellings, step by step: another program's changes, reads
//! at each level, writes by each strategy under another spelling, and what was remembered as absent.

use clearwell::config::{Level, Strategy};
use clearwell::node::Removal;

use super::database::literal;
use super::planted::Fault;
use super::server;
use super::world::World;

/// A row and what it can be called.
struct Story {
    /// Its table, and what its keys begin with.
    table: &'static str,
    /// The type of its key.
    column: &'static str,
    /// As it is inserted; this and the others load it.
    row: &'static str,
    others: &'static [&'static str],
}

const fn story(
    table: &'static str,
    column: &'static str,
    row: &'static str,
    others: &'static [&'static str],
) -> Story {
    Story { table, column, row, others }
}

const POSTGRES: [Story; 10] = [
    story("u", "citext", "Ann@x.org", &["ann@x.org", "ANN@X.ORG"]),
    story("padded", "char(6)", "AB", &["AB    ", "AB "]),
    story("amount", "numeric", "1.5", &["1.50", "01.5"]),
    story("price", "numeric(9,2)", "1.5", &["1.50", "1.500"]),
    story("day", "date", "2024-01-02", &["20240102", "Jan 2 2024", "2024-1-2"]),
    story(
        "moment",
        "timestamptz",
        "2024-01-02 03:04:05+00",
        &["2024-01-02T03:04:05Z", "2024-01-02 05:04:05+02"],
    ),
    story("number", "int", "7", &["07", "+7", " 7"]),
    story("big", "bigint", "-3", &["-03", " -3"]),
    story("folded", "text COLLATE ci", "Zoe", &["zoe", "ZOE"]),
    story("id", "uuid", "123e4567-e89b-42d3-a456-426614174000", &["123E4567-E89B-42D3-A456-426614174000"]),
];

const SQLITE: [Story; 7] = [
    story("u", "TEXT COLLATE NOCASE", "Ann@x.org", &["ann@x.org", "ANN@X.ORG"]),
    story("padded", "TEXT COLLATE RTRIM", "AB", &["AB    ", "AB "]),
    story("amount", "NUMERIC", "1.5", &["1.50", "01.5", "15e-1"]),
    story("real", "REAL", "2", &["2.0", "02", "2.00"]),
    story("number", "INTEGER", "7", &["07", "+7", " 7", "7.0"]),
    story("big", "BIGINT", "-3", &["-03", "-3.0"]),
    story("day", "DATE", "20240102", &["+20240102", "20240102.0"]),
];

impl Story {
    fn schema(&self) -> String {
        let Story { table, column, .. } = self;
        format!("CREATE TABLE {table} (k {column} PRIMARY KEY, v text);")
    }

    fn keyspace(&self) -> String {
        let table = self.table;
        format!(
            "[[keyspace]]\npattern = \"{table}:{{k}}\"\nsource = \"main\"\nload = \"SELECT v FROM {table} WHERE k = :k\"\n\
             store = \"INSERT INTO {table} (k, v) VALUES (:k, :value) ON CONFLICT (k) DO UPDATE SET v = excluded.v\"\n\
             delete = \"DELETE FROM {table} WHERE k = :k\"\nttl = \"1h\"\nnegative_ttl = \"1h\"\nflush_every = \"1h\"\n\
             [[keyspace.feed]]\ntable = \"{table}\"\nkeys = [\"{table}:{{k}}\"]\n"
        )
    }

    fn keys(&self) -> Vec<String> {
        std::iter::once(&self.row).chain(self.others).map(|name| format!("{}:{name}", self.table)).collect()
    }

    fn is_shown(&self, world: &World, level: Level, value: Option<&str>) {
        for key in self.keys() {
            let (shown, _) = world.read(&key, level);
            assert_eq!(
                shown.as_deref(),
                value,
                "{key:?} at {level}, a {}; {}",
                self.column,
                world.known(&key)
            );
        }
    }

    /// All keys are in memory.
    fn is_kept(&self, world: &World, value: Option<&str>) {
        self.is_shown(world, Level::Eventual, value);
        for key in self.keys() {
            assert!(world.read(&key, Level::Eventual).1, "{key:?} is not kept, a {}", self.column);
        }
    }

    fn change(&self, world: &World, value: &str) {
        let Story { table, row, .. } = self;
        let sql = format!("UPDATE {table} SET v = {} WHERE k = {}", literal(value), literal(row));
        world.database.run(&sql).expect("it is changed");
    }

    /// Another program changes the row, and each level shows it under each spelling.
    fn changes(&self, world: &World) {
        self.is_kept(world, Some("old"));
        self.change(world, "strong");
        self.is_shown(world, Level::Strong, Some("strong"));
        for level in [Level::Eventual, Level::Weak, Level::Session, Level::Causal, Level::Bounded(60_000)] {
            self.is_kept(world, world.read(&self.keys()[0], Level::Strong).0.as_deref());
            self.change(world, &format!("{level}"));
            world.barrier();
            self.is_shown(world, level, Some(&format!("{level}")));
        }
    }

    /// A client writes under each spelling, by each strategy; the others show it, and it stays one row.
    fn writes(&self, world: &World) {
        for strategy in [Strategy::Through, Strategy::Invalidate, Strategy::Back] {
            for key in self.keys() {
                self.is_kept(world, world.read(&self.keys()[0], Level::Strong).0.as_deref());
                let value = format!("{strategy} to {key}");
                world.write(&key, &value, strategy).expect("it is written");
                self.is_shown(world, Level::Eventual, Some(&value));
                self.is_shown(world, Level::Strong, Some(&value));
                world.flush();
                self.is_shown(world, Level::Eventual, Some(&value));
                let table = self.table;
                let rows = world.database.first(&format!("SELECT count(*) || ' ' || max(v) FROM {table}"));
                assert_eq!(rows, Some(format!("1 {value}")), "{table}");
            }
        }
    }

    /// What was written back under another spelling outlives its node.
    fn restarts(&self, world: &World) {
        self.is_shown(world, Level::Eventual, Some(&format!("kept in the journal of {}", self.table)));
    }

    /// The row goes under another spelling and comes again.
    fn absent(&self, world: &World) {
        let keys = self.keys();
        let last = keys.last().expect("there is one");
        self.is_kept(world, world.read(last, Level::Strong).0.as_deref());
        world.remove(last, Removal::Row(None)).expect("it is removed");
        self.is_kept(world, None);
        let (table, row) = (self.table, literal(self.row));
        world
            .database
            .run(&format!("INSERT INTO {table} (k, v) VALUES ({row}, 'again')"))
            .expect("it is there");
        self.is_shown(world, Level::Strong, Some("again"));
        world.database.run(&format!("DELETE FROM {table}")).expect("it is gone");
        world.barrier();
        self.is_kept(world, None);
        world
            .database
            .run(&format!("INSERT INTO {table} (k, v) VALUES ({row}, 'last')"))
            .expect("it is there");
        world.barrier();
        self.is_shown(world, Level::Eventual, Some("last"));
    }
}

fn told(world: &World, stories: &[Story]) {
    for story in stories {
        let (table, row) = (story.table, literal(story.row));
        world
            .database
            .run(&format!("INSERT INTO {table} (k, v) VALUES ({row}, 'old')"))
            .expect("it is there");
        world.barrier();
        story.changes(world);
        story.writes(world);
        story.absent(world);
    }
    for story in stories {
        let keys = story.keys();
        let value = format!("kept in the journal of {}", story.table);
        world.write(&keys[1], &value, Strategy::Back).expect("it is written");
    }
    world.restart();
    stories.iter().for_each(|story| story.restarts(world));
    world.flush();
    stories.iter().for_each(|story| story.restarts(world));
}

fn all(stories: &[Story], tell: impl Fn(&Story) -> String) -> String {
    stories.iter().map(tell).collect()
}

#[test]
fn no_spelling_of_a_row_is_old_over_postgres() {
    let server = server();
    let types = "CREATE EXTENSION citext;
        CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);";
    let sql = format!("{types}{}", all(&POSTGRES, Story::schema));
    let world = World::over(Some((&server, "stories")), Fault::None, &sql, &all(&POSTGRES, Story::keyspace));
    told(&world, &POSTGRES);
}

#[test]
fn no_spelling_of_a_row_is_old_over_sqlite() {
    let world = World::over(None, Fault::None, &all(&SQLITE, Story::schema), &all(&SQLITE, Story::keyspace));
    told(&world, &SQLITE);
}

/// Of two columns, each has its spellings.
fn composite(world: &World) {
    let keys = ["m:1:Ann@x.org", "m:01:ann@x.org", "m:+1:ANN@X.ORG"];
    world
        .database
        .run("INSERT INTO m VALUES (1, 'Ann@x.org', 'old'), (2, 'ann@x.org', 'other')")
        .expect("it runs");
    world.barrier();
    let shown = |level, value: &str| {
        for key in keys {
            assert_eq!(world.read(key, level).0.as_deref(), Some(value), "{key} at {level}");
        }
        assert_eq!(world.read("m:02:ANN@x.org", level).0.as_deref(), Some("other"));
    };
    shown(Level::Eventual, "old");
    world.database.run("UPDATE m SET v = 'new' WHERE tenant = 1").expect("it runs");
    shown(Level::Strong, "new");
    world.database.run("UPDATE m SET v = 'newer' WHERE tenant = 1").expect("it runs");
    world.barrier();
    shown(Level::Eventual, "newer");
    for (key, strategy) in keys.iter().zip([Strategy::Back, Strategy::Through, Strategy::Invalidate]) {
        world.write(key, key, strategy).expect("it is written");
        shown(Level::Eventual, key);
        shown(Level::Strong, key);
        world.flush();
    }
    // The row moves to another tenant: it is gone under each of its names.
    world.database.run("UPDATE m SET tenant = 3 WHERE tenant = 1").expect("it runs");
    world.barrier();
    for key in keys {
        assert_eq!(world.read(key, Level::Eventual).0, None, "{key}");
    }
}

const COMPOSITE: &str = r#"
[[keyspace]]
pattern = "m:{tenant}:{email}"
source = "main"
load = "SELECT v FROM m WHERE tenant = :tenant AND email = :email"
store = "INSERT INTO m (tenant, email, v) VALUES (:tenant, :email, :value) ON CONFLICT (tenant, email) DO UPDATE SET v = excluded.v"
flush_every = "1h"
[[keyspace.feed]]
table = "m"
keys = ["m:{tenant}:{email}"]
"#;

#[test]
fn keys_of_two_columns_are_covered() {
    let server = server();
    let of = |email: &str| {
        format!("CREATE TABLE m (tenant int, email {email}, v text, PRIMARY KEY (tenant, email));")
    };
    let citext = format!("CREATE EXTENSION citext; {}", of("citext"));
    composite(&World::over(Some((&server, "composite")), Fault::None, &citext, COMPOSITE));
    composite(&World::over(None, Fault::None, &of("TEXT COLLATE NOCASE"), COMPOSITE));
}

/// Keys of bytes, which need not be text: as the column has them, and as a statement makes them.
#[test]
fn keys_of_bytes_are_covered() {
    let config = |load: &str| {
        format!(
            "[[keyspace]]\npattern = \"b:{{k}}\"\nsource = \"main\"\nload = \"{load}\"\n\
             [[keyspace.feed]]\ntable = \"b\"\nkeys = [\"b:{{k}}\"]\n"
        )
    };
    let plain = config("SELECT v FROM b WHERE k = :k");
    let server = server();
    let postgres = World::over(
        Some((&server, "bytes")),
        Fault::None,
        "CREATE TABLE b (k bytea PRIMARY KEY, v text)",
        &plain,
    );
    let table = "CREATE TABLE b (k BLOB PRIMARY KEY, v text)";
    let cast = World::over(None, Fault::None, table, &config("SELECT v FROM b WHERE k = CAST(:k AS BLOB)"));
    let sqlite = World::over(None, Fault::None, table, &plain);
    // What is text as a key is not the column's blob, unless the statement makes it one.
    for (world, marks, is_found) in
        [(postgres, ("'\\x", "'"), true), (cast, ("X'", "'"), true), (sqlite, ("X'", "'"), false)]
    {
        let blob = |hex: &str| format!("{}{hex}{}", marks.0, marks.1);
        for (key, hex, is_found) in [(&b"b:\xff\0A"[..], "ff0041", true), (b"b:AB", "4142", is_found)] {
            let (shown, is) =
                (|level| world.read(key, level).0, |value: &str| is_found.then(|| value.to_owned()));
            assert_eq!(shown(Level::Eventual), None);
            let run = |sql: String| world.database.run(&sql).expect("it runs");
            run(format!("INSERT INTO b VALUES ({}, 'old')", blob(hex)));
            assert_eq!(shown(Level::Strong), is("old"), "{hex}");
            run(format!("UPDATE b SET v = 'new' WHERE k = {}", blob(hex)));
            assert_eq!(shown(Level::Strong), is("new"), "{hex}");
            run(format!("UPDATE b SET v = 'newer' WHERE k = {}", blob(hex)));
            world.barrier();
            assert_eq!(shown(Level::Eventual), is("newer"), "{hex}");
            run(format!("DELETE FROM b WHERE k = {}", blob(hex)));
            world.barrier();
            assert_eq!(shown(Level::Eventual), None, "{hex}");
        }
    }
}

/// The stories can fail: with a fault between the node and its database, a spelling is old.
#[test]
fn a_fault_makes_the_stories_fail() {
    for fault in [Fault::CaptureTrusted, Fault::AliasForgotten, Fault::NegativesKept] {
        let world = World::over(None, fault, &all(&SQLITE, Story::schema), &all(&SQLITE, Story::keyspace));
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| told(&world, &SQLITE)));
        assert!(told.is_err(), "{fault:?}");
    }
}
