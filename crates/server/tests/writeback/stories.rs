//! What is acknowledged, seen, flushed, refused and kept, over both kinds of source.

use std::sync::Arc;

use clearwell::config::{Config, Level, Strategy};
use clearwell::node::{Node, Put, WriteError, Written};
use clearwell::road::InvalidationRequest;
use clearwell::tasks::Tasks;
use clearwell_engine::{Cause, Origin, Scope};
use clearwell_source::SourceError;

use crate::world::{Database, Kind, NEVER};

macro_rules! over_both {
    ($($story:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $story() {
                super::$story(super::Database::new(super::Kind::Sqlite)).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $story() {
                super::$story(super::Database::new(super::Kind::Postgres)).await;
            })*
        }
    };
}

over_both!(
    batches_flush_at_their_third_write_at_the_interval_and_on_force,
    readers_see_an_unflushed_write_whatever_happens_to_its_entry,
    a_refused_row_is_parked_and_blocks_no_other,
    refused_writes_are_bounded_and_what_comes_after_them_waits,
    a_refused_write_through_leaves_the_cache_without_it,
    a_newer_write_supersedes_a_parked_one,
    a_restart_knows_and_flushes_what_was_acknowledged,
    nothing_is_lost_while_the_source_is_away_and_writers_are_held_back,
    strategies_mixed_on_one_key_leave_cache_and_database_agreeing,
    what_depends_on_a_key_follows_its_write_and_its_flush,
);

async fn batches_flush_at_their_third_write_at_the_interval_and_on_force(database: Database) {
    let at_third = database.node(&format!("{NEVER}\nflush_batch = 3"));
    for id in [1, 2, 2] {
        assert_eq!(at_third.set(id, &format!("v{id}")).await, Ok(Written::Stored));
    }
    assert_eq!((at_third.dirty(), database.row(1)), (2, None), "the second key was written twice");
    at_third.set(3, "v3").await.expect("a write");
    at_third.wait_until_clean().await;
    assert_eq!([1, 2, 3].map(|id| database.row(id).expect("a row")), ["v1", "v2", "v3"]);
    drop(at_third);
    let at_interval = database.node("flush_every = '30ms'");
    at_interval.set(1, "soon").await.expect("a write");
    at_interval.wait_until_clean().await;
    assert_eq!(database.row(1).as_deref(), Some("soon"));
    drop(at_interval);
    let on_force = database.node(NEVER);
    on_force.set(4, "now").await.expect("a write");
    assert_eq!(database.row(4), None);
    on_force.flush().await;
    assert_eq!(database.row(4).as_deref(), Some("now"));
}

const LEVELS: [Option<Level>; 7] = [
    None,
    Some(Level::Strong),
    Some(Level::Session),
    Some(Level::Causal),
    Some(Level::Bounded(1)),
    Some(Level::Eventual),
    Some(Level::Weak),
];

async fn readers_see_an_unflushed_write_whatever_happens_to_its_entry(database: Database) {
    let world = database.node(NEVER);
    database.sql("INSERT INTO posts (id, content) VALUES (1, 'old')");
    assert_eq!(world.get_at(1, Some(Level::Strong)).await.as_deref(), Some("old"));
    world.set(1, "new").await.expect("a write");
    let scopes = [Scope::Tag(b"author:1"[..].into()), Scope::Key(b"post:1"[..].into()), Scope::Everything];
    for scope in scopes {
        world.node.invalidate(InvalidationRequest::now(vec![scope], Cause::Command));
        for level in LEVELS {
            assert_eq!(world.get_at(1, level).await.as_deref(), Some("new"), "{level:?}");
        }
    }
    // Another program's older value does not hide it.
    database.sql("UPDATE posts SET content = 'foreign'");
    for level in LEVELS {
        assert_eq!(world.get_at(1, level).await.as_deref(), Some("new"), "{level:?}");
    }
    assert_eq!(world.del(1).await, Ok(1));
    assert_eq!((world.get(1).await, database.row(1).as_deref()), (None, Some("foreign")));
    for level in LEVELS {
        assert_eq!(world.get_at(1, level).await, None, "{level:?}");
    }
    world.flush().await;
    assert_eq!((world.get(1).await, database.row(1)), (None, None));
}

