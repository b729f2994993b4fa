use super::*;
use crate::Shape;

const LOAD: &str = "SELECT content FROM shown WHERE id = :id";
const OTHER: &str = "SELECT name FROM authors WHERE id = :id";

impl World {
    fn described(&self, sql: &str) -> Option<Shape> {
        self.source.describe(&Statement(sql.into())).unwrap()
    }

    /// The loads and tables told as altered by the time of a barrier after `sql`, by another process.
    fn altered(&self, sql: &str) -> Vec<String> {
        self.sqlite3(sql);
        self.barrier();
        let told = std::mem::take(&mut *self.record.altered.lock());
        let one = |altered: Altered| {
            assert!(!altered.why.is_empty(), "{altered:?}");
            let loads = altered.loads.into_iter().map(|load| load.statement.0.to_string());
            altered.tables.iter().map(|table| table.to_string()).chain(loads).collect::<Vec<_>>()
        };
        let mut all: Vec<String> = told.into_iter().flat_map(one).collect();
        all.sort();
        all
    }
}

#[test]
fn what_a_changed_schema_can_have_touched_is_told_before_a_barrier_answers() {
    let world = World::new();
    world.sqlite3(
        "CREATE VIEW inner_posts AS SELECT * FROM posts; CREATE VIEW shown AS SELECT * FROM inner_posts",
    );
    world.barrier();
    world.record.altered.lock().clear();
    for load in [LOAD, OTHER] {
        assert!(world.described(load).is_some());
    }
    let none: [&str; 0] = [];
    assert_eq!(
        world.altered("CREATE TABLE apart (id INTEGER); CREATE INDEX byauthor ON posts (author_id)"),
        none
    );
    assert_eq!(world.altered("ALTER TABLE posts ADD COLUMN stock INTEGER DEFAULT 7"), [LOAD, "posts"]);
    assert_eq!(world.altered("ALTER TABLE posts RENAME COLUMN stock TO stocked"), [LOAD, "posts"]);
    assert_eq!(world.altered("ALTER TABLE posts DROP COLUMN stocked"), [LOAD, "posts"]);
    assert_eq!(world.altered("ALTER TABLE authors ADD COLUMN born TEXT DEFAULT 'x'"), [OTHER, "authors"]);
    let view = "BEGIN; DROP VIEW inner_posts; CREATE VIEW inner_posts AS SELECT id, upper(content) AS content FROM posts; COMMIT";
    assert_eq!(world.altered(view), [LOAD]);
    let view = "BEGIN; DROP VIEW shown; CREATE TABLE shown AS SELECT id, content FROM posts; COMMIT";
    assert_eq!(world.altered(view), [LOAD]);
    assert_eq!(world.altered("UPDATE authors SET name = 'n'; VACUUM; ANALYZE"), none);
    assert_eq!(world.record.changes().len(), 0, "authors has no row");
}

#[test]
fn rows_that_are_changed_with_the_schema_are_told_as_well() {
    let world = World::new();
    world.described("SELECT content FROM posts WHERE id = :id");
    let sql = "BEGIN; ALTER TABLE posts ADD COLUMN stock INTEGER DEFAULT 7; UPDATE posts SET author_id = 9 WHERE id = 1; COMMIT";
    assert_eq!(world.altered(sql).len(), 2);
    assert_eq!(world.record.changes(), ["posts 1/1 1/9"]);
}

#[test]
fn a_load_says_what_it_reads_since_its_view_was_replaced() {
    let world = World::new();
    world.sqlite3("CREATE VIEW shown AS SELECT * FROM posts");
    assert_eq!(world.described(LOAD).unwrap().reads, ["posts".into()]);
    world.sqlite3(
        "DROP VIEW shown; CREATE VIEW shown AS SELECT p.* FROM posts p JOIN authors a ON a.id = p.author_id",
    );
    world.barrier();
    let told = world.record.altered.lock().pop().unwrap();
    assert_eq!(told.loads[0].shape.as_ref().unwrap().reads, ["authors".into(), "posts".into()]);
    world.sqlite3("DROP VIEW shown");
    world.barrier();
    let told = world.record.altered.lock().pop().unwrap();
    assert_eq!(
        (told.loads[0].shape.clone(), told.why),
        (None, "the view shown was altered, made or dropped".into())
    );
}

#[test]
fn a_renamed_column_or_table_of_a_feed_is_named_until_it_is_back() {
    let world = World::new();
    for (away, back, why) in [
        (
            "ALTER TABLE posts RENAME COLUMN author_id TO writer",
            "ALTER TABLE posts RENAME COLUMN writer TO author_id",
            "uses the column author_id, which it does not have",
        ),
        (
            "ALTER TABLE posts RENAME TO entries",
            "ALTER TABLE entries RENAME TO posts",
            "posts, which does not exist",
        ),
    ] {
        world.sqlite3(away);
        assert!(wait(world.source.barrier()).unwrap_err().to_string().contains(why));
        assert!(world.source.unverified().is_some_and(|told| told.contains(why)), "{why}");
        world.sqlite3(back);
        world.record.until(
            "the return",
            |told| matches!(told.last(), Some(Told::Lost(why)) if why == "the database was opened again"),
        );
        world.record.take();
        world.sqlite3("UPDATE posts SET author_id = author_id + 1 WHERE id = 1");
        world.barrier();
        assert_eq!(world.record.changes().len(), 1);
    }
}

#[test]
fn what_answers_otherwise_each_time_is_read_from_no_table() {
    let world = World::new();
    world.sqlite3("CREATE VIEW shown AS SELECT id, content || datetime('now') AS content FROM posts");
    let reads = |sql: &str| world.described(sql).unwrap().reads;
    assert_eq!(reads(LOAD), ["posts".into(), "the function datetime()".into()]);
    assert_eq!(reads("SELECT random() FROM posts"), ["posts".into(), "the function random()".into()]);
    assert_eq!(
        reads("SELECT CURRENT_TIMESTAMP FROM posts"),
        ["posts".into(), "the function current_timestamp()".into()]
    );
    assert_eq!(reads("SELECT date(content), upper(content) FROM posts"), ["posts".into()]);
}

#[test]
fn a_generated_column_may_be_a_key() {
    let world = World::new();
    world.sqlite3("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, slug TEXT AS (lower(name)) STORED, tag TEXT AS (upper(name)))");
    let watched = vec![Watched { table: "people".into(), columns: vec!["slug".into(), "tag".into()] }];
    let source = Sqlite::open("main", &config(20_000), world.folder.path(), watched, 5).unwrap();
    let record = Arc::new(Record::default());
    source.follow(record.clone()).unwrap();
    world.sqlite3("INSERT INTO people (name) VALUES ('Ann'); UPDATE people SET name = 'Bo'; REPLACE INTO people (id, name) VALUES (1, 'Cy')");
    wait(source.barrier()).unwrap();
    let side = |row: &Option<Row>| {
        let cells = row.iter().flat_map(|row| &row.0).map(|(_, cell)| cell.to_bytes().unwrap_or_default());
        cells.map(|bytes| String::from_utf8(bytes).unwrap()).collect::<Vec<_>>().join(",")
    };
    let told = record.take();
    let changes =
        told.iter().filter_map(|told| if let Told::Commit(commit) = told { Some(commit) } else { None });
    let changes: Vec<_> = changes
        .flat_map(|commit| &commit.changes)
        .map(|c| format!("{}>{}", side(&c.old), side(&c.new)))
        .collect();
    assert_eq!(changes, [">ann,ANN", "ann,ANN>bo,BO", "bo,BO>", ">cy,CY"]);
}
