//! `clearwell feed init` for SQLite: prints the triggers that are missing without touching the file, or makes them.

use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use tempfile::TempDir;

const CONFIG: &str = r#"
[source.main]
url = "sqlite://posts.db"

[[keyspace]]
pattern = "post:{id:int}"
source = "main"
load = "SELECT content FROM posts WHERE id = :id"

[[keyspace.feed]]
table = "posts"
keys = ["post:{id}"]
"#;

fn feed_init(folder: &Path, more: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_clearwell"))
        .args(["feed", "init", "--data", "."])
        .args(more)
        .current_dir(folder)
        .output()
        .expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn triggers(folder: &Path) -> u32 {
    let database = Connection::open(folder.join("posts.db")).expect("it opens");
    let count = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'";
    database.query_row(count, [], |row| row.get(0)).expect("a count")
}

#[test]
fn what_is_missing_is_printed_or_made() {
    let folder = TempDir::new().expect("a temporary folder");
    let folder = folder.path();
    std::fs::write(folder.join("clearwell.toml"), CONFIG).expect("the configuration is written");
    let (ready, _, wrong) = feed_init(folder, &[]);
    assert!(!ready && wrong.contains("posts.db does not exist"), "{wrong}");

    let path = folder.join("posts.db");
    let database = Connection::open(&path).expect("it opens");
    let table = "CREATE TABLE posts (id INTEGER PRIMARY KEY, content TEXT)";
    database.execute_batch(table).expect("a table");
    drop(database);
    let before = std::fs::read(&path).expect("the file");
    let (ready, printed, _) = feed_init(folder, &[]);
    assert!(!ready);
    assert!(
        printed.starts_with("-- main: to be run in this order, each by itself\nCREATE TABLE"),
        "{printed}"
    );
    assert_eq!(printed.matches("CREATE TRIGGER").count(), 5, "{printed}");
    assert_eq!(std::fs::read(&path).expect("the file"), before, "nothing was changed");

    // By hand, as an operator would who wants to see what is run.
    let sql: String = printed.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
    let by_hand = Connection::open(&path).expect("it opens");
    by_hand.execute_batch(&sql).expect("what was printed is SQL");
    drop(by_hand);
    assert_eq!(feed_init(folder, &[]), (true, "-- main: ready\n".into(), String::new()));
    assert_eq!(triggers(folder), 5);

    Connection::open(&path)
        .and_then(|database| database.execute_batch("DROP TRIGGER clearwell_posts_update"))
        .expect("it is dropped");
    let (ready, printed, _) = feed_init(folder, &["--run"]);
    assert!(ready && printed.starts_with("-- main: done\nCREATE TRIGGER"), "{printed}");
    assert_eq!(triggers(folder), 5);

    std::fs::write(folder.join("clearwell.toml"), CONFIG.replace("\"posts\"", "\"post\"")).expect("written");
    let (ready, _, wrong) = feed_init(folder, &[]);
    assert!(
        !ready && wrong.contains("the table post, which does not exist; did you mean \"posts\"?"),
        "{wrong}"
    );
}
