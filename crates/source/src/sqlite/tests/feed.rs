use super::*;

#[test]
fn what_the_sqlite3_program_does_is_told() {
    let world = World::new();
    world.sqlite3("UPDATE posts SET author_id = 2 WHERE id = 1; DELETE FROM posts WHERE id = 2; INSERT INTO posts VALUES (3, NULL, 'three', 'x');");
    world.barrier();
    assert_eq!(world.record.changes(), ["posts 1/1 1/2", "posts 2/1 -", "posts - 3/null"]);
}

#[test]
fn foreign_commits_are_told_without_a_barrier() {
    let world = World::new();
    world.sqlite3("UPDATE posts SET content = 'x' WHERE id = 1");
    world
        .record
        .until("the feed tells", |told| matches!(told, [Told::Commit(c)] if !c.own && c.changes.len() == 1));
}

#[test]
fn rows_that_replace_deletes_are_told() {
    let world = World::new();
    let stranger = world.stranger();
    let changes = |sql: &str| {
        stranger.execute_batch(sql).unwrap();
        world.barrier();
        world.record.changes()
    };
    assert_eq!(
        changes("INSERT INTO posts VALUES (1, 5, 'eins', '') ON CONFLICT (id) DO UPDATE SET author_id = 5"),
        ["posts 1/1 1/5"]
    );
    assert_eq!(changes("REPLACE INTO posts VALUES (1, 6, 'one', '')"), ["posts 1/5 -", "posts - 1/6"]);
    assert_eq!(changes("REPLACE INTO posts VALUES (9, 7, 'two', '')"), ["posts 2/1 -", "posts - 9/7"]);
    assert_eq!(
        changes("REPLACE INTO posts VALUES (1, 8, 'two', '')"),
        ["posts 1/6 -", "posts 9/7 -", "posts - 1/8"]
    );
    changes("INSERT INTO posts VALUES (4, 4, 'four', '')");
    assert_eq!(
        changes("UPDATE OR REPLACE posts SET slug = 'two' WHERE id = 4"),
        ["posts 1/8 -", "posts 4/4 4/4"]
    );
    assert_eq!(
        changes("PRAGMA recursive_triggers = on; REPLACE INTO posts VALUES (4, 5, 'four', '')"),
        ["posts 4/4 -", "posts - 4/5"]
    );
    assert_eq!(changes("UPDATE posts SET content = 'y'"), ["posts 4/5 4/5"]);
}

#[test]
fn own_and_foreign_commits_are_told_once_each_in_their_order() {
    let world = World::new();
    const EACH: usize = 150;
    std::thread::scope(|scope| {
        for own in 0..2 {
            let world = &world;
            scope.spawn(move || {
                for n in 0..EACH {
                    world.write(&format!("INSERT INTO authors (name) VALUES ('own {own} {n}')")).unwrap();
                }
            });
        }
        scope.spawn(|| {
            let stranger = world.stranger();
            for n in 0..EACH {
                stranger.execute("INSERT INTO authors (name) VALUES (?1)", [format!("foreign {n}")]).unwrap();
            }
        });
        scope.spawn(|| {
            for n in 0..5 {
                world.sqlite3(&format!(".timeout 20000\nINSERT INTO authors (name) VALUES ('program {n}');"));
            }
        });
    });
    world.barrier();
    let told = world.record.take();
    let mut ids = Vec::new();
    let (mut own, mut last) = (0, Version(0));
    for (place, told_now) in told.iter().enumerate() {
        let Told::Commit(commit) = told_now else { continue };
        assert!(commit.version > last, "{:?} after {last:?}", commit.version);
        last = commit.version;
        ids.extend(
            commit.changes.iter().map(|change| change.new.as_ref().unwrap().get("id").cloned().unwrap()),
        );
        if commit.own {
            own += 1;
            assert_eq!(commit.changes.len(), 1);
            assert_eq!(
                told.get(place + 1),
                Some(&Told::Closure(commit.version)),
                "the closure comes right after"
            );
        }
    }
    assert_eq!(own, 2 * EACH);
    // Row ids are given out in commit order, without a gap.
    let expected: Vec<Cell> = (1..=(3 * EACH as i64 + 5)).map(Cell::Integer).collect();
    assert_eq!(ids, expected);
}

#[test]
fn a_log_that_others_prune_or_vacuum_goes_on() {
    let world = World::new();
    let stranger = world.stranger();
    stranger.execute_batch("UPDATE posts SET content = 'x'").unwrap();
    world.barrier();
    stranger
        .execute_batch("DELETE FROM clearwell_changes; VACUUM; UPDATE posts SET content = 'y' WHERE id = 2")
        .unwrap();
    world.barrier();
    assert_eq!(world.record.changes(), ["posts 1/1 1/1", "posts 2/1 2/1", "posts 2/1 2/1"]);
}