async fn a_refused_row_is_parked_and_blocks_no_other(database: Database) {
    let first = database.node(NEVER);
    for (id, value) in [(1, "good"), (2, "bad"), (3, "good"), (4, "bad too")] {
        first.set(id, value).await.expect("a write");
    }
    assert_eq!(first.get(2).await.as_deref(), Some("bad"), "seen as long as nobody knows better");
    first.flush().await;
    assert_eq!((database.row(1).as_deref(), database.row(3).as_deref()), (Some("good"), Some("good")));
    for level in LEVELS {
        assert_eq!(first.get_at(2, level).await, None, "the refused value is not served at {level:?}");
    }
    drop(first);
    // A restart knows them still.
    let again = database.node(NEVER);
    assert_eq!(again.parked(), ["post:2", "post:4"]);
    let message = &again.node.parked(1)[0].message;
    assert!(message.contains("is_good"), "{message}");
    assert_eq!(again.node.drop_parked(Some(&[b"post:4"[..].into()])).await, Ok(1));
    // As it is, it is refused again.
    assert_eq!(again.node.retry_parked(None).await, Ok(1));
    assert_eq!((again.parked(), again.get(2).await.as_deref()), (vec![], Some("bad")));
    again.flush().await;
    assert_eq!((again.parked(), again.get(2).await), (vec!["post:2".into()], None));
    database.sql("INSERT INTO posts (id, content) VALUES (2, 'there')");
    if database.kind() == Kind::Postgres {
        database.sql("ALTER TABLE posts DROP CONSTRAINT is_good");
        assert_eq!(again.node.retry_parked(None).await, Ok(1));
        again.flush().await;
        assert_eq!((database.row(2).as_deref(), database.row(4)), (Some("bad"), None));
    } else {
        assert_eq!(again.node.drop_parked(None).await, Ok(1));
    }
    assert!(again.parked().is_empty());
}

async fn a_refused_write_through_leaves_the_cache_without_it(database: Database) {
    let world = database.node(NEVER);
    database.sql("INSERT INTO posts (id, content) VALUES (1, 'kept')");
    assert_eq!(world.get_at(1, Some(Level::Strong)).await.as_deref(), Some("kept"));
    let with_nul = "with a \0 in it";
    for strategy in [Strategy::Through, Strategy::Invalidate] {
        let refused = world.set_by(1, "bad", Some(strategy)).await;
        let Err(WriteError::Source(SourceError::Refused(why))) = &refused else { panic!("{refused:?}") };
        assert!(why.contains("is_good"), "{why}");
        if database.kind() == Kind::Postgres {
            let refused = world.set_by(1, with_nul, Some(strategy)).await;
            let Err(WriteError::Source(SourceError::Refused(why))) = &refused else { panic!("{refused:?}") };
            assert!(why.contains("invalid byte sequence for encoding \"UTF8\": 0x00"), "{why}");
        }
        for level in LEVELS {
            assert_eq!(world.get_at(1, level).await.as_deref(), Some("kept"), "{strategy} {level:?}");
        }
    }
    if database.kind() == Kind::Postgres {
        // Beside many that are taken, and written back.
        for id in 2..=40 {
            world.set(id, "good").await.expect("a write");
        }
        world.set(1, with_nul).await.expect("a write");
        world.flush().await;
        assert_eq!((world.parked(), world.get(1).await.as_deref()), (vec!["post:1".into()], Some("kept")));
        assert_eq!(database.row(40).as_deref(), Some("good"));
    }
}

/// Refused writes are kept in memory too: they are bounded as those that wait are.
async fn refused_writes_are_bounded_and_what_comes_after_them_waits(database: Database) {
    let world = database.node("flush_every = '1ms'\nflush_most = '1KB'");
    let mut parked = 0;
    for id in 1..20 {
        match world.set(id, &format!("bad {id}")).await {
            Ok(_) => parked = id,
            Err(refused) => {
                assert!(
                    matches!(&refused, WriteError::Full(why) if why.contains("refused writes fill")),
                    "{refused:?}"
                );
                break;
            }
        }
    }
    assert!((4..15).contains(&parked), "{parked}");
    while world.dirty() > 0 {
        world.node.drop_parked(None).await.expect("the journal takes it");
        tokio::task::yield_now().await;
    }
    world.set(100, "good").await.expect("there is room");
}

async fn a_newer_write_supersedes_a_parked_one(database: Database) {
    let world = database.node(NEVER);
    for (round, strategy) in [Strategy::Back, Strategy::Through, Strategy::Invalidate].iter().enumerate() {
        world.set(1, "bad").await.expect("a write");
        world.flush().await;
        assert_eq!(world.parked(), ["post:1"]);
        world.set_by(1, "good", Some(*strategy)).await.expect("a write");
        world.flush().await;
        let status = world.node.write_back_status();
        assert_eq!((status.parked, status.superseded), (0, round as u64 + 1), "{strategy}");
    }
    world.set(1, "bad").await.expect("a write");
    world.flush().await;
    world.set_by(1, "better", Some(Strategy::Through)).await.expect("a write");
    drop(world);
    let again = database.node(NEVER);
    assert_eq!((again.parked(), again.get(1).await.as_deref()), (vec![], Some("better")));
}

async fn a_restart_knows_and_flushes_what_was_acknowledged(database: Database) {
    let first = database.node(NEVER);
    for id in 1..=50 {
        first.set(id, &format!("a{id}")).await.expect("a write");
    }
    first.flush().await;
    // It waits until no restart would write the older value over it.
    first.set_by(25, "through", Some(Strategy::Through)).await.expect("a write");
    for id in 1..=20 {
        first.set(id, &format!("b{id}")).await.expect("a write");
    }
    assert_eq!(first.get(30).await.as_deref(), Some("a30"));
    assert_eq!(first.del(30).await, Ok(1));
    drop(first);
    database.sql("UPDATE posts SET content = 'foreign' WHERE id = 40");
    let again = database.node(NEVER);
    assert_eq!(again.dirty(), 21, "what was flushed is not written again");
    for level in LEVELS {
        assert_eq!(
            (again.get_at(7, level).await.as_deref(), again.get_at(30, level).await),
            (Some("b7"), None)
        );
    }
    again.flush().await;
    assert_eq!((database.row(20).as_deref(), database.row(21).as_deref()), (Some("b20"), Some("a21")));
    assert_eq!((database.row(30), database.row(40).as_deref()), (None, Some("foreign")));
    assert_eq!(database.row(25).as_deref(), Some("through"));
}

