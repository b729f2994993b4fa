use super::*;

#[test]
fn a_slow_load_is_ended() {
    let world = World::with_timeout(500);
    let slow = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    let asked: Vec<_> = (0..3).map(|_| world.source.load(&Statement(slow.into()), Vec::new())).collect();
    for answer in asked.into_iter().map(wait) {
        assert_eq!(answer, Err(SourceError::TooSlow(500)));
    }
    assert_eq!(world.content(1), Some(Cell::Text("first".into())));
}

#[test]
fn loads_are_refused_with_the_databases_own_words() {
    let world = World::new();
    assert_eq!(world.load("SELECT x FROM posts"), Err(SourceError::Refused("no such column: x".into())));
    assert_eq!(world.load("SELECT 1 WHERE 0"), Ok(None));
    let written = world.load("DELETE FROM posts RETURNING id");
    assert_eq!(written, Err(SourceError::Unreachable("attempt to write a readonly database".into())));
}

fn remove(world: &World) {
    for end in ["", "-wal", "-shm"] {
        // The last two are there or not as SQLite likes.
        let _ = std::fs::remove_file(world.folder.path().join(format!("x.db{end}")));
    }
}

#[test]
fn a_file_that_goes_away_and_comes_back_is_told_as_a_loss() {
    let world = World::new();
    remove(&world);
    assert!(matches!(wait(world.source.barrier()), Err(SourceError::Unreachable(_))));
    assert!(matches!(world.write("UPDATE posts SET content = 'x'"), Err(SourceError::Unreachable(_))));
    assert!(matches!(world.load("SELECT 1"), Err(SourceError::Unreachable(_))));
    assert_eq!(world.record.take(), [], "it is told when the file is open again");

    let stranger = Connection::open(world.folder.path().join("new.db")).unwrap();
    stranger.execute_batch(SEED).unwrap();
    stranger.execute_batch("UPDATE posts SET content = 'new'").unwrap();
    drop(stranger);
    std::fs::rename(world.folder.path().join("new.db"), world.folder.path().join("x.db")).unwrap();
    world.record.until(
        "the second loss",
        |told| matches!(told, [Told::Lost(why)] if why == "the database was opened again"),
    );
    world.record.take();
    assert_eq!(world.content(1), Some(Cell::Text("new".into())));
    world.write("UPDATE posts SET content = 'mine' WHERE id = 1").unwrap();
    world.sqlite3("UPDATE posts SET author_id = 9 WHERE id = 2");
    world.barrier();
    assert_eq!(world.record.changes(), ["posts 1/1 1/1", "posts 2/1 2/9"]);
}

#[test]
fn a_file_that_is_replaced_is_told_as_a_loss() {
    let world = World::new();
    let stranger = Connection::open(world.folder.path().join("new.db")).unwrap();
    stranger.execute_batch(&SEED.replace("first", "other")).unwrap();
    drop(stranger);
    remove(&world);
    std::fs::rename(world.folder.path().join("new.db"), world.folder.path().join("x.db")).unwrap();
    world.record.until("the loss", |told| matches!(told, [Told::Lost(_)]));
    assert_eq!(world.content(1), Some(Cell::Text("other".into())));
}

#[test]
fn a_file_that_is_no_database_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.db"), vec![b'x'; 4096]).unwrap();
    let opened = Sqlite::open("main", &config(100), folder.path(), watched(), 5);
    let error = opened.err().unwrap().to_string();
    assert!(error.ends_with("x.db: file is not a database"), "{error}");
}

