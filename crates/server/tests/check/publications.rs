//! What `clearwell feed init` prints runs as printed and heals what it speaks of, however a table is published.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::program::Folder;
use crate::support::Postgres;

/// Runs text in psql as if it were pasted there.
fn paste(url: &str, text: &str) -> String {
    let mut psql = Command::new("/usr/lib/postgresql/15/bin/psql")
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("psql is installed");
    psql.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("it is read");
    let output = psql.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A configuration whose feed names this table and columns.
fn config(url: &str, table: &str, publication: &str) -> String {
    format!(
        "[source.main]\nurl = '{url}'\npublication = '{publication}'\nslot = '{publication}'\n\
         [[keyspace]]\npattern = 'k:{{id:int}}'\nsource = 'main'\nload = 'SELECT 1'\n\
         [[keyspace.feed]]\ntable = '{table}'\nkeys = ['k:{{id}}']\n"
    )
}

const PLAIN: &str = "CREATE TABLE posts (id int PRIMARY KEY, body text)";
const PARTS: &str = "CREATE TABLE posts (id int PRIMARY KEY, body text) PARTITION BY RANGE (id);
    CREATE TABLE posts_1 PARTITION OF posts FOR VALUES FROM (0) TO (100);
    CREATE TABLE posts_2 PARTITION OF posts FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id);
    CREATE TABLE posts_3 PARTITION OF posts_2 FOR VALUES FROM (100) TO (150)";
const HEIRS: &str = "CREATE TABLE posts (id int PRIMARY KEY, body text);
    CREATE TABLE heir (PRIMARY KEY (id)) INHERITS (posts)";

/// What there is, what was published, the table as the feed names it, and what is said.
const WAYS: &[(&str, &str, &str, &str)] = &[
    (PLAIN, "", "posts", "there is no publication"),
    (PLAIN, "CREATE PUBLICATION clearwell", "posts", "does not cover posts"),
    (PLAIN, "CREATE PUBLICATION clearwell FOR ALL TABLES", "posts", ""),
    (PLAIN, "CREATE PUBLICATION clearwell FOR ALL TABLES WITH (publish = 'insert')", "posts", "every change"),
    (PLAIN, "CREATE PUBLICATION clearwell FOR TABLES IN SCHEMA public", "posts", ""),
    (PLAIN, "CREATE PUBLICATION clearwell FOR TABLE posts (id)", "posts", "rows or columns of posts"),
    (PLAIN, "CREATE PUBLICATION clearwell FOR TABLE posts (id, body)", "posts", ""),
    (
        PLAIN,
        "CREATE PUBLICATION clearwell FOR TABLE posts WHERE (id > 1)",
        "posts",
        "rows or columns of posts",
    ),
    (
        PLAIN,
        "CREATE PUBLICATION clearwell FOR TABLE posts (id) WHERE (id > 1) WITH (publish = 'update')",
        "posts",
        "every change",
    ),
    (
        PLAIN,
        "CREATE PUBLICATION clearwell FOR TABLE posts WITH (publish = 'insert, update, delete')",
        "posts",
        "every change",
    ),
    (
        "CREATE TABLE posts (id int, body text)",
        "CREATE PUBLICATION clearwell FOR TABLE posts (id) WITH (publish = 'insert')",
        "posts",
        "the row as it was",
    ),
    (PARTS, "", "posts", "there is no publication"),
    (
        PARTS,
        "CREATE PUBLICATION clearwell FOR ALL TABLES WITH (publish_via_partition_root)",
        "posts",
        "partitions as themselves",
    ),
    (
        PARTS,
        "CREATE PUBLICATION clearwell FOR TABLE posts WITH (publish_via_partition_root)",
        "posts",
        "partitions as themselves",
    ),
    (
        PARTS,
        "CREATE PUBLICATION clearwell FOR TABLE posts (id) WHERE (id > 1) WITH (publish_via_partition_root)",
        "posts",
        "rows or columns of posts",
    ),
    (
        PARTS,
        "CREATE PUBLICATION clearwell FOR TABLES IN SCHEMA public WITH (publish_via_partition_root)",
        "posts",
        "partitions as themselves",
    ),
    (PARTS, "CREATE PUBLICATION clearwell FOR TABLE posts_1", "posts", "does not cover posts"),
    (
        PARTS,
        "CREATE PUBLICATION clearwell FOR TABLE posts_1 WHERE (id > 1)",
        "posts",
        "rows or columns of posts_1",
    ),
    (
        PARTS,
        "CREATE PUBLICATION clearwell FOR TABLE posts, posts_3 (id)",
        "posts",
        "rows or columns of posts_3",
    ),
    (PARTS, "CREATE PUBLICATION clearwell FOR TABLE posts_2", "posts_3", ""),
    (HEIRS, "CREATE PUBLICATION clearwell FOR TABLE ONLY posts", "posts", "does not cover heir"),
    (HEIRS, "", "posts", "there is no publication"),
    (
        "CREATE SCHEMA \"Odd one\"; CREATE TABLE \"Odd one\".\"Order\" (id int, \"select\" text)",
        "CREATE PUBLICATION clearwell FOR TABLE \"Odd one\".\"Order\" (id)",
        "\"Odd one\".\"Order\"",
        "rows or columns of",
    ),
    ("CREATE TABLE \"user\" (id int)", "CREATE PUBLICATION clearwell", "user", "the row as it was"),
    (
        "CREATE SCHEMA app; CREATE UNLOGGED TABLE app.posts (id int)",
        "CREATE PUBLICATION clearwell FOR TABLES IN SCHEMA public",
        "app.posts",
        "is not logged",
    ),
    (
        "CREATE SCHEMA app; CREATE TABLE app.posts (id int PRIMARY KEY)",
        "CREATE PUBLICATION clearwell FOR TABLES IN SCHEMA app",
        "app.posts",
        "",
    ),
];

