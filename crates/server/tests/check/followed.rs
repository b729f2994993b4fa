//! A configuration that follows nothing is told: what needs no database at `--check`, the rest with `--connect` and by the node.

use crate::program::{Folder, Node};
use crate::support::Postgres;

/// A keyspace `p:{id:int}` over posts, with these lines of its own and this feed.
fn config(own: &str, feed: &str) -> String {
    let seed = "CREATE TABLE posts (id INTEGER PRIMARY KEY, content TEXT, author_id INTEGER)";
    format!(
        "[source.main]\nurl = 'sqlite://posts.db'\nseed = '{seed}'\n[[keyspace]]\npattern = 'p:{{id:int}}'\nsource = 'main'\n\
         load = 'SELECT content, author_id FROM posts WHERE id = :id'\n{own}\n{feed}"
    )
}

fn feed(names: &str) -> String {
    format!("[[keyspace.feed]]\ntable = 'posts'\n{names}")
}

#[test]
fn a_feed_that_reaches_nothing_is_told_with_its_line_and_the_nearest_name() {
    let quiet = "what is meant for others is quiet with unfollowed = \"ok\"";
    for (own, names, success, told) in [
        // (in the keyspace, in the feed, whether it may start, what is said)
        ("", "keys = ['p:{id}']", true, String::new()),
        ("", "keys = ['posts:{id}']", true, format!(":11: keys in [[keyspace.feed]]: no keyspace has such keys as \"posts:{{id}}\"; the nearest is \"p:{{id:int}}\"; {quiet}")),
        ("", "keys = ['P:{id}']", false, ":11: keys in [[keyspace.feed]]: no keyspace has such keys as \"P:{id}\"; did you mean \"p:{id:int}\"? The type of its capture or its case differs".to_owned()),
        ("", "keys = ['pp:{id}']", false, ":11: keys in [[keyspace.feed]]: no keyspace has such keys as \"pp:{id}\"; did you mean \"p:{id:int}\"?".to_owned()),
        ("", "keys = ['p:x{id}']", false, ":11: keys in [[keyspace.feed]]: no keyspace has such keys as \"p:x{id}\"; did you mean \"p:{id:int}\"?".to_owned()),
        ("", "keys = ['p:{id}', 'page:home']", true, ":11: keys in [[keyspace.feed]]: no keyspace has such keys as \"page:home\"".to_owned()),
        ("tags = ['author:{author_id}']", "tags = ['author:{author_id}']", true, String::new()),
        ("tags = ['author:{author_id}']", "tags = ['writer:{author_id}']", true, ":11: tags in [[keyspace.feed]]: no keyspace carries the tag \"writer:{author_id}\"; the nearest is \"author:{author_id}\"".to_owned()),
        ("tags = ['author:{author_id}']", "tags = ['Author:{author_id}']", false, ":11: tags in [[keyspace.feed]]: no keyspace carries the tag \"Author:{author_id}\"; did you mean \"author:{author_id}\"?".to_owned()),
        ("events = ['moved{id={id}}']", "events = ['moved{id={id}}']", true, String::new()),
        ("events = ['moved{id={id}}']", "events = ['posted{id={id}}']", true, ":11: events in [[keyspace.feed]]: no keyspace depends on the event \"posted{id={id}}\"; the nearest is \"moved\"".to_owned()),
        ("unfollowed = 'ok'", "keys = ['posts:{id}', 'P:{id}']", true, String::new()),
        ("unfollowed = 'refuse'", "keys = ['posts:{id}']", false, ":11: keys in [[keyspace.feed]]: no keyspace has".to_owned()),
        ("unfollowed = 'warm'", "keys = ['p:{id}']", false, ":8: unfollowed in [[keyspace]]: \"warm\" is no answer; did you mean \"warn\"?".to_owned()),
    ] {
        let done = Folder::new(&config(own, &feed(names))).clearwell(&["serve", "--check"]);
        assert_eq!(done.success, success, "{own} {names}: {done:?}");
        match told.is_empty() {
            true => assert!(done.told.is_empty() && done.printed.ends_with("no mistakes\n"), "{done:?}"),
            false => assert!(done.told.contains(&told) && !done.printed.contains("no mistakes"), "{told}\n{done:?}"),
        }
    }
}

