//! Keyspaces as the node uses them, without a database but for the sample's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::config::Config;
use clearwell_engine::Version;
use clearwell_source::{Follower, Later, Receipt, Row, RowWrite, Shape, SourceError};

/// A source that knows only what its statements look like.
struct Shapes(Shape);

impl Source for Shapes {
    fn follow(&self, _: Arc<dyn Follower>) -> Result<(), SourceError> {
        Ok(())
    }
    fn load(&self, _: &Statement, _: Vec<Param>) -> Later<Result<Option<Row>, SourceError>> {
        Box::pin(async { Ok(None) })
    }
    fn write(&self, _: RowWrite) -> Later<Result<Receipt, SourceError>> {
        Box::pin(async { Ok(Receipt::default()) })
    }
    fn barrier(&self) -> Later<Result<Version, SourceError>> {
        Box::pin(async { Ok(Version(0)) })
    }
    fn describe(&self, _: &Statement) -> Result<Option<Shape>, SourceError> {
        Ok(Some(self.0.clone()))
    }
    fn behind_ms(&self) -> u64 {
        0
    }
}

const POSTS: &str = "
    [source.main]
    url = 'sqlite://x.db'
    [[keyspace]]
    pattern = 'post:{id:int}'
    source = 'main'
    load = 'SELECT content, author_id FROM posts WHERE id = :id'
    tags = ['author:{author_id}', 'posts']
    depends_on = ['user:{author_id}', 'post:{id}:meta']
    [[keyspace.feed]]
    table = 'posts'
    keys = ['post:{id}']
    [[keyspace.feed]]
    table = 'users'
    keys = ['user:{id}']
    [[keyspace.feed]]
    table = 'votes'
    keys = ['votes:{id}']
    [[keyspace]]
    pattern = 'session:{id}'
    [[keyspace]]
    pattern = 'post:{slug}'
    [[keyspace]]
    pattern = 'config'";

fn build(text: &str, columns: &[&str], reads: &[&str]) -> Result<Keyspaces, String> {
    let shape = Shape {
        columns: columns.iter().map(|c| Arc::from(*c)).collect(),
        reads: reads.iter().map(|t| Arc::from(*t)).collect(),
        ..Shape::default()
    };
    let sources = BTreeMap::from([("main".to_string(), Arc::new(Shapes(shape)) as Arc<dyn Source>)]);
    Keyspaces::build(&Config::parse(text).map_err(|e| e.to_string())?, &sources).map_err(|e| e.to_string())
}

fn posts() -> Keyspaces {
    build(POSTS, &["content", "author_id"], &["posts"]).unwrap()
}

#[test]
fn the_first_keyspace_that_matches_is_the_keys() {
    let keyspaces = posts();
    let found = |key: &[u8]| keyspaces.find(key).map(|(keyspace, _)| keyspace.name.to_string());
    for (key, name) in [
        ("post:7", Some("post:{id:int}")),
        ("post:007", Some("post:{slug}")),
        ("session:\u{0}", Some("session:{id}")),
        ("config", Some("config")),
        ("configs", None),
        ("", None),
        ("p", None),
        ("post", None),
        ("zebra", None),
    ] {
        assert_eq!(found(key.as_bytes()).as_deref(), name, "{key}");
        assert_eq!(keyspaces.is_declared(key.as_bytes()), name.is_some(), "{key}");
    }
    assert!(Keyspaces::default().find(b"post:1").is_none());
}

