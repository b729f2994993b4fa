//! Changes that no row event tells: a node over PostgreSQL, and an operator at psql beside it.

use std::sync::Arc;

use clearwell::config::{Config, Level};
use clearwell::node::{Demand, Node, Put};
use clearwell_engine::Origin;

use crate::support::{Postgres, wait_for};

/// A database, and a node whose keyspaces load as a test says.
struct World {
    node: Arc<Node>,
    _folder: tempfile::TempDir,
    /// Last, so that the node goes before its source.
    database: Postgres,
}

const TABLES: &str = "
    CREATE TABLE items (id int PRIMARY KEY, v text, owner text DEFAULT 'ann');
    INSERT INTO items SELECT n, 'v' || n FROM generate_series(1, 20) n;
    CREATE TABLE others (id int PRIMARY KEY, v text);
    INSERT INTO others SELECT n, 'o' || n FROM generate_series(1, 20) n;";

impl World {
    /// `item:{id}` is loaded by `load`, and `other:{id}` from the table `others`.
    fn new(setup: &str, load: &str) -> World {
        World::with(setup, load, "", "postgres")
    }

    fn with(setup: &str, load: &str, more: &str, role: &str) -> World {
        let database = Postgres::start();
        database.psql(TABLES);
        database.psql(setup);
        let url = database.url().replace("postgres@", &format!("{role}@"));
        let text = format!(
            r#"
[source.main]
url = "{url}"
behind_most = "20s"
timeout = "20s"

[[keyspace]]
pattern = "item:{{id:int}}"
source = "main"
load = "{load}"
{more}

[[keyspace.feed]]
table = "items"
keys = ["item:{{id}}"]

[[keyspace]]
pattern = "other:{{id:int}}"
source = "main"
load = "SELECT v FROM others WHERE id = :id"

[[keyspace.feed]]
table = "others"
keys = ["other:{{id}}"]
"#
        );
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("clearwell.toml");
        std::fs::write(&file, text.replace(role, "postgres")).expect("the folder is ours");
        let mut init = std::process::Command::new(env!("CARGO_BIN_EXE_clearwell"));
        let made = init.args(["feed", "init", "--run", "--config"]).arg(&file).output().expect("it runs");
        assert!(made.status.success(), "{made:?}");
        let config = Config::parse(&text).expect("valid");
        let node = Node::start(config, folder.path(), tokio::runtime::Handle::current()).expect("a node");
        World { node, _folder: folder, database }
    }

    async fn read(&self, key: &str, level: Level) -> Result<Option<String>, String> {
        let demand = Demand { level: Some(level), ..Demand::PLAIN };
        let answer =
            self.node.read(key.as_bytes(), demand).wait().await.map_err(|wrong| wrong.to_string())?;
        Ok(answer.value.map(|value| String::from_utf8(value.to_vec()).expect("text")))
    }

    async fn strong(&self, key: &str) -> String {
        self.read(key, Level::Strong).await.expect("an answer").unwrap_or_else(|| "-".into())
    }

    fn there(&self, key: &str) -> bool {
        self.node.peek(key.as_bytes(), |_| ()).is_some()
    }

    /// Whether a load is watched over at all: else a strong read asks the database whatever happens.
    fn is_followed(&self) -> bool {
        self.node.is_followed(b"item:1").expect("it has a source")
    }

    /// Does `sql`, and reads `item:1` right after it: at `strong` it is `expected`, at `eventual` soon, and `other:1` stays where it
    /// was.
    async fn changes_to(&self, sql: &str, expected: &str) {
        self.strong("other:1").await;
        self.strong("item:1").await;
        self.strong("item:2").await;
        self.database.psql(sql);
        assert_eq!(self.strong("item:1").await, expected, "strong, after {sql}");
        assert!(!self.there("item:2"), "loaded before {sql}");
        assert!(self.there("other:1"), "nothing that it reads was touched by {sql}");
        // Again, for readers who do not ask the database.
        assert!(self.node.feeds().iter().all(|feed| feed.figures.doubt.is_none()), "after {sql}");
    }