#[test]
fn a_keyspace_without_a_feed_is_told_unless_that_is_meant() {
    let told = "warning: clearwell.toml:6: nothing follows the keyspace p:{id:int}: no [[keyspace.feed]] has";
    let done = Folder::new(&config("", "")).clearwell(&["serve", "--check"]);
    assert!(done.success && done.told.starts_with(told), "{done:?}");
    assert_eq!(done.printed, "clearwell.toml: 1 source, 1 keyspace, 1 warning\n");
    let done = Folder::new(&config("unfollowed = 'ok'", "")).clearwell(&["serve", "--check", "--connect"]);
    assert!(done.success && done.told.is_empty() && done.printed.ends_with("no mistakes\n"), "{done:?}");
    let done = Folder::new(&config("unfollowed = 'refuse'", "")).clearwell(&["serve", "--check"]);
    assert!(!done.success && done.told.contains("clearwell.toml:6: nothing follows"), "{done:?}");

    let json = |config: &str| {
        let done = Folder::new(config).clearwell(&["serve", "--check", "--json"]);
        (done.success, serde_json::from_str::<serde_json::Value>(&done.printed).expect("JSON"))
    };
    let (success, found) = json(&config("", ""));
    assert_eq!(
        (success, &found["warnings"][0]["line"], &found["connected"]),
        (true, &6.into(), &false.into())
    );
    let (success, found) = json(&config("tl = '1s'", ""));
    assert_eq!((success, &found["mistakes"][0]["line"]), (false, &8.into()));
}

/// The tables of a blog, for both databases, and a keyspace that joins one that no feed names.
const TABLES: &str = "CREATE TABLE posts (id INTEGER PRIMARY KEY, content TEXT, author_id INTEGER);
    CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT);
    INSERT INTO authors VALUES (7, 'Ann'); INSERT INTO posts VALUES (1, 'Rain', 7);
    CREATE VIEW signed AS SELECT p.id, p.content || ' by ' || a.name AS content FROM posts p JOIN authors a ON a.id = p.author_id;";

fn blog(source: &str, from: &str, own: &str) -> String {
    format!(
        r#"
[source.main]
{source}

[[keyspace]]
pattern = "post:{{id:int}}"
source = "main"
load = "SELECT content FROM {from} AS t WHERE id = :id"
{own}

[[keyspace.feed]]
table = "posts"
keys = ["post:{{id}}"]
"#
    )
}

/// What each surface says of a key whose keyspace is followed, or is not because of `why`.
fn surfaces_say(node: &Node, followed: bool, meant: bool, why: &str) {
    assert_eq!(node.ask(&["GET", "post:1"]), "$11\r\nRain by Ann\r\n");
    let said = if followed { "$8\r\nfollowed\r\n$3\r\nyes\r\n" } else { "$8\r\nfollowed\r\n$2\r\nno\r\n" };
    for words in [&["CW.GET", "post:1", "META"][..], &["CW.ENTRY", "post:1"]] {
        assert!(node.ask(words).contains(said), "{words:?}: {}", node.ask(words));
    }
    let entry = ureq::get(&format!("http://{}/api/cache/post:1", node.http)).call().expect("an answer");
    let header = entry.headers().get("x-clearwell-followed").expect("it is said").to_str();
    assert_eq!(header.expect("text"), if followed { "yes" } else { "no" });
    assert_eq!(node.json("/api/cache/post:1")["followed"], followed);
    let health = node.json("/api/cache/health");
    let source = &health["sources"][0];
    let verified = followed || meant;
    assert_eq!(
        (&source["verified"], &health["status"]),
        (&verified.into(), &if verified { "ok" } else { "degraded" }.into())
    );
    let info = node.ask(&["INFO", "sources"]);
    assert!(info.contains(if verified { "verified=1" } else { "verified=0" }), "{info}");
    if followed {
        assert_eq!(source["unfollowed"], serde_json::json!([]));
    } else {
        let of = &source["unfollowed"][0];
        assert_eq!((&of["pattern"], &of["meant"]), (&"post:{id:int}".into(), &meant.into()));
        assert!(of["why"].as_str().is_some_and(|told| told.contains(why)), "{of}");
        assert_eq!(info.contains(why), !meant, "{info}");
        assert_eq!(node.output().contains(why), !meant, "the log says it: {}", node.output());
    }
}

