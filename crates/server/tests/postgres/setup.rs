//! What is checked before a feed begins, and the SQL that mends it.

use std::sync::Arc;

use clearwell_source::config::PostgresConfig;
use clearwell_source::postgres::{Postgres as Source, setup};
use clearwell_source::{Source as _, SourceError};

use crate::support::Postgres;
use crate::world::{Recorder, watched};

#[test]
fn a_start_says_what_is_missing_and_init_mends_it() {
    let database = Postgres::start();
    database.psql(
        "CREATE TABLE posts (id int PRIMARY KEY, author_id int); CREATE TABLE \"Odd name\" (x int);
         CREATE VIEW seen AS SELECT 1 AS id; CREATE UNLOGGED TABLE quick (id int PRIMARY KEY)",
    );
    let config = PostgresConfig::new(database.url());
    let tables = watched(&[("posts", &["author_id"]), ("\"Odd name\"", &[]), ("quick", &["id"])]);
    let problems = |tables: &[(&str, &[&str])]| {
        setup(&config, &watched(tables), false).map(|(setup, _)| setup.problem())
    };
    let why = problems(&[("seen", &[]), ("nobody", &[])]).expect("it is looked at").unwrap_or_default();
    assert!(why.contains("seen is not a table") && why.contains("there is no table nobody"), "{why}");
    let why = problems(&[("posts", &["autor_id"])]).expect("it is looked at").unwrap_or_default();
    assert!(why.contains("posts has no column autor_id; did you mean \"author_id\"?"), "{why}");

    let source = Source::open("main", &config, 2000, tables.clone()).expect("it opens");
    let refused = source.follow(Arc::new(Recorder::default()));
    let Err(SourceError::Refused(why)) = refused else { panic!("{refused:?}") };
    for sql in [
        "ALTER TABLE public.posts REPLICA IDENTITY FULL",
        "ALTER TABLE public.\"Odd name\" REPLICA IDENTITY FULL",
        "ALTER TABLE public.quick SET LOGGED",
        "CREATE PUBLICATION clearwell FOR TABLE public.posts, public.\"Odd name\", public.quick",
    ] {
        assert!(why.contains(sql), "{sql}: {why}");
    }
    let (after, statements) = setup(&config, &tables, true).expect("it is run");
    assert_eq!((after.problem(), statements.len()), (None, 5));
    assert_eq!(setup(&config, &tables, false).map(|(_, statements)| statements), Ok(vec![]));
    let source = Source::open("main", &config, 2000, tables).expect("it opens");
    source.follow(Arc::new(Recorder::default())).expect("it is followed");
}

#[test]
fn a_server_without_a_logical_log_is_refused() {
    let database = Postgres::start_with(&[]);
    database.psql("CREATE TABLE posts (id int PRIMARY KEY)");
    let config = PostgresConfig::new(database.url());
    let source = Source::open("main", &config, 2000, watched(&[("posts", &["id"])])).expect("it opens");
    let refused = source.follow(Arc::new(Recorder::default()));
    assert!(
        matches!(&refused, Err(SourceError::Refused(why)) if why.contains("ALTER SYSTEM SET wal_level = 'logical'; then restart")),
        "{refused:?}"
    );
}

#[test]
fn passwords_are_asked_for_and_given() {
    let database = Postgres::start();
    database.psql(
        "CREATE TABLE posts (id int PRIMARY KEY); CREATE ROLE app LOGIN REPLICATION PASSWORD 'se cret';
         GRANT ALL ON posts TO app; GRANT ALL ON DATABASE postgres TO app; ALTER TABLE posts OWNER TO app",
    );
    database.demand_passwords("app");
    let url = |password: &str| database.url().replace("postgres@", &format!("app:{password}@"));
    let open =
        |url: String| Source::open("main", &PostgresConfig::new(url), 2000, watched(&[("posts", &["id"])]));
    let refused = open(url("wrong")).map(|_| ());
    assert!(
        matches!(&refused, Err(SourceError::Unreachable(why)) if why.contains("password")),
        "{refused:?}"
    );
    setup(&PostgresConfig::new(url("se%20cret")), &watched(&[("posts", &["id"])]), true)
        .expect("it is set up");
    let source = open(url("se%20cret")).expect("it opens");
    source.follow(Arc::new(Recorder::default())).expect("it is followed");
}
