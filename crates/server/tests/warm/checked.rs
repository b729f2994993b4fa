//! `keys` of a keyspace, checked: what needs no database with `--check`, the rest with `--connect`.

use std::process::Command;

use crate::support::Postgres;
use crate::world::{BASES, Base, followed};

/// What `clearwell check` says of this line.
fn checked(base: Base, database: Option<&Postgres>, keys: &str, connect: bool) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let source = match database {
        None => "url = 'sqlite://posts.db'\nseed = 'CREATE TABLE posts (id INTEGER PRIMARY KEY, slug TEXT, content TEXT)'".to_owned(),
        Some(database) => format!("url = '{}'\n", database.url()),
    };
    let config = format!(
        "[source.main]\n{source}\n[[keyspace]]\npattern = 'post:{{id:int}}'\nsource = 'main'\nunfollowed = 'ok'\n{keys}\n\
         load = 'SELECT content FROM posts WHERE id = :id'\n"
    );
    std::fs::write(folder.path().join("clearwell.toml"), config).expect("the folder is ours");
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearwell"));
    command.args(["check", "clearwell.toml", "--data", "."]).current_dir(folder.path());
    if connect {
        command.arg("--connect");
    }
    let output = command.output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(base == Base::Sqlite || database.is_some());
    (output.status.success(), told)
}

#[test]
fn keys_are_checked_without_a_database_as_far_as_that_goes() {
    for (keys, told) in [
        ("keys = 'SELECT id FROM posts'", ""),
        ("keys = 'SELECT * FROM posts'", ""),
        ("keys = 'SELECT lower(slug) AS id FROM posts'", ""),
        ("keys = 'SELECT ID FROM posts'", ""),
        ("keys = ''", ":8: keys in [[keyspace]]: it cannot be empty"),
        (
            "keys = 'SELECT id FROM posts WHERE id > :id'",
            ":8: keys in [[keyspace]]: it lists all keys and takes no parameter, such as :id",
        ),
        (
            "keys = 'SELECT ids FROM posts'",
            ":8: keys in [[keyspace]]: it returns no column id, which the pattern captures; did you mean \"ids\"?",
        ),
        (
            "keys = 'SELECT id AS post FROM posts'",
            ":8: keys in [[keyspace]]: it returns no column id, which the pattern captures",
        ),
        ("key = 'SELECT id FROM posts'", ":8: unknown key \"key\" in [[keyspace]]; did you mean \"keys\"?"),
    ] {
        let (success, said) = checked(Base::Sqlite, None, keys, false);
        assert_eq!((success, said.contains(told)), (told.is_empty(), true), "{keys}: {said}");
    }
}

#[test]
fn keys_are_checked_against_their_database() {
    for base in BASES {
        let database = (base == Base::Postgres).then(|| {
            let database = Postgres::start();
            database.psql("CREATE TABLE posts (id int PRIMARY KEY, slug text, content text)");
            followed(&database);
            database
        });
        for (keys, told) in [
            ("keys = 'SELECT * FROM posts'", ""),
            ("keys = 'WITH p AS (SELECT id FROM posts) SELECT id FROM p'", ""),
            (
                "keys = 'SELECT lower(slug) AS ids FROM posts'",
                "keyspace post:{id:int}: keys: it returns no column id, which the pattern captures; did you mean \"ids\"?",
            ),
            ("keys = 'SELECT id FROM pots'", "keyspace post:{id:int}: keys: the source refused: "),
            ("keys = 'DELETE FROM posts RETURNING id'", "keyspace post:{id:int}: keys only reads"),
        ] {
            let (success, said) = checked(base, database.as_ref(), keys, true);
            assert_eq!((success, said.contains(told)), (told.is_empty(), true), "{base:?} {keys}: {said}");
        }
    }
}
