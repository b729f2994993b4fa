use super::*;

#[test]
fn a_refused_row_leaves_the_rest_of_its_batch() {
    let world = World::new();
    // While a stranger holds the lock the writes gather into one batch.
    let stranger = world.stranger();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let asked: Vec<_> = [
        "UPDATE posts SET content = 'a', author_id = 3 WHERE id = 1",
        "UPDATE posts SET content = 'bad' WHERE id = 2",
        "INSERT INTO nowhere VALUES (1)",
        "COMMIT",
        "UPDATE posts SET content = 'b' WHERE id = 2",
        "UPDATE posts SET content = 'c' WHERE id = 99",
    ]
    .map(|sql| world.source.write(world.prepared(sql)))
    .into();
    stranger.execute_batch("UPDATE posts SET author_id = 2 WHERE id = 1; COMMIT").unwrap();
    let answers: Vec<_> = asked.into_iter().map(wait).collect();
    assert_eq!(answers[1], Err(SourceError::Refused("CHECK constraint failed: content <> 'bad'".into())));
    assert_eq!(answers[2], Err(SourceError::Refused("no such table: nowhere".into())));
    assert_eq!(answers[3], Err(SourceError::Refused("the statement does not write".into())));
    let versions: Vec<_> = [0, 4, 5].iter().map(|place| answers[*place].clone().unwrap().version).collect();
    assert!(versions[0] < versions[1] && versions[1] < versions[2]);
    assert_eq!(
        (world.content(1), world.content(2)),
        (Some(Cell::Text("a".into())), Some(Cell::Text("b".into())))
    );
    assert_eq!(world.record.changes(), ["posts 1/1 1/2", "posts 1/2 1/3", "posts 2/1 2/1"]);
}

#[test]
fn answers_come_after_the_follower_was_told() {
    let world = World::new();
    let receipt = world.write("UPDATE posts SET content = 'x' WHERE id = 99").unwrap();
    assert_eq!((receipt.rows, &receipt.row), (0, &None));
    let version = receipt.version;
    let told = world.record.take();
    let [Told::Commit(commit), Told::Closure(closed)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((commit.version, commit.own, commit.changes.len(), *closed), (version, true, 0, version));
    assert_eq!(world.barrier(), version);
}

#[test]
fn a_receipt_says_what_the_database_made_of_it() {
    let world = World::new();
    let mut write = world.prepared("UPDATE posts SET content = upper(content), author_id = 4");
    write.read_back = Some((Statement("SELECT content FROM posts WHERE id = 2".into()), Vec::new()));
    let receipt = wait(world.source.write(write)).unwrap();
    assert_eq!(receipt.rows, 2);
    assert_eq!(receipt.row, Some(Row(vec![("content".into(), Cell::Text("SECOND".into()))])));
    assert_eq!(world.record.changes(), ["posts 1/1 1/4", "posts 2/1 2/4"]);
}

#[test]
fn values_are_bound_and_not_pasted() {
    let world = World::new();
    let poison = "'); DROP TABLE posts;--\0\u{1F98A}";
    let param = |name: &str, value| Param { name: name.into(), value };
    let write = |value| {
        let mut write = world.prepared("UPDATE posts SET content = :value WHERE id = :id");
        write.params =
            vec![param("id", Cell::Integer(1)), param("value", value), param("unused", Cell::Null)];
        wait(world.source.write(write)).unwrap();
        world.content(1).unwrap()
    };
    for value in [
        Cell::Text(poison.into()),
        Cell::Blob(b"\xff\0".as_slice().into()),
        Cell::Null,
        Cell::Text("".into()),
    ] {
        assert_eq!(write(value.clone()), value);
    }
}

#[test]
fn a_slow_write_is_ended_and_the_others_are_done() {
    let world = World::with_timeout(300);
    let stranger = world.stranger();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let before = world.source.write(world.prepared("UPDATE posts SET content = 'before' WHERE id = 1"));
    let slow = world.source.write(world.prepared(
        "UPDATE posts SET content = (WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n)",
    ));
    stranger.execute_batch("COMMIT").unwrap();
    assert_eq!(wait(slow), Err(SourceError::TooSlow(300)));
    wait(before).unwrap();
    assert_eq!(world.content(1), Some(Cell::Text("before".into())));
    world.write("UPDATE posts SET content = 'after' WHERE id = 2").unwrap();
    assert_eq!(world.content(2), Some(Cell::Text("after".into())));
}

#[test]
fn a_lock_that_is_held_for_long_makes_the_source_unreachable() {
    let world = World::with_timeout(100);
    let stranger = world.stranger();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = world.write("UPDATE posts SET content = 'x' WHERE id = 1");
    let message = "database is locked: another process holds its lock, for 100 ms";
    assert_eq!(refused, Err(SourceError::Unreachable(message.into())));
    assert_eq!(world.content(1), Some(Cell::Text("first".into())), "reading goes on");
    world.barrier();
    stranger.execute_batch("COMMIT").unwrap();
    world.write("UPDATE posts SET content = 'x' WHERE id = 1").unwrap();
}