/// Each way in which a load may read a table that no feed names, told by `--check --connect` and by the node.
fn what_load_reads_is_found(folder: &Folder, source: &str, ways: &[(&str, &str)]) {
    for (from, why) in ways {
        folder.write(&blog(source, from, ""));
        let done = folder.clearwell(&["serve", "--check", "--connect"]);
        let told = "warning: clearwell.toml:6: keyspace post:{id:int} is not followed: ";
        assert!(done.success && done.told.contains(told) && done.told.contains(why), "{from}: {done:?}");
        assert!(
            folder.clearwell(&["serve", "--check"]).told.is_empty(),
            "no table is known without a database"
        );
        surfaces_say(&folder.node(), false, false, why);
    }
    let (from, why) = ways[0];
    folder.write(&blog(source, from, "unfollowed = \"ok\""));
    let done = folder.clearwell(&["serve", "--check", "--connect"]);
    assert!(done.success && done.told.is_empty(), "{done:?}");
    surfaces_say(&folder.node(), false, true, why);
    folder.write(&blog(source, from, "unfollowed = \"refuse\""));
    let done = folder.clearwell(&["serve", "--check", "--connect"]);
    assert!(!done.success && done.told.contains(why), "{done:?}");

    // A feed of the table that was left out.
    let more = "depends_on = [\"author:{author_id}\"]";
    let feed = "\n[[keyspace.feed]]\ntable = \"authors\"\nkeys = [\"author:{id}\"]\n";
    let joined = "(SELECT p.id, p.content || ' by ' || a.name AS content, p.author_id FROM posts p JOIN authors a ON a.id = p.author_id)";
    let followed =
        blog(source, joined, more).replace("SELECT content FROM", "SELECT content, author_id FROM") + feed;
    folder.write(&followed);
    if !source.contains("sqlite") {
        assert!(folder.clearwell(&["feed", "init", "--run"]).success);
    }
    let done = folder.clearwell(&["serve", "--check", "--connect"]);
    assert!(done.success && done.told.is_empty() && done.printed.ends_with("no mistakes\n"), "{done:?}");
    surfaces_say(&folder.node(), true, false, "");
}

const JOINED: &str = "(SELECT p.id, p.content || ' by ' || a.name AS content FROM posts p JOIN authors a ON a.id = p.author_id)";
const NESTED: &str =
    "(SELECT id, content || ' by ' || (SELECT name FROM authors WHERE id = author_id) AS content FROM posts)";
const NO_FEED: &str = "no feed names authors, which load reads";

#[test]
fn what_load_reads_in_sqlite_is_found() {
    let folder = Folder::new("");
    folder.sqlite3("posts.db", TABLES);
    let ways = [(JOINED, NO_FEED), (NESTED, NO_FEED), ("signed", NO_FEED)];
    what_load_reads_is_found(&folder, "url = \"sqlite://posts.db\"", &ways);
}