async fn nothing_is_lost_while_the_source_is_away_and_writers_are_held_back(mut database: Database) {
    let world = database.node("flush_every = '1ms'\nflush_most = '1KB'");
    database.block();
    let too_large = world.set(1, &"v".repeat(2000)).await;
    assert!(
        matches!(&too_large, Err(WriteError::Full(why)) if why.contains("flush_most is 1000")),
        "{too_large:?}"
    );
    let mut acknowledged = 0;
    let refused = loop {
        match world.set(acknowledged + 1, &"v".repeat(100)).await {
            Ok(_) => acknowledged += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(&refused, WriteError::Full(why) if why.contains("wait for the source")), "{refused:?}");
    assert!((2..5).contains(&acknowledged), "{acknowledged}");
    let status = world.node.write_back_status();
    assert!(status.error.is_some() && status.dirty_bytes <= 1000, "{status:?}");
    // Another strategy's write does not overtake them.
    let through = world.set_by(1, "through", Some(Strategy::Through)).await;
    assert!(matches!(&through, Err(WriteError::Full(why)) if why.contains("not flushed yet")), "{through:?}");
    assert_eq!(world.get(1).await, Some("v".repeat(100)));
    database.unblock();
    world.wait_until_clean().await;
    for id in 1..=acknowledged {
        assert!(database.row(id).is_some(), "post:{id}");
    }
    world.set(99, "room again").await.expect("a write");
}

async fn strategies_mixed_on_one_key_leave_cache_and_database_agreeing(database: Database) {
    let world = Arc::new(database.node("flush_every = '2ms'\nflush_batch = 2"));
    for seed in 0..30u64 {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let world = world.clone();
                tokio::spawn(async move {
                    let mut rng = fastrand::Rng::with_seed(seed * 4 + writer);
                    for n in 0..6 {
                        let choice = [Strategy::Back, Strategy::Through, Strategy::Invalidate];
                        let strategy = *rng.choice(&choice).expect("one");
                        let value = format!("{seed} {writer} {n}");
                        world.set_by(1, &value, Some(strategy)).await.expect("a write");
                        world.get(1).await.expect("a value");
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.expect("no panic");
        }
        // The last word is a write-through: it comes after every acknowledged write-back.
        if seed % 2 == 0 {
            world.set_by(1, &format!("last {seed}"), Some(Strategy::Through)).await.expect("a write");
            assert_eq!(database.row(1), Some(format!("last {seed}")));
        }
        world.flush().await;
        assert_eq!(world.get(1).await, database.row(1), "seed {seed}");
    }
}

/// A page that was made from a post is old when the post is written, and again when the source has it: in between it may
/// have been made from the older row.
async fn what_depends_on_a_key_follows_its_write_and_its_flush(database: Database) {
    let world = database.node(NEVER);
    let page = || {
        let put = Put {
            value: b"page".to_vec().into(),
            dependencies: vec![b"post:1"[..].into()],
            ..Put::default()
        };
        world.node.set(b"page:1", put, Origin::default())
    };
    let is_there = || world.node.peek(b"page:1", |_| ()).is_some();
    page().wait().await.expect("a write");
    world.set(1, "new").await.expect("a write");
    assert!(!is_there(), "after the write");
    page().wait().await.expect("a write");
    world.flush().await;
    assert!(!is_there(), "after the flush");
}

#[tokio::test]
async fn a_folder_is_of_one_node_and_a_node_without_one_says_so() {
    let database = Database::new(Kind::Sqlite);
    let world = database.node(NEVER);
    world.set(1, "mine").await.expect("a write");
    let tasks = Tasks::start().expect("a thread");
    let config = || Config::parse(&database.config(NEVER)).expect("a valid configuration");
    let Err(refused) = Node::start(config(), database.path(), tasks.handle()) else { panic!("it started") };
    assert!(
        refused.0.starts_with("another node (process")
            && refused.0.contains("give this one a folder of its own"),
        "{refused}"
    );
    assert_eq!(world.get(1).await.as_deref(), Some("mine"));

    let sources = [("main".to_owned(), world.node.source("main").expect("it has a source").clone())];
    let Ok(bare) = Node::over(config(), sources.into(), tasks.handle()) else { panic!("it does not start") };
    let put = Put { value: b"x".to_vec().into(), ..Put::default() };
    let refused = bare.set(b"post:1", put, Origin::default()).wait().await;
    assert!(
        matches!(&refused, Err(WriteError::Strategy(Strategy::Back, why)) if why.contains("no journal")),
        "{refused:?}"
    );
}
