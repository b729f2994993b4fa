//! A long query, and who does not wait for it. Story: a report's keyspace scanned a large table; its loads had both reading threads,
//! and keys of other tables failed although their rows were read in microseconds.

use super::*;

/// What nobody who waits for nothing needs longer for, on a busy machine.
const SOON: Duration = Duration::from_millis(800);

fn endless(number: usize) -> Statement {
    let sql = format!(
        "WITH RECURSIVE n(i) AS (VALUES ({number}) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    );
    Statement(sql.into())
}

fn begin(world: &World, statement: &Statement, count: usize) -> Vec<Later<Result<Option<Row>, SourceError>>> {
    (0..count).map(|_| world.source.load(statement, Vec::new())).collect()
}

#[test]
fn long_queries_hold_up_no_other_keyspace() {
    for keyspaces in [1, 4] {
        let world = World::with_timeout(2000);
        assert!(world.content(1).is_some());
        let asked: Vec<_> = (0..keyspaces).flat_map(|number| begin(&world, &endless(number), 12)).collect();
        for round in 0..60 {
            let began = Instant::now();
            assert_eq!(world.content(1), Some(Cell::Text("first".into())));
            assert!(began.elapsed() < SOON, "{keyspaces} long ones, load {round}: {:?}", began.elapsed());
        }
        drop(asked);
    }
}

#[test]
fn who_waits_for_a_thread_is_told_that_and_by_whom_it_is_held() {
    let world = World::with_timeout(1000);
    assert!(world.content(1).is_some());
    world.source.label("report:{day}", &endless(0), &[]);
    let asked = Instant::now();
    let (mut slow, mut busy) = (0, 0);
    for answer in begin(&world, &endless(0), 12).into_iter().map(wait) {
        match answer {
            Err(SourceError::TooSlow(1000)) => slow += 1,
            Err(error @ SourceError::Busy { .. }) => {
                let said = error.to_string();
                assert!(said.contains("keyspace report:{day} holds ") && said.contains(" of 3"), "{said}");
                busy += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(asked.elapsed() < Duration::from_millis(2500), "{:?}", asked.elapsed());
    assert!(
        slow >= 1 && slow + busy == 12 && busy >= 10,
        "two threads, the last is for others: {slow} and {busy}"
    );
    let crowd = world.source.crowd().expect("it has threads");
    assert_eq!((crowd.gave_up, crowd.waiting), (busy, 0));
}