#[test]
fn what_load_reads_in_postgresql_is_found() {
    let database = Postgres::start();
    database.psql(TABLES);
    database.psql(
        "CREATE FUNCTION named(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM authors WHERE id = $1';
         CREATE FUNCTION looked(int) RETURNS text LANGUAGE sql STABLE BEGIN ATOMIC SELECT name FROM authors WHERE id = $1; END;
         CREATE FUNCTION loud(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
         CREATE MATERIALIZED VIEW kept AS SELECT * FROM signed",
    );
    let folder = Folder::new("");
    let source = format!("url = \"{}\"", database.url());
    folder.write(&blog(&source, "posts", ""));
    let missing = folder.clearwell(&["serve", "--check", "--connect"]);
    assert!(!missing.success && missing.told.contains("there is no publication clearwell"), "{missing:?}");
    assert_eq!(database.psql("SELECT count(*) FROM pg_publication"), "0", "a check changes nothing");
    assert!(folder.clearwell(&["feed", "init", "--run"]).success);
    let named = "(SELECT id, content || ' by ' || named(author_id) AS content FROM posts)";
    let looked = "(SELECT id, loud(content) || ' by ' || looked(author_id) AS content FROM posts)";
    let ways = [
        (JOINED, NO_FEED),
        (NESTED, NO_FEED),
        ("signed", NO_FEED),
        ("kept", "no feed names kept, which load reads"),
        (named, "the function named(integer) may read anything"),
        (looked, NO_FEED),
    ];
    what_load_reads_is_found(&folder, &source, &ways);
}

#[test]
fn a_check_that_connects_finds_what_does_not_fit_and_changes_nothing() {
    let folder = Folder::new(&config("", &feed("keys = ['p:{id}']")));
    let check = || folder.clearwell(&["serve", "--check", "--connect"]);
    assert!(check().success, "a file that is not there yet is looked at as its seed makes it: {:?}", check());
    assert_eq!(folder.files(), ["clearwell.toml"]);
    folder.sqlite3("posts.db", "CREATE TABLE posts (id INTEGER PRIMARY KEY, body TEXT, author_id INTEGER);");
    let done = check();
    assert!(!done.success && done.told.contains("clearwell.toml:5: keyspace p:{id:int}: load: "), "{done:?}");
    assert!(done.told.contains("no such column: content"), "{done:?}");
    folder.write(&config("", &feed("keys = ['p:{id}']\ntags = ['author:{autor_id}']")));
    let done = check();
    assert!(
        done.told.contains("the column autor_id, which it does not have; did you mean \"author_id\"?"),
        "{done:?}"
    );
    assert_eq!(folder.sqlite3("posts.db", "SELECT count(*) FROM sqlite_schema;"), "1");
}

#[test]
fn partitions_heirs_and_policies_are_seen_through() {
    let database = Postgres::start();
    database.psql(TABLES);
    database.psql(
        "CREATE TABLE parts (id int PRIMARY KEY, content text) PARTITION BY RANGE (id);
         CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
         CREATE TABLE heir () INHERITS (posts);
         CREATE ROLE app LOGIN REPLICATION; GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
         ALTER TABLE posts ENABLE ROW LEVEL SECURITY;
         CREATE POLICY by_author ON posts USING (EXISTS (SELECT 1 FROM authors a WHERE a.id = author_id))",
    );
    let url = |role: &str| format!("url = \"{}\"", database.url().replace("postgres@", &format!("{role}@")));
    let warned = |config: String| Folder::new(&config).clearwell(&["serve", "--check", "--connect"]).told;
    let parts =
        |from: &str| blog(&url("postgres"), from, "").replace("table = \"posts\"", "table = \"parts\"");
    assert!(!warned(parts("parts_1")).contains("not followed"), "a feed of the root tells of its partitions");
    assert!(!warned(parts("parts")).contains("not followed"));
    let child = parts("parts").replace("table = \"parts\"", "table = \"parts_1\"");
    assert!(warned(child).contains("no feed names parts, which load reads"), "one partition is not all");
    assert!(!warned(blog(&url("postgres"), "heir", "")).contains("not followed"));
    assert!(
        !warned(blog(&url("postgres"), "posts", "")).contains("not followed"),
        "no policy holds for its owner"
    );
    assert!(warned(blog(&url("app"), "posts", "")).contains(NO_FEED), "the policy reads authors");
}

/// A `store` or `delete` of another table than `load` reads is told; one that reaches what `load` reads, by whatever way, is not.
fn what_store_and_delete_write_is_found(folder: &Folder, source: &str, quiet: &[&str]) {
    let store = |table: &str| format!("store = \"INSERT INTO {table} (id, content) VALUES (:id, :value)\"");
    let delete = |table: &str| format!("delete = \"DELETE FROM {table} WHERE id = :id\"");
    for (own, why) in [
        (store("drafts"), "store writes drafts, which load does not read"),
        (format!("{}\n{}", store("posts"), delete("drafts")), "delete writes drafts, which load does not read"),
        (
            "store = \"UPDATE drafts SET content = :value WHERE id = (SELECT id FROM posts WHERE id = :id)\"".to_owned(),
            "store writes drafts, which load does not read",
        ),
        (
            "store = \"INSERT INTO drafts (id, content) VALUES (:id, :value) ON CONFLICT (id) DO UPDATE SET content = excluded.content RETURNING id\"".to_owned(),
            "store writes drafts, which load does not read",
        ),
    ] {
        folder.write(&blog(source, "posts", &own));
        let done = folder.clearwell(&["serve", "--check", "--connect"]);
        let told = format!("warning: clearwell.toml:6: keyspace post:{{id:int}} is not followed: {why}");
        assert!(done.success && done.told.contains(&told), "{own}: {done:?}");
        let node = folder.node();
        assert!(node.ask(&["CW.GET", "post:1", "META"]).contains("$8\r\nfollowed\r\n$2\r\nno\r\n"), "{own}");
        let health = node.json("/api/cache/health");
        assert!(health["sources"][0]["unfollowed"][0]["why"].as_str().is_some_and(|it| it.contains(why)), "{health}");
        assert!(node.output().contains(why), "the log says it: {}", node.output());
    }
    folder.write(&blog(source, "posts", &format!("{}\nunfollowed = \"refuse\"", store("drafts"))));
    assert!(!folder.clearwell(&["serve", "--check", "--connect"]).success);
    folder.write(&blog(source, "posts", &format!("{}\nunfollowed = \"ok\"", store("drafts"))));
    assert!(folder.clearwell(&["serve", "--check", "--connect"]).told.is_empty());

    let both = [store("posts"), delete("posts")].join("\n");
    for own in quiet.iter().copied().chain([&*both, &store("plainly")]) {
        folder.write(&blog(source, "posts", own));
        let done = folder.clearwell(&["serve", "--check", "--connect"]);
        assert!(done.success && done.told.is_empty(), "{own}: {done:?}");
    }
}

/// Tables that nobody reads, and a view of one that is read.
const OTHERS: &str = "CREATE TABLE drafts (id INTEGER PRIMARY KEY, content TEXT);
    CREATE VIEW plainly AS SELECT id, content FROM posts;";

#[test]
fn what_is_written_in_sqlite_and_not_loaded_is_found() {
    let folder = Folder::new("");
    folder.sqlite3("posts.db", TABLES);
    folder.sqlite3("posts.db", OTHERS);
    let trigger = "CREATE TRIGGER through INSTEAD OF INSERT ON plainly BEGIN
        INSERT INTO posts (id, content) VALUES (new.id, new.content); END;
        CREATE TRIGGER kept AFTER INSERT ON posts BEGIN INSERT OR REPLACE INTO drafts VALUES (new.id, new.content); END;";
    folder.sqlite3("posts.db", trigger);
    let other_case = "store = \"REPLACE INTO POSTS (id, content) VALUES (:id, :value)\"";
    what_store_and_delete_write_is_found(&folder, "url = \"sqlite://posts.db\"", &[other_case]);
}

#[test]
fn what_is_written_in_postgresql_and_not_loaded_is_found() {
    let database = Postgres::start();
    database.psql(TABLES);
    database.psql(OTHERS);
    database.psql(
        "CREATE FUNCTION save(int, text) RETURNS int LANGUAGE sql AS 'INSERT INTO drafts VALUES ($1, $2) RETURNING 1';
         CREATE VIEW joined AS SELECT p.id, p.content, d.content AS draft FROM posts p JOIN drafts d USING (id);
         CREATE FUNCTION through() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
         CREATE TRIGGER through INSTEAD OF INSERT ON joined FOR EACH ROW EXECUTE FUNCTION through()",
    );
    let folder = Folder::new("");
    let source = format!("url = \"{}\"", database.url());
    folder.write(&blog(&source, "posts", ""));
    assert!(folder.clearwell(&["feed", "init", "--run"]).success);
    let quiet = [
        "store = \"WITH kept AS (INSERT INTO drafts VALUES (:id, :value)) UPDATE posts SET content = :value WHERE id = :id\"",
        "store = \"WITH new AS (INSERT INTO posts (id, content) VALUES (:id, :value) RETURNING id, content) INSERT INTO drafts SELECT * FROM new\"",
        // Not known.
        "store = \"SELECT save(:id, :value)\"",
        "store = \"INSERT INTO joined (id, content) VALUES (:id, :value)\"",
    ];
    what_store_and_delete_write_is_found(&folder, &source, &quiet);
    assert_eq!(database.psql("SELECT count(*) FROM drafts"), "0", "nothing was run");
}

#[test]
fn a_store_into_a_partition_writes_what_load_reads() {
    let database = Postgres::start();
    database.psql(
        "CREATE TABLE posts (id int PRIMARY KEY, content text) PARTITION BY RANGE (id);
         CREATE TABLE posts_1 PARTITION OF posts FOR VALUES FROM (0) TO (100)",
    );
    let source = format!("url = \"{}\"", database.url());
    let told = |table: &str, own: &str| {
        Folder::new(&blog(&source, table, own)).clearwell(&["serve", "--check", "--connect"]).told
    };
    let store = |table: &str| format!("store = \"UPDATE {table} SET content = :value WHERE id = :id\"");
    for (loaded, stored) in [("posts", "posts_1"), ("posts_1", "posts"), ("posts", "public.posts")] {
        let told = told(loaded, &store(stored));
        assert!(!told.contains("not followed"), "{loaded} {stored}: {told}");
    }
}