    /// The same at `eventual`, with nobody asking for more.
    async fn comes_to(&self, sql: &str, expected: &str) {
        self.strong("item:1").await;
        self.database.psql(sql);
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        loop {
            let seen = self.read("item:1", Level::Eventual).await.expect("an answer").unwrap_or_default();
            if seen == expected {
                return;
            }
            assert!(std::time::Instant::now() < until, "{sql}: {seen}, not {expected}");
            tokio::task::yield_now().await;
        }
    }
}

const WHOLE: &str = "SELECT to_jsonb(items) - 'owner' FROM items WHERE id = :id";

#[tokio::test]
async fn an_altered_table_is_seen_and_leaves_others_alone() {
    let world = World::new("", WHOLE);
    assert!(world.is_followed());
    let steps = [
        ("ALTER TABLE items ADD COLUMN stock int DEFAULT 7", r#"{"v": "v1", "id": 1, "stock": 7}"#),
        (
            "ALTER TABLE items ALTER COLUMN stock TYPE text USING stock * 2",
            r#"{"v": "v1", "id": 1, "stock": "14"}"#,
        ),
        ("ALTER TABLE items RENAME COLUMN stock TO count", r#"{"v": "v1", "id": 1, "count": "14"}"#),
        ("ALTER TABLE items DROP COLUMN count", r#"{"v": "v1", "id": 1}"#),
    ];
    for (sql, expected) in steps {
        world.changes_to(sql, expected).await;
    }
    world.comes_to("ALTER TABLE items ADD COLUMN n int DEFAULT 1", r#"{"n": 1, "v": "v1", "id": 1}"#).await;
    // And rows go on being told.
    world.changes_to("TRUNCATE items", "-").await;
    world.database.psql("INSERT INTO items VALUES (1, 'new')");
    assert_eq!(world.strong("item:1").await, r#"{"n": 1, "v": "new", "id": 1}"#);
}

#[tokio::test]
async fn the_key_column_may_get_another_type() {
    let world = World::with(
        "",
        "SELECT v FROM items WHERE id = :id",
        "store = \"INSERT INTO items (id, v) VALUES (:id, :value) ON CONFLICT (id) DO UPDATE SET v = excluded.v\"",
        "postgres",
    );
    let put = async |value: &str| {
        let put = Put { value: value.as_bytes().to_vec().into(), ..Put::default() };
        world.node.set(b"item:1", put, Origin::default()).wait().await.expect("it is written");
    };
    put("one").await;
    assert_eq!(world.strong("item:1").await, "one");
    world
        .database
        .psql("ALTER TABLE items ALTER COLUMN id TYPE text USING id, ALTER COLUMN v TYPE varchar(40)");
    assert_eq!(world.read("item:1", Level::Strong).await, Ok(Some("one".into())));
    put("two").await;
    assert_eq!(world.read("item:1", Level::Eventual).await, Ok(Some("two".into())));
    world.database.psql("UPDATE items SET v = 'three' WHERE id = '1'");
    assert_eq!(world.strong("item:1").await, "three");
}

#[tokio::test]
async fn a_write_right_after_the_change_is_done_with_a_fresh_plan() {
    let world = World::with(
        "",
        "SELECT v, owner FROM items WHERE id = :id",
        "store = \"INSERT INTO items (id, v) VALUES (:id, :value) ON CONFLICT (id) DO UPDATE SET v = excluded.v\"",
        "postgres",
    );
    for (round, sql) in [
        "SELECT 1",
        "ALTER TABLE items ALTER COLUMN owner TYPE varchar(9)",
        "ALTER TABLE items ALTER COLUMN id TYPE text USING id",
        "ALTER TABLE items ALTER COLUMN v TYPE varchar(99)",
    ]
    .into_iter()
    .enumerate()
    {
        world.database.psql(sql);
        let value = format!("round {round}");
        let put = Put { value: value.as_bytes().to_vec().into(), ..Put::default() };
        world
            .node
            .set(b"item:1", put, Origin::default())
            .wait()
            .await
            .unwrap_or_else(|e| panic!("{sql}: {e}"));
        assert_eq!(world.strong("item:1").await, value);
    }
}

#[tokio::test]
async fn a_flush_right_after_the_change_parks_nothing() {
    let world = World::with(
        "",
        "SELECT v FROM items WHERE id = :id",
        "write = \"write-back\"\nflush_every = \"1ms\"
store = \"INSERT INTO items (id, v) VALUES (:id, :value) ON CONFLICT (id) DO UPDATE SET v = excluded.v\"",
        "postgres",
    );
    let columns =
        ["v TYPE varchar(99)", "id TYPE text USING id", "id TYPE bigint USING id::bigint", "v TYPE text"];
    for (round, column) in columns.into_iter().enumerate() {
        // Proven before, for one row and for several.
        for key in ["item:1", "item:2", "item:3", "item:4", "item:5"] {
            let put = Put { value: format!("round {round}").into_bytes().into(), ..Put::default() };
            world.node.set(key.as_bytes(), put, Origin::default()).wait().await.expect("it is acknowledged");
        }
        world.node.flush_write_back().await.expect("it is flushed");
        assert_eq!(world.node.parked(10).len(), 0, "{column}");
        world.database.psql(&format!("ALTER TABLE items ALTER COLUMN {column}"));
        let put = Put { value: b"after".to_vec().into(), ..Put::default() };
        world.node.set(b"item:1", put, Origin::default()).wait().await.expect("it is acknowledged");
        world.node.flush_write_back().await.expect("it is flushed");
        assert_eq!(world.node.parked(10).len(), 0, "{column}");
        assert_eq!(world.database.psql("SELECT v FROM items WHERE id::text = '1'"), "after");
        assert_eq!(world.strong("item:1").await, "after");
    }
}

#[tokio::test]
async fn a_column_that_the_load_names_and_that_is_gone_is_a_clear_error() {
    let world = World::new("", "SELECT v FROM items WHERE id = :id");
    world.strong("item:1").await;
    world.database.psql("ALTER TABLE items RENAME COLUMN v TO w");
    let wrong = world.read("item:1", Level::Strong).await.expect_err("there is no v");
    assert!(wrong.contains("column \"v\" does not exist"), "{wrong}");
    let wrong = world.read("item:1", Level::Eventual).await.expect_err("there is no v");
    assert!(wrong.contains("column \"v\" does not exist"), "{wrong}");
    assert!(world.strong("other:1").await == "o1");
    world.database.psql("UPDATE items SET w = 'back' WHERE id = 1; ALTER TABLE items RENAME COLUMN w TO v");
    assert_eq!(world.strong("item:1").await, "back");
}

#[tokio::test]
async fn views_and_what_lies_behind_them_may_be_replaced() {
    let world = World::new(
        "CREATE VIEW inner_items AS SELECT id, v FROM items;
         CREATE VIEW seen AS SELECT id, v FROM inner_items",
        "SELECT v FROM seen WHERE id = :id",
    );
    assert!(world.is_followed());
    world.changes_to("CREATE OR REPLACE VIEW seen AS SELECT id, v || '!' AS v FROM inner_items", "v1!").await;
    world
        .changes_to("CREATE OR REPLACE VIEW inner_items AS SELECT id, upper(v) AS v FROM items", "V1!")
        .await;
    world
        .changes_to(
            "BEGIN; DROP VIEW seen; CREATE VIEW seen AS SELECT id, 'again ' || v AS v FROM items; COMMIT",
            "again v1",
        )
        .await;
    world.comes_to("CREATE OR REPLACE VIEW seen AS SELECT id, 'late ' || v AS v FROM items", "late v1").await;
    // Rows of the new view's table are told as ever.
    world.database.psql("UPDATE items SET v = 'x' WHERE id = 1");
    assert_eq!(world.strong("item:1").await, "late x");
}

#[tokio::test]
async fn a_view_that_comes_to_read_what_no_feed_names_is_no_longer_followed() {
    let world = World::new(
        "CREATE TABLE notes (id int, note text); INSERT INTO notes VALUES (1, 'a');
         CREATE VIEW seen AS SELECT id, v FROM items",
        "SELECT v FROM seen WHERE id = :id",
    );
    assert!(world.is_followed());
    world
        .changes_to(
            "CREATE OR REPLACE VIEW seen AS SELECT i.id, i.v || n.note AS v FROM items i JOIN notes n USING (id)",
            "v1a",
        )
        .await;
    assert!(!world.is_followed());
    world.database.psql("UPDATE notes SET note = 'b'");
    assert_eq!(world.strong("item:1").await, "v1b");
}

#[tokio::test]
async fn functions_under_a_load_may_be_replaced() {
    let world = World::new(
        "CREATE FUNCTION inside(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT t || '1' $$;
         CREATE FUNCTION shown(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN inside(t); END $$;
         CREATE VIEW seen AS SELECT id, shown(v) AS v FROM items",
        "SELECT v FROM seen WHERE id = :id",
    );
    world
        .comes_to(
            "CREATE OR REPLACE FUNCTION shown(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN inside(t) || '!'; END $$",
            "v11!",
        )
        .await;
    // What the body of a function names stands nowhere in the catalog.
    world
        .comes_to(
            "CREATE OR REPLACE FUNCTION inside(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT t || '2' $$",
            "v12!",
        )
        .await;
}

#[tokio::test]
async fn policies_are_seen() {
    let world = World::with(
        "CREATE ROLE reader LOGIN; GRANT pg_monitor, pg_read_all_data, pg_write_all_data TO reader; ALTER ROLE reader REPLICATION;
         GRANT EXECUTE ON FUNCTION pg_control_system() TO reader",
        "SELECT v FROM items WHERE id = :id",
        "negative_ttl = \"1h\"",
        "reader",
    );
    assert!(world.is_followed());
    world.changes_to("ALTER TABLE items ENABLE ROW LEVEL SECURITY", "-").await;
    world.changes_to("CREATE POLICY few ON items USING (id < 3)", "v1").await;
    world.changes_to("ALTER POLICY few ON items USING (owner = 'nobody')", "-").await;
    world.changes_to("CREATE POLICY own ON items USING (owner = 'ann')", "v1").await;
    world.changes_to("DROP POLICY own ON items", "-").await;
    world.changes_to("ALTER ROLE reader BYPASSRLS", "v1").await;
    world.changes_to("ALTER ROLE reader NOBYPASSRLS", "-").await;
    world.changes_to("ALTER TABLE items DISABLE ROW LEVEL SECURITY", "v1").await;
}

#[tokio::test]
async fn a_table_that_comes_to_stand_before_another_is_seen() {
    let world = World::new(
        "CREATE SCHEMA early; ALTER DATABASE postgres SET search_path = early, public",
        "SELECT v FROM items WHERE id = :id",
    );
    world.strong("item:1").await;
    world.database.psql(
        "CREATE TABLE early.items (id int PRIMARY KEY, v text); INSERT INTO early.items VALUES (1, 'early')",
    );
    // It is the feed's table as well now, and not published: that is said.
    wait_for("the feed to say so", || {
        let source = world.node.source("main").expect("it has a source").clone();
        source.unverified().filter(|why| why.contains("does not cover"))
    });
    assert_eq!(world.read("item:1", Level::Eventual).await, Ok(Some("early".into())));
    world.database.psql(
        "ALTER TABLE early.items REPLICA IDENTITY FULL; ALTER PUBLICATION clearwell ADD TABLE early.items",
    );
    wait_for("the feed to be complete", || {
        world.node.feeds().iter().all(|feed| feed.figures.doubt.is_none()).then_some(())
    });
    for value in ["a", "b"] {
        world.database.psql(&format!("UPDATE early.items SET v = '{value}'"));
        assert_eq!(world.strong("item:1").await, value);
    }
    world.database.psql("ALTER DATABASE postgres SET search_path = public");
    assert_eq!(world.strong("item:1").await, "v1");
}

#[tokio::test]
async fn labels_and_types_of_columns_are_seen() {
    let world = World::new(
        "CREATE TYPE mood AS ENUM ('sad', 'glad'); ALTER TABLE items ADD COLUMN mood mood DEFAULT 'sad'",
        "SELECT mood FROM items WHERE id = :id",
    );
    assert!(world.is_followed());
    world.changes_to("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", "blue").await;
    world.comes_to("ALTER TYPE mood RENAME VALUE 'blue' TO 'grey'", "grey").await;
}

#[tokio::test]
async fn partitions_come_and_go_with_their_rows() {
    let world = World::new(
        "DROP TABLE items; CREATE TABLE items (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
         CREATE TABLE items_1 PARTITION OF items FOR VALUES FROM (1) TO (10);
         CREATE TABLE items_2 (id int PRIMARY KEY, v text); INSERT INTO items_2 VALUES (11, 'attached');
         INSERT INTO items VALUES (1, 'v1'), (2, 'v2')",
        "SELECT v FROM items WHERE id = :id",
    );
    assert_eq!(world.strong("item:11").await, "-");
    world.changes_to("ALTER TABLE items ATTACH PARTITION items_2 FOR VALUES FROM (10) TO (20)", "v1").await;
    assert_eq!(world.strong("item:11").await, "attached");
    world.database.psql("UPDATE items SET v = 'told' WHERE id = 11");
    assert_eq!(world.strong("item:11").await, "told");
    world.changes_to("ALTER TABLE items DETACH PARTITION items_1", "-").await;
    assert_eq!(world.strong("item:11").await, "told");
}

#[tokio::test]
async fn a_table_that_is_made_again_under_its_name_is_noticed() {
    let world = World::new("", "SELECT v FROM items WHERE id = :id");
    world.strong("item:1").await;
    world.database.psql(
        "BEGIN; DROP TABLE items; CREATE TABLE items (id int PRIMARY KEY, v text); INSERT INTO items VALUES (1, 'anew'); COMMIT",
    );
    // It is in no publication any more: nothing is kept until it is.
    assert_eq!(world.read("item:1", Level::Eventual).await.map(|_| ()), Ok(()));
    wait_for("the feed to say so", || {
        let source = world.node.source("main").expect("it has a source").clone();
        source
            .unverified()
            .filter(|why| why.contains("ALTER PUBLICATION clearwell ADD TABLE ONLY public.items"))
    });
    assert_eq!(world.read("item:1", Level::Eventual).await, Ok(Some("anew".into())));
    assert_eq!(world.strong("item:1").await, "anew");
    world.database.psql("UPDATE items SET v = 'unheard'");
    assert_eq!(world.strong("item:1").await, "unheard");
    world.database.psql("ALTER PUBLICATION clearwell ADD TABLE items");
    wait_for("the feed to be complete", || {
        world.node.feeds().iter().all(|feed| feed.figures.doubt.is_none()).then_some(())
    });
    world.database.psql("UPDATE items SET v = 'heard'");
    assert_eq!(world.strong("item:1").await, "heard");
}

#[tokio::test]
async fn a_table_that_left_the_publication_for_a_moment_is_not_trusted() {
    let world = World::new("", "SELECT v FROM items WHERE id = :id");
    world.strong("item:1").await;
    world.database.psql(
        "BEGIN; ALTER PUBLICATION clearwell DROP TABLE items; COMMIT; BEGIN; UPDATE items SET v = 'untold'; COMMIT;
         BEGIN; ALTER PUBLICATION clearwell ADD TABLE items; COMMIT",
    );
    assert_eq!(world.strong("item:1").await, "untold");
}

#[tokio::test]
async fn what_answers_otherwise_each_time_is_not_followed() {
    for load in
        ["SELECT v || now() FROM items WHERE id = :id", "SELECT v || random() FROM items WHERE id = :id"]
    {
        let world = World::new("", load);
        assert!(!world.is_followed(), "{load}");
        assert_ne!(world.strong("item:1").await, world.strong("item:1").await, "{load}");
    }
    // One of many, within a view.
    let view =
        "CREATE VIEW seen AS SELECT id, v || CURRENT_DATE || age(timestamp '2020-01-01') AS v FROM items";
    assert!(!World::new(view, "SELECT v FROM seen WHERE id = :id").is_followed());
    let steady = "SELECT upper(v) || to_char(id, '000') || current_user FROM items WHERE id = :id";
    assert!(World::new("", steady).is_followed());
}