#[test]
fn what_is_printed_runs_and_heals_for_every_way_of_publishing() {
    let database = Postgres::start_with(&["wal_level=logical", "max_replication_slots=60"]);
    for (number, (tables, published, table, said)) in WAYS.iter().enumerate() {
        database.psql(&format!("CREATE DATABASE way{number}"));
        let url = format!("{}way{number}", database.url().trim_end_matches("postgres"));
        let name = format!("table{number}");
        paste(&url, &format!("{tables}; {};", published.replace("clearwell", &name)));
        let folder = Folder::new(&config(&url, table, &name));
        let first = folder.clearwell(&["feed", "init"]);
        assert!(!first.success && first.printed.contains(said), "{published}: {first:?}");
        if said.is_empty() {
            assert!(!first.printed.contains("PUBLICATION"), "{published} is as it should be: {first:?}");
        }
        paste(&url, &first.printed);
        let second = folder.clearwell(&["feed", "init"]);
        assert!(second.success && second.printed == "-- main: ready\n", "{published}: {first:?} {second:?}");
    }
}

#[test]
fn reserved_names_and_what_only_others_may_do_are_said() {
    let database = Postgres::start();
    database.psql(
        "CREATE ROLE boss LOGIN; CREATE ROLE app LOGIN REPLICATION; CREATE ROLE reader LOGIN;
         GRANT CREATE ON DATABASE postgres TO boss, app; GRANT ALL ON SCHEMA public TO boss, app;
         SET ROLE app; CREATE TABLE posts (id int PRIMARY KEY, body text);
         SET ROLE boss; CREATE TABLE notes (id int, body text); CREATE PUBLICATION owned WITH (publish = 'insert')",
    );
    let url = |role: &str| database.url().replace("postgres@", &format!("{role}@"));
    let init = |role: &str, table: &str, publication: &str, words: &[&str]| {
        Folder::new(&config(&url(role), table, publication)).clearwell(&[&["feed", "init"], words].concat())
    };
    // A reserved word as the publication's name.
    let done = init("app", "posts", "table", &[]);
    paste(&url("app"), &done.printed);
    assert!(init("app", "posts", "table", &[]).success);
    // Somebody else's publication: nothing is printed that this user may not run, and who may is named.
    let done = init("app", "posts", "owned", &["--run"]);
    assert!(
        !done.success && done.printed.contains("to be run as boss:\n-- ALTER PUBLICATION owned SET"),
        "{done:?}"
    );
    assert!(
        done.printed.contains("to be run as boss:\n-- ALTER PUBLICATION owned ADD TABLE ONLY public.posts"),
        "{done:?}"
    );
    // Somebody else's table.
    let done = init("app", "notes", "mine", &[]);
    assert!(
        done.printed.contains("to be run as boss:\n-- ALTER TABLE public.notes REPLICA IDENTITY FULL"),
        "{done:?}"
    );
    // A user who may not read the log.
    let done = init("reader", "posts", "table", &[]);
    assert!(done.printed.contains("to be run as a superuser:\n-- ALTER ROLE reader REPLICATION"), "{done:?}");
    assert!(!done.printed.contains("\nSELECT pg_create"), "{done:?}");
    // As the superuser, everything runs.
    let done = init("postgres", "posts", "owned", &[]);
    paste(&database.url(), &done.printed);
    assert!(init("postgres", "posts", "owned", &[]).success);

    database.psql("CREATE TABLE \"Order\" (id int PRIMARY KEY)");
    let done = init("postgres", "Order", "mine", &[]);
    assert!(done.printed.contains("there is no table Order; did you mean \"Order\"?"), "{done:?}");
}

#[test]
fn before_a_restart_no_slot_is_asked_for() {
    let database = Postgres::start_with(&[]);
    database.psql(PLAIN);
    let folder = Folder::new(&config(&database.url(), "posts", "clearwell"));
    let first = folder.clearwell(&["feed", "init"]);
    paste(&database.url(), &first.printed);
    assert!(first.printed.contains("restart the server then, and run this again"), "{first:?}");
    assert!(!first.printed.contains("pg_create_logical_replication_slot"), "{first:?}");
}