#[test]
fn the_log_is_pruned_to_a_tail() {
    let world = World::new();
    let many = log::TAIL * 13 / 10;
    let sql = format!(
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {many}) INSERT INTO authors SELECT i, '' FROM n"
    );
    world.write(&sql).unwrap();
    let stranger = world.stranger();
    let kept = || {
        stranger.query_row("SELECT count(*) FROM clearwell_changes", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let end = Instant::now() + PATIENCE;
    while kept() > log::TAIL {
        assert!(Instant::now() < end, "{} rows are left", kept());
        world.barrier();
    }
    assert_eq!(kept(), log::TAIL);
    let told = world.record.take();
    assert!(matches!(&told[..], [Told::Commit(c), Told::Closure(_)] if c.changes.len() as i64 == many));
}

#[test]
fn rows_missing_from_the_log_are_a_loss() {
    let world = World::new();
    world
        .stranger()
        .execute_batch(
            "BEGIN; UPDATE posts SET content = 'x'; DELETE FROM clearwell_changes WHERE id = 1; COMMIT",
        )
        .unwrap();
    world.barrier();
    assert_eq!(world.record.take(), [Told::Lost("the change log lacks 1 to 1".into())]);
    world.sqlite3("UPDATE posts SET content = 'z' WHERE id = 1");
    world.barrier();
    assert_eq!(world.record.changes(), ["posts 1/1 1/1"]);
}

#[test]
fn triggers_that_somebody_drops_come_back_with_a_loss() {
    let world = World::new();
    // In one step: the node is not to put the trigger back in between.
    world.sqlite3("BEGIN; DROP TRIGGER clearwell_posts_update; UPDATE posts SET content = 'unseen'; COMMIT;");
    world.barrier();
    assert_eq!(world.record.take(), [Told::Lost("the tables or triggers were changed".into())]);
    world.sqlite3("CREATE TABLE other (x); UPDATE posts SET content = 'seen' WHERE id = 1;");
    world.barrier();
    assert_eq!(world.record.changes(), ["posts 1/1 1/1"]);
}

#[test]
fn two_nodes_on_one_file_share_the_triggers() {
    let world = World::new();
    let more =
        vec![Watched { table: "Posts".into(), columns: vec!["SLUG".into(), "content".into(), "id".into()] }];
    let record = Arc::new(Record::default());
    let second = Sqlite::open("main", &config(20_000), world.folder.path(), more, 5).unwrap();
    second.follow(record.clone()).unwrap();
    world.barrier();
    world.record.take();
    world.write("UPDATE posts SET author_id = 7 WHERE id = 1").unwrap();
    wait(second.barrier()).unwrap();
    let told = record.take();
    let [Told::Commit(commit)] = &told[..] else { panic!("{told:?}") };
    let new = commit.changes[0].new.as_ref().unwrap();
    assert_eq!(
        (commit.own, new.get("SLUG"), new.get("content")),
        (false, Some(&Cell::Text("one".into())), Some(&Cell::Text("first".into())))
    );
    assert_eq!(world.record.changes(), ["posts 1/1 1/7"]);
}

#[test]
fn the_delay_of_a_foreign_commit_is_short() {
    let world = World::new();
    let stranger = world.stranger();
    let mut delays: Vec<Duration> = (0..100)
        .map(|n| {
            stranger.execute("UPDATE posts SET content = ?1 WHERE id = 1", [n]).unwrap();
            let committed = Instant::now();
            world.record.until("the feed tells", |told| !told.is_empty());
            world.record.take();
            committed.elapsed()
        })
        .collect();
    delays.sort();
    println!("foreign commit to follower: p50 {:?}, max {:?}", delays[50], delays[99]);
    // Far beyond what is measured: a machine that is busy is not a failure, a feed that does not poll is.
    assert!(delays[50] < Duration::from_secs(1), "{delays:?}");
}

/// Once nobody writes, the file is looked at when the system tells of somebody who does: here never otherwise.
#[test]
fn a_quiet_file_is_looked_at_when_somebody_writes_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let poll = Duration::from_millis(5);
    let mut shared = SqliteShared::new("main", &config(2_000), folder.path(), poll, watched());
    shared.quiet_poll = Duration::from_secs(3_600);
    let shared = Arc::new(shared);
    let source = Sqlite::begin(shared.clone(), folder.path(), Some(SEED)).unwrap();
    let record = Arc::new(Record::default());
    source.follow(record.clone()).unwrap();
    let stranger = Connection::open(&shared.path).unwrap();
    for n in 0..3 {
        let quiet = Instant::now() + PATIENCE;
        while source.behind_ms() < 200 {
            assert!(Instant::now() < quiet, "round {n}: the file is still looked at all the time");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        stranger.execute("UPDATE posts SET author_id = author_id + 1 WHERE id = 1", []).unwrap();
        record.until("the feed tells of a write to a quiet file", |told| !told.is_empty());
        assert_eq!(record.changes(), [format!("posts {}/{} {}/{}", 1, n + 1, 1, n + 2)]);
    }
}

#[test]
fn a_flood_of_others_is_a_loss_and_an_own_one_is_not() {
    let world = World::new();
    let flood = |from: i64| {
        let to = from + log::MOST_AT_ONCE;
        format!(
            "WITH RECURSIVE n(i) AS (VALUES ({from}) UNION ALL SELECT i + 1 FROM n WHERE i < {to}) \
             INSERT INTO authors SELECT i, '' FROM n"
        )
    };
    world.stranger().execute_batch(&flood(1)).unwrap();
    world.barrier();
    assert_eq!(world.record.take(), [Told::Lost(format!("{} changes at once", log::MOST_AT_ONCE + 1))]);
    world.write(&flood(1_000_000)).unwrap();
    assert_eq!(world.record.changes().len() as i64, log::MOST_AT_ONCE + 1);
}