#[test]
fn names_come_from_captures_and_columns() {
    let keyspaces = posts();
    let (keyspace, captures) = keyspaces.find(b"post:7").unwrap();
    let bytes = |texts: &[&str]| texts.iter().map(|t| Box::from(t.as_bytes())).collect::<Vec<Box<[u8]>>>();
    let row = Row(vec![("content".into(), Cell::Null), ("author_id".into(), Cell::Integer(2))]);
    let names = keyspace.names(b"post:7", &captures, Seen::Row(&row));
    assert_eq!(names.tags, bytes(&["author:2", "posts"]));
    assert_eq!(names.dependencies, bytes(&["user:2", "post:7:meta"]));
    let without = keyspace.names(b"post:7", &captures, Seen::Unread);
    assert_eq!((without.tags, without.dependencies), (bytes(&["posts"]), bytes(&["post:7:meta"])));
    assert!(keyspace.names_need_row());
    assert!(!keyspaces.find(b"config").unwrap().0.names_need_row());
}

#[test]
fn parameters_carry_captures_and_the_value() {
    let keyspaces = posts();
    let (keyspace, captures) = keyspaces.find(b"post:7").unwrap();
    let param = |name: &str, value| Param { name: name.into(), value };
    let id = param("id", Cell::Integer(7));
    assert_eq!(keyspace.params(&captures, None), std::slice::from_ref(&id));
    assert_eq!(
        keyspace.params(&captures, Some(b"hi")),
        [id.clone(), param("value", Cell::Text("hi".into()))]
    );
    let blob = param("value", Cell::Blob(b"\xff".as_slice().into()));
    assert_eq!(keyspace.params(&captures, Some(b"\xff")), [id, blob]);
}

#[test]
fn a_load_is_followed_when_feeds_reach_its_keys() {
    let followed = |reads: &[&str]| {
        let keyspaces = build(POSTS, &["content", "author_id"], reads).unwrap();
        keyspaces.all[0].backing.as_ref().unwrap().followed()
    };
    assert!(followed(&["posts"]));
    assert!(followed(&["Posts", "users"]), "through the dependency on user:{{author_id}}");
    assert!(!followed(&["posts", "votes"]), "no entry carries votes:{{id}}");
    assert!(!followed(&["posts", "likes"]), "no feed names likes");
}

#[test]
fn what_does_not_fit_the_database_is_refused() {
    assert_eq!(
        build(POSTS, &["content", "autor_id"], &[]).err().unwrap(),
        "keyspace post:{id:int}: {author_id} is neither captured by the pattern nor a column that load returns; \
         did you mean \"autor_id\"?"
    );
    assert_eq!(build(POSTS, &[], &[]).err().unwrap(), "keyspace post:{id:int}: load returns no column");
}

#[test]
fn the_sample_configuration_fits_its_own_database() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = Config::default_sample();
    let rules = FeedRules::build(&config).unwrap();
    let (declared, watched) = (&config.sources["main"], rules.watched("main"));
    let source =
        clearwell_source::open("main", declared, folder.path(), watched, config.feed_poll_ms).unwrap();
    let sources = BTreeMap::from([("main".to_string(), source)]);
    let keyspaces = Keyspaces::build(&config, &sources).unwrap();
    for (key, begins) in [("post:1", "The first swarm"), ("author:8", "{\"id\":8,\"name\":\"Dora")] {
        let (keyspace, captures) = keyspaces.find(key.as_bytes()).unwrap();
        let backing = keyspace.backing.as_ref().unwrap();
        assert!(backing.followed(), "{key}");
        let row = runtime
            .block_on(backing.source.load(&backing.load, keyspace.params(&captures, None)))
            .unwrap()
            .unwrap();
        let value = String::from_utf8(row.0[0].1.to_bytes().unwrap()).unwrap();
        assert!(value.starts_with(begins), "{value}");
        for statement in [&backing.store, &backing.delete].into_iter().flatten() {
            let params = keyspace.params(&captures, Some(b"{\"name\":\"N\"}"));
            let write = RowWrite {
                statement: statement.clone(),
                params,
                read_back: None,
                committed: Box::new(|_| ()),
            };
            let done = runtime.block_on(backing.source.write(write));
            // Author 8 still has posts.
            assert_eq!(done.is_err(), key == "author:8" && statement.0.starts_with("DELETE"), "{done:?}");
        }
    }
}
