//! Rows from a standby: never older than what the feed has told.

use std::sync::Arc;

use clearwell::config::{Config, Level};
use clearwell::node::Node;
use clearwell::tasks::Tasks;
use clearwell_source::Source as _;
use clearwell_source::config::PostgresConfig;

use crate::node::{config, read};
use crate::support::{Postgres, wait_for};
use crate::world::{POSTS, World, int, set_up_posts, text, watched};

fn pause(standby: &Postgres) {
    standby.psql("SELECT pg_wal_replay_pause()");
    wait_for("replay to pause", || {
        (standby.psql("SELECT pg_get_wal_replay_pause_state()") == "paused").then_some(())
    });
}

fn resume(standby: &Postgres) {
    standby.psql("SELECT pg_wal_replay_resume()");
}

#[test]
fn a_standby_is_asked_only_for_what_it_has() {
    let database = Postgres::start();
    database.psql(POSTS);
    let standby = database.standby();
    let config = PostgresConfig { replicas: vec![standby.url()], ..PostgresConfig::new("") };
    let world = World::over(database, config, watched(&[("posts", &["author_id", "id"])]));
    let sql = "SELECT content, pg_is_in_recovery()::text FROM posts WHERE id = :id";
    let load = || text(world.load(sql, vec![int("id", 1)]).expect("it is loaded").as_ref());
    wait_for("the standby to be asked", || (load() == "post 1,true").then_some(()));
    for round in 0..5 {
        pause(&standby);
        world.recorder.take();
        world.database.psql(&format!("UPDATE posts SET content = 'round {round}' WHERE id = 1"));
        wait_for("the commit to be told", || (world.recorder.changes().len() == 1).then_some(()));
        for _ in 0..20 {
            assert_eq!(load(), format!("round {round},false"));
        }
        world.barrier();
        assert_eq!(load(), format!("round {round},false"));
        resume(&standby);
        wait_for("the standby to be asked again", || (load() == format!("round {round},true")).then_some(()));
    }
    // Where nobody tells of changes, only the database itself is new enough.
    let newest = world.source.load_newest(&clearwell_source::Statement(sql.into()), vec![int("id", 1)]);
    assert_eq!(text(world.runtime.block_on(newest).expect("it is loaded").as_ref()), "round 4,false");
    // One that is gone, and one that has become a server of its own, are passed over.
    standby.psql("SELECT pg_promote()");
    wait_for("the promotion", || (standby.psql("SELECT pg_is_in_recovery()") == "f").then_some(()));
    standby.psql("UPDATE posts SET content = 'elsewhere'; SELECT pg_switch_wal()");
    for _ in 0..20 {
        assert_eq!(load(), "round 4,false");
    }
    drop(standby);
    assert_eq!(load(), "round 4,false");
}

#[test]
fn another_server_is_no_standby() {
    let database = Postgres::start();
    database.psql(POSTS);
    let other = Postgres::start();
    other.psql(POSTS);
    other.psql("UPDATE posts SET content = 'other'");
    let stranger = other.standby();
    other.psql("CREATE TABLE filler AS SELECT repeat('x', 1000) FROM generate_series(1, 30000)");
    let config = PostgresConfig { replicas: vec![stranger.url()], ..PostgresConfig::new("") };
    let world = World::over(database, config, watched(&[("posts", &["author_id", "id"])]));
    for _ in 0..5 {
        let row = world.load("SELECT content FROM posts WHERE id = :id", vec![int("id", 1)]);
        assert_eq!(row.map(|row| text(row.as_ref())), Ok("post 1".into()));
    }
}

#[tokio::test]
async fn a_node_over_a_lagging_standby_keeps_nothing_old() {
    let database = Postgres::start();
    database.psql(POSTS);
    let standby = database.standby();
    let config = config(&database).replace("url = ", &format!("replicas = [\"{}\"]\nurl = ", standby.url()));
    let config = Config::parse(&config).expect("valid");
    set_up_posts(&config);
    let folder = tempfile::tempdir().expect("a folder");
    let tasks = Tasks::start().expect("a thread");
    let node = Node::start(config, folder.path(), tasks.handle()).expect("a node");
    for round in 0..15 {
        if round % 3 == 1 {
            pause(&standby);
        }
        let content = format!("round {round}");
        // Readers load while the commit is under way.
        let reading = {
            let node: Arc<Node> = node.clone();
            tasks.handle().spawn(async move {
                for n in 0..200 {
                    read(&node, &format!("post:{}", n % 10 + 1), Level::Eventual).await;
                }
            })
        };
        database.psql(&format!("UPDATE posts SET content = '{content}' WHERE id <= 10"));
        assert_eq!(read(&node, "post:1", Level::Strong).await.as_deref(), Some(&*content));
        // The barrier was for all of them: what is kept, and what is loaded from now on, is new.
        for id in 1..=10 {
            assert_eq!(read(&node, &format!("post:{id}"), Level::Eventual).await.as_deref(), Some(&*content));
        }
        reading.await.expect("it reads");
        for id in 1..=10 {
            assert_eq!(read(&node, &format!("post:{id}"), Level::Weak).await.as_deref(), Some(&*content));
        }
        if round % 3 == 2 {
            resume(&standby);
        }
    }
}
