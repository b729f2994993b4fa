//! A cluster over a private PostgreSQL with posts of ten authors.

use super::nodes::Cluster;
use super::support::{Postgres, Raw, wait_for};

/// How many posts there are.
pub const POSTS: usize = 60;

const SCHEMA: &str = "CREATE TABLE posts (id int PRIMARY KEY, content text, author int); \
     INSERT INTO posts SELECT n, 'post ' || n, n % 10 FROM generate_series(1, 60) n; \
     ALTER TABLE posts REPLICA IDENTITY FULL; \
     CREATE PUBLICATION clearwell FOR TABLE posts";

/// An author's page names all of its posts.
fn keyspaces(url: &str) -> String {
    format!(
        r#"
[source.main]
url = "{url}"
timeout = "10s"

[[keyspace]]
pattern = "post:{{id:int}}"
source = "main"
load = "SELECT content, author FROM posts WHERE id = :id"
store = "UPDATE posts SET content = :value WHERE id = :id"
delete = "DELETE FROM posts WHERE id = :id"
write = "write-through"
tags = ["author:{{author}}"]

[[keyspace.feed]]
table = "posts"
keys = ["post:{{id}}"]
tags = ["author:{{author}}"]

[[keyspace]]
pattern = "page:{{author:int}}"
source = "main"
load = "SELECT string_agg(content, ',' ORDER BY id) FROM posts WHERE author = :author"
tags = ["author:{{author}}"]
"#
    )
}

/// The cluster and its database.
pub struct World {
    pub cluster: Cluster,
    /// A connection to each node that is not killed.
    pub all: Vec<Raw>,
    pub database: Postgres,
}

impl World {
    /// Three nodes that know of the database, whose feed is read.
    pub fn start() -> World {
        let database = Postgres::start();
        database.psql(SCHEMA);
        let cluster = Cluster::start_with("ack = \"replicas\"", &keyspaces(&database.url()));
        let all = (0..3).map(|node| cluster.plain(node)).collect();
        let mut world = World { cluster, all, database };
        world.wait();
        world
    }

    /// Waits until the feed is complete: what is loaded is kept.
    pub fn wait(&mut self) {
        self.wait_for_posts(&(1..=POSTS).collect::<Vec<_>>());
    }

    /// The same of some of them.
    pub fn wait_for_posts(&mut self, ids: &[usize]) {
        wait_for("posts to be kept", || {
            self.read_posts(ids);
            let before = self.loads();
            self.read_posts(ids);
            (self.loads() == before).then_some(())
        });
    }

    /// Reads each of these posts through some node.
    pub fn read_posts(&mut self, ids: &[usize]) {
        for id in ids {
            let node = id % self.all.len();
            let reply = self.all[node].call(&["GET", &format!("post:{id}")]);
            assert_eq!(reply[0], b'$', "{}", String::from_utf8_lossy(&reply));
        }
    }

    /// What a node says of a key at a level.
    pub fn read(&mut self, node: usize, key: &str, level: &str) -> Vec<u8> {
        self.all[node].call(&["CW.GET", key, "LEVEL", level])
    }

    /// How often nodes loaded posts in the last minutes, those that were killed left out.
    pub fn loads(&mut self) -> u64 {
        self.all.iter_mut().map(loads_of).sum()
    }
}

fn loads_of(node: &mut Raw) -> u64 {
    let said = String::from_utf8(node.call(&["INFO", "ALL"])).expect("text");
    let posts = said.lines().find(|line| line.starts_with("keyspace_post:{id:int}:"));
    let loads = posts.and_then(|line| line.split(",loads=").nth(1)?.split(',').next()?.parse().ok());
    loads.expect("a figure of the keyspace")
}

/// A bulk string as it stands on the wire.
pub fn bulk(text: &str) -> Vec<u8> {
    format!("${}\r\n{text}\r\n", text.len()).into_bytes()
}
