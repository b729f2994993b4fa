//! Three nodes on one SQLite file: each of them reads its log.

use super::nodes::Cluster;
use super::support::{Raw, wait_for};
use super::world::bulk;

#[test]
fn nodes_on_one_file_show_what_it_has() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("posts.db");
    let file = format!(
        r#"
[source.main]
url = "sqlite://{}"
seed = """CREATE TABLE posts (id INTEGER PRIMARY KEY, content TEXT, author INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30) INSERT INTO posts SELECT i, 'post ' || i, i % 3 FROM n"""

[[keyspace]]
pattern = "post:{{id:int}}"
source = "main"
load = "SELECT content, author FROM posts WHERE id = :id"
store = "UPDATE posts SET content = :value WHERE id = :id"
write = "write-through"
tags = ["author:{{author}}"]

[[keyspace.feed]]
table = "posts"
keys = ["post:{{id}}"]
tags = ["author:{{author}}"]

[[keyspace]]
pattern = "page:{{author:int}}"
source = "main"
load = "SELECT group_concat(content) FROM posts WHERE author = :author"
tags = ["author:{{author}}"]
"#,
        path.display()
    );
    let cluster = Cluster::start_with("", &file);
    let mut all: Vec<Raw> = (0..3).map(|node| cluster.plain(node)).collect();
    let other = rusqlite::Connection::open(&path).expect("the nodes made it");
    other.busy_timeout(std::time::Duration::from_secs(10)).expect("it is open");
    for id in 1..=30_usize {
        let (key, page) = (format!("post:{id}"), format!("page:{}", id % 3));
        for connection in &mut all {
            assert_eq!(connection.call(&["GET", &key])[0], b'$');
            assert_eq!(connection.call(&["GET", &page])[0], b'$');
        }
        let value = format!("written {id}");
        assert_eq!(all[id % 3].call(&["SET", &key, &value]), b"+OK\r\n");
        for connection in &mut all {
            assert_eq!(connection.call(&["GET", &key]), bulk(&value));
            let shown = connection.call(&["CW.GET", &page, "LEVEL", "strong"]);
            assert!(String::from_utf8_lossy(&shown).contains(&value), "{page}");
        }
        let value = format!("by another program {id}");
        other
            .execute("UPDATE posts SET content = ?1 WHERE id = ?2", (&value, id as i64))
            .expect("it is written");
        assert_eq!(all[(id + 1) % 3].call(&["CW.GET", &key, "LEVEL", "strong"]), bulk(&value));
        wait_for("the commit to come through", || {
            (all[(id + 2) % 3].call(&["GET", &key]) == bulk(&value)).then_some(())
        });
    }
}
