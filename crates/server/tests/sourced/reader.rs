//! One node reads the feed for all, and another one goes on when it dies.

use super::support::wait_for;
use super::world::{POSTS, World, bulk};

/// The process that reads the slot, by the port that it comes from.
fn reading_node(world: &World) -> usize {
    let port = wait_for("the slot to be read", || {
        let sql = "SELECT client_port FROM pg_stat_replication JOIN pg_replication_slots ON active_pid = pid";
        world.database.psql(sql).parse::<u16>().ok()
    });
    let has = |node: usize| ports_of(world.cluster.nodes[node].process.id()).contains(&port);
    (0..world.cluster.nodes.len()).find(|node| has(*node)).expect("one of the nodes reads it")
}

/// Local ports of a process's connections.
fn ports_of(process: u32) -> Vec<u16> {
    let table = std::fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap_or_default();
    let sockets: Vec<String> = std::fs::read_dir(format!("/proc/{process}/fd"))
        .into_iter()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let port = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_ours = words.get(9).is_some_and(|inode| sockets.iter().any(|socket| socket == inode));
        let local = words.get(1)?.split_once(':')?.1;
        is_ours.then(|| u16::from_str_radix(local, 16).ok())?
    };
    table.lines().filter_map(port).collect()
}

#[test]
fn another_node_goes_on_with_the_feed() {
    let mut world = World::start();
    assert_eq!(world.database.psql("SELECT count(*) FROM pg_replication_slots"), "1", "one slot for all");
    let reader = reading_node(&world);
    world.cluster.nodes[reader].process.kill9();
    world.all.remove(reader);
    // Nobody tells of this for a moment. It makes old what bears these authors' tags.
    let (changed, others): (Vec<usize>, Vec<usize>) = (1..=POSTS).partition(|id| id % 10 < 5);
    world.database.psql("UPDATE posts SET content = 'after ' || id WHERE author < 5");
    for id in &changed {
        let value = bulk(&format!("after {id}"));
        wait_for("the feed to be read again", || {
            let reply = world.read(id % 2, &format!("post:{id}"), "strong");
            if reply.starts_with(b"-") {
                return None;
            }
            assert_eq!(reply, value, "post:{id}");
            Some(())
        });
    }
    // While the feed is not complete nothing is kept, and what is in memory is not relied on.
    world.wait_for_posts(&changed);
    // The replicas of the node that died had what it had: the failover goes on warm.
    let before = world.loads();
    world.read_posts(&others);
    let anew = world.loads() - before;
    assert!(anew <= 3, "{anew} of {} posts were loaded anew", others.len());
    assert_eq!(world.database.psql("SELECT count(*) FROM pg_replication_slots WHERE active"), "1");
}

#[test]
fn a_reader_that_stands_still_is_replaced_and_told_so() {
    let mut world = World::start();
    let reader = reading_node(&world);
    let stopped = world.cluster.nodes[reader].process.id().to_string();
    let signal = |signal: &str| {
        let sent = std::process::Command::new("kill").args([signal, &stopped]).status();
        assert!(sent.expect("kill is there").success());
    };
    signal("-STOP");
    let others: Vec<usize> = (0..3).filter(|node| *node != reader).collect();
    world.database.psql("UPDATE posts SET content = 'meanwhile ' || id");
    for id in 1..=POSTS {
        let (key, value) = (format!("post:{id}"), bulk(&format!("meanwhile {id}")));
        wait_for("the feed to be read again", || {
            let reply = world.read(others[id % 2], &key, "strong");
            if reply.starts_with(b"-") {
                return None;
            }
            assert_eq!(reply, value, "{key}");
            Some(())
        });
    }
    signal("-CONT");
    for id in 1..=POSTS {
        let (key, value) = (format!("post:{id}"), bulk(&format!("meanwhile {id}")));
        // It has all of it in memory from before; nobody may be shown that.
        let reply = world.all[reader].call(&["GET", &key]);
        assert!(reply == value || reply.starts_with(b"-"), "{key}: {}", String::from_utf8_lossy(&reply));
    }
}