#[test]
fn what_cannot_be_watched_is_refused_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let open = |config: &SourceConfig, table: &str, column: &str| {
        let watched = vec![Watched { table: table.into(), columns: vec![column.into()] }];
        Sqlite::open("main", config, folder.path(), watched, 5)
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default()
    };
    let seeded = config(1000);
    let table =
        "the source refused: a feed names the table post, which does not exist; did you mean \"posts\"?";
    assert_eq!(open(&seeded, "post", "id"), table);
    let column = "the source refused: the feed on posts uses the column autor_id, which it does not have; did you mean \"author_id\"?";
    assert_eq!(open(&seeded, "Posts", "autor_id"), column);
    Connection::open(folder.path().join("x.db"))
        .unwrap()
        .execute_batch("CREATE VIEW v AS SELECT * FROM posts")
        .unwrap();
    assert_eq!(
        open(&seeded, "v", "id"),
        "the source refused: v is a view: a feed needs the tables behind it"
    );
    let none = SourceConfig { path: "none.db".into(), timeout_ms: 1000, ..SourceConfig::default() };
    assert!(
        open(&none, "posts", "id").ends_with("none.db does not exist, and there is no seed to make it with")
    );
    let bad = SourceConfig {
        path: "bad.db".into(),
        seed: Some("CREATE TABLE a (x); CREATE TABEL b (x);".into()),
        timeout_ms: 1000,
        ..SourceConfig::default()
    };
    assert_eq!(open(&bad, "a", "x"), "the source refused: in the seed: near \"TABEL\": syntax error");
    let again = SourceConfig { seed: Some("CREATE TABLE a (x)".into()), ..bad };
    assert_eq!(open(&again, "a", "x"), "", "nothing of the bad seed stayed");
}

#[test]
fn statements_are_described() {
    let world = World::new();
    world
        .stranger()
        .execute_batch(
            "CREATE VIEW named AS SELECT p.id, name FROM posts p JOIN authors a ON a.id = author_id",
        )
        .unwrap();
    let shape = |sql: &str| world.source.describe(&Statement(sql.into()));
    let read =
        shape("SELECT content, json_array(author_id) AS a FROM posts, json_each('[1]') WHERE posts.id = :id")
            .unwrap()
            .unwrap();
    assert_eq!(
        (read.columns, read.reads, read.writes),
        (vec!["content".into(), "a".into()], vec!["posts".into()], false)
    );
    assert_eq!(
        shape("SELECT * FROM named").unwrap().unwrap().reads,
        ["authors", "posts"].map(Arc::<str>::from)
    );
    assert_eq!(shape("SELECT count(*) FROM posts").unwrap().unwrap().reads, ["posts"].map(Arc::<str>::from));
    assert!(shape("DELETE FROM posts WHERE id = :id").unwrap().unwrap().writes);
    assert_eq!(shape("SELEC 1"), Err(SourceError::Refused("near \"SELEC\": syntax error".into())));
}

#[test]
fn a_table_that_is_dropped_and_made_again_is_told_as_a_loss() {
    let world = World::new();
    world.sqlite3("DROP TABLE posts");
    let missing = || wait(world.source.barrier()).err().map(|error| error.to_string());
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while missing().is_none() {
        assert!(std::time::Instant::now() < end, "nobody notices");
    }
    assert!(wait(world.source.barrier()).unwrap_err().to_string().contains("posts, which does not exist"));
    world.sqlite3(&SEED[SEED.find("CREATE TABLE posts").unwrap()..]);
    world.record.until("the return", |told| told.len() == 1);
    world.record.take();
    world.sqlite3("UPDATE posts SET author_id = 2 WHERE id = 1");
    world.barrier();
    assert_eq!(world.record.changes(), ["posts 1/1 1/2"]);
}

#[test]
fn a_restored_backup_is_told_as_a_loss() {
    let world = World::new();
    let backup = world.folder.path().join("backup.db");
    world.sqlite3(&format!(".backup {}", backup.display()));
    world.sqlite3("UPDATE posts SET content = 'x'");
    world.barrier();
    world.record.take();
    // Into the same file, by SQLite's own means: no other inode tells of it.
    world.sqlite3(&format!(".restore {}", backup.display()));
    world.barrier();
    let told = world.record.take();
    assert!(told.iter().any(|told| matches!(told, Told::Lost(_))), "{told:?}");
    assert_eq!(world.content(1), Some(Cell::Text("first".into())));
}
