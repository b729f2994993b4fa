//! What every node shows of a database that all of them share.

use super::support::wait_for;
use super::world::{POSTS, World, bulk};

#[test]
fn every_node_shows_what_the_database_has() {
    let mut world = World::start();
    what_others_commit_is_seen(&mut world);
    what_is_written_through_one_node_is_seen_through_all(&mut world);
    pages_follow_their_posts(&mut world);
    one_load_serves_all_who_ask(&mut world);
    a_table_that_is_emptied_is_seen_by_all(&mut world);
}

fn what_others_commit_is_seen(world: &mut World) {
    for id in 1..=POSTS {
        let (key, value) = (format!("post:{id}"), format!("by psql {id}"));
        world.database.psql(&format!("UPDATE posts SET content = '{value}' WHERE id = {id}"));
        let node = id % 3;
        let level = if id % 2 == 0 { "strong" } else { "bounded(1ms)" };
        assert_eq!(world.read(node, &key, level), bulk(&value), "{key} at {level}");
        let other = (id + 1) % 3;
        assert_eq!(world.read(other, &key, "eventual"), bulk(&value), "{key}: its owner has it now");
    }
    world.database.psql("UPDATE posts SET content = 'all ' || id");
    for id in 1..=POSTS {
        let value = bulk(&format!("all {id}"));
        wait_for("a commit to come through", || {
            (world.all[id % 3].call(&["GET", &format!("post:{id}")]) == value).then_some(())
        });
    }
}

fn what_is_written_through_one_node_is_seen_through_all(world: &mut World) {
    for id in 1..=POSTS {
        let (key, value) = (format!("post:{id}"), format!("written {id}"));
        assert_eq!(world.all[id % 3].call(&["SET", &key, &value]), b"+OK\r\n");
        for node in 0..3 {
            assert_eq!(world.all[node].call(&["GET", &key]), bulk(&value), "{key} through {node}");
        }
    }
    assert_eq!(world.database.psql("SELECT count(*) FROM posts WHERE content LIKE 'written %'"), "60");
    assert_eq!(world.all[0].call(&["CW.DEL", "post:60", "STRATEGY", "write-through"]), b":1\r\n");
    for node in 0..3 {
        assert_eq!(world.all[node].call(&["GET", "post:60"]), b"$-1\r\n", "through {node}");
    }
    world.database.psql("INSERT INTO posts VALUES (60, 'back', 0)");
    assert_eq!(world.read(1, "post:60", "strong"), bulk("back"), "that there was none is forgotten too");
}

/// A page's tag belongs to another node than the page, for most of them.
fn pages_follow_their_posts(world: &mut World) {
    for author in 0..10 {
        let (page, id) = (format!("page:{author}"), if author == 0 { 10 } else { author });
        for node in 0..3 {
            assert_eq!(world.read(node, &page, "strong")[0], b'$');
        }
        let value = format!("new on page {author}");
        world.database.psql(&format!("UPDATE posts SET content = '{value}' WHERE id = {id}"));
        let node = author % 3;
        let shown = String::from_utf8(world.read(node, &page, "strong")).expect("text");
        assert!(shown.contains(&value), "{page} through {node}: {shown}");
        let again = format!("again on page {author}");
        assert_eq!(world.all[node].call(&["SET", &format!("post:{id}"), &again]), b"+OK\r\n");
        for node in 0..3 {
            let shown = String::from_utf8(world.all[node].call(&["GET", &page])).expect("text");
            assert!(shown.contains(&again), "{page} through {node}: {shown}");
        }
    }
}

fn one_load_serves_all_who_ask(world: &mut World) {
    let invalidated = world.all[0].call(&["CW.INVALIDATE", "PATTERN", "post:*"]);
    assert_ne!(invalidated[0], b'-', "{}", String::from_utf8_lossy(&invalidated));
    let before = world.loads();
    let asking: Vec<_> = (0..30)
        .map(|number| {
            let mut connection = world.cluster.plain(number % 3);
            std::thread::spawn(move || connection.call(&["GET", "post:7"]))
        })
        .collect();
    for asked in asking {
        assert_eq!(asked.join().expect("it asked")[0], b'$');
    }
    let loads = world.loads() - before;
    assert_eq!(loads, 1, "loads of one key");
}

fn a_table_that_is_emptied_is_seen_by_all(world: &mut World) {
    world.wait();
    world.database.psql("TRUNCATE posts");
    for id in 1..=POSTS {
        assert_eq!(world.read(id % 3, &format!("post:{id}"), "strong"), b"$-1\r\n", "{id}");
    }
    for author in 0..10 {
        assert_eq!(world.read(author % 3, &format!("page:{author}"), "strong"), b"$-1\r\n", "{author}");
    }
}
