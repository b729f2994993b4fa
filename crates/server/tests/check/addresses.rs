//! `sqlite://`: known parameters are obeyed, and nothing makes files of odd names.

use crate::program::Folder;
use crate::support::wait_for;

fn config(url: &str, more: &str) -> String {
    format!(
        r#"
[source.main]
url = "{url}"
{more}

[[keyspace]]
pattern = "post:{{id:int}}"
source = "main"
load = "SELECT content FROM posts WHERE id = :id"

[[keyspace.feed]]
table = "posts"
keys = ["post:{{id}}"]
"#
    )
}

const TABLE: &str =
    "CREATE TABLE posts (id INTEGER PRIMARY KEY, content TEXT); INSERT INTO posts VALUES (1, 'old');";

#[test]
fn a_read_only_file_is_followed_and_never_written_to() {
    let folder = Folder::new(&config("sqlite://posts.db?mode=ro", ""));
    let missing = folder.clearwell(&["feed", "init"]);
    assert!(!missing.success && missing.told.contains("posts.db does not exist"), "{missing:?}");
    folder.sqlite3("posts.db", TABLE);
    // Nobody has made what records its changes, and this node may not.
    let mut refused = folder.serve();
    wait_for("the node to refuse", || refused.ended());
    let told = refused.output();
    assert!(told.contains("lacks triggers") && told.contains("clearwell feed init"), "{told}");
    assert_eq!(folder.sqlite3("posts.db", "SELECT count(*) FROM sqlite_schema;"), "1");
    let run = folder.clearwell(&["feed", "init", "--run"]);
    assert!(!run.success && run.told.contains("mode=ro does not allow --run"), "{run:?}");
    let printed = folder.clearwell(&["feed", "init"]).printed;
    folder.sqlite3("posts.db", &printed);
    let ready = folder.clearwell(&["feed", "init"]);
    assert!(ready.success && ready.printed == "-- main: ready\n", "{ready:?}");

    let node = folder.node();
    assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nold\r\n");
    folder.sqlite3("posts.db", "UPDATE posts SET content = 'new' WHERE id = 1;");
    wait_for("the change", || (node.ask(&["GET", "post:1"]) == "$3\r\nnew\r\n").then_some(()));
    assert!(node.ask(&["CW.GET", "post:1", "LEVEL", "strong"]).contains("new"));
    let refused = node.ask(&["SET", "post:1", "mine"]);
    assert!(refused.starts_with('-'), "{refused}");
    let files = folder.files();
    assert!(files.iter().all(|name| !name.contains('?') && !name.contains("mode")), "{files:?}");

    // A trigger that goes away is a gap that this node cannot close.
    folder.sqlite3("posts.db", "DROP TRIGGER clearwell_posts_update;");
    wait_for("the gap", || (node.json("/api/cache/health")["status"] == "degraded").then_some(()));
    folder.sqlite3("posts.db", &folder.clearwell(&["feed", "init"]).printed);
    wait_for("its end", || (node.json("/api/cache/health")["status"] == "ok").then_some(()));
    assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nnew\r\n");
}

#[test]
fn a_read_only_file_takes_no_keyspace_that_writes() {
    let text = config("sqlite://posts.db?mode=ro", "");
    for (key, sql) in
        [("store", "INSERT INTO posts VALUES (:id, :value)"), ("delete", "DELETE FROM posts WHERE id = :id")]
    {
        let text = text.replace("load =", &format!("{key} = \"{sql}\"\nload ="));
        let refused = Folder::new(&text).clearwell(&["serve", "--check"]);
        let expected = format!(":9: {key} writes, and the source is opened with mode=ro");
        assert!(!refused.success && refused.told.contains(&expected), "{refused:?}");
    }
}

#[test]
fn a_database_in_memory_leaves_no_file() {
    for url in ["sqlite://:memory:", "sqlite://posts.db?mode=memory"] {
        let folder = Folder::new(&config(url, &format!("seed = \"{TABLE}\"")).replace(
            "load =",
            "store = \"INSERT INTO posts VALUES (:id, :value) ON CONFLICT (id) DO UPDATE SET content = excluded.content\"\nload =",
        ));
        for _ in 0..2 {
            let node = folder.node();
            assert_eq!(node.ask(&["GET", "post:1"]), "$3\r\nold\r\n", "each node begins by the seed");
            assert_eq!(node.ask(&["SET", "post:1", "new"]), "+OK\r\n");
            assert!(node.ask(&["CW.GET", "post:1", "LEVEL", "strong"]).contains("new"));
            node.ask(&["DEL", "post:9"]);
            assert_eq!(node.ask(&["GET", "post:9"]), "$-1\r\n");
        }
        let files = folder.files();
        assert!(!files.iter().any(|name| name.contains("memory") || name.ends_with(".db")), "{files:?}");
    }
}

#[test]
fn a_file_must_be_where_its_address_says() {
    let folder = Folder::new("");
    for (url, seed, why) in [
        ("sqlite://nowhere/posts.db", true, "the folder ./nowhere does not exist"),
        ("sqlite:///nowhere/at/all/posts.db", true, "the folder /nowhere/at/all does not exist"),
        ("sqlite://posts.db?mode=rw", false, "posts.db does not exist, and the url's mode does not make it"),
        ("sqlite://posts.db?mode=ro", false, "posts.db does not exist, and the url's mode does not make it"),
        ("sqlite://posts.db", false, "posts.db does not exist, and there is no seed"),
        ("sqlite://.", true, "is a folder"),
        ("sqlite://posts.db?mode=rw", true, "seed makes a new database, which the url's mode does not"),
        ("sqlite://:memory:", false, "a database in memory begins empty"),
        ("sqlite://posts.db?moed=ro", false, "unknown parameter \"moed\" in the url; did you mean \"mode\"?"),
    ] {
        let seed = if seed { format!("seed = \"{TABLE}\"") } else { String::new() };
        folder.write(&config(url, &seed));
        let mut refused = folder.serve();
        wait_for("the node to refuse", || refused.ended());
        assert!(refused.output().contains(why), "{url}: {}", refused.output());
    }
    assert_eq!(folder.files(), ["clearwell.toml", "lock"], "nothing was made");

    folder.sqlite3("my posts?.db", TABLE);
    folder.write(&config("sqlite://my%20posts%3F.db?mode=rw", ""));
    assert_eq!(folder.node().ask(&["GET", "post:1"]), "$3\r\nold\r\n");
}
