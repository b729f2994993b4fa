use super::super::pgoutput::LogColumn;
use super::*;

const POSTS: u32 = 7;

fn column(name: &str, type_oid: u32, key: bool) -> LogColumn<'_> {
    LogColumn { name, type_oid, key }
}

fn posts<'a>(columns: Vec<LogColumn<'a>>) -> LogMessage<'a> {
    LogMessage::Relation(Relation { id: POSTS, schema: "public", name: "posts", columns })
}

fn usual() -> Vec<LogColumn<'static>> {
    vec![column("id", 23, true), column("body", 25, false), column("author", 23, false)]
}

/// An assembler that watches `columns` of posts, in an open transaction at 100.
fn watching(columns: &[&str], relation: LogMessage<'_>) -> Assembler {
    let columns = columns.iter().map(|name| (*name).into()).collect();
    let watched = Arc::new(Watched { table: "posts".into(), columns });
    let mut assembler = Assembler::new(HashMap::from([(POSTS, watched)]));
    assembler.take(relation).unwrap();
    assembler.take(LogMessage::Begin { commit_lsn: 100, at_us: 5, xid: 7 }).unwrap();
    assembler
}

fn end(mut assembler: Assembler) -> ToldTransaction {
    assembler.take(LogMessage::Commit { end_lsn: 108 }).unwrap().expect("a whole transaction")
}

fn row(id: i64, author: i64) -> Row {
    Row(vec![("author".into(), Cell::Integer(author)), ("id".into(), Cell::Integer(id))])
}

fn texts(values: [&'static str; 3]) -> Tuple<'static> {
    values.into_iter().map(LogValue::Text).collect()
}

#[test]
fn a_transaction_is_told_whole() {
    let mut assembler = watching(&["author", "id"], posts(usual()));
    let new = texts(["1", "x", "5"]);
    assert_eq!(assembler.take(LogMessage::Insert { relation: POSTS, new }), Ok(None));
    let old = Some(Old::Full(texts(["1", "x", "5"])));
    let new = vec![LogValue::Text("1"), LogValue::Unchanged, LogValue::Text("6")];
    assembler.take(LogMessage::Update { relation: POSTS, old, new }).unwrap();
    let old = Old::Full(texts(["1", "x", "6"]));
    assembler.take(LogMessage::Delete { relation: POSTS, old }).unwrap();
    assembler.take(LogMessage::Told { prefix: b"clearwell", content: b"mine" }).unwrap();
    assembler.take(LogMessage::Told { prefix: b"other", content: b"no" }).unwrap();
    let told = end(assembler);
    assert_eq!((told.commit.version, told.end_lsn, told.doubt), (Version(100), 108, None));
    assert_eq!(told.marks, [b"mine".as_slice().into()]);
    let changes: Vec<_> = told.commit.changes.into_iter().map(|change| (change.old, change.new)).collect();
    assert_eq!(
        changes,
        [(None, Some(row(1, 5))), (Some(row(1, 5)), Some(row(1, 6))), (Some(row(1, 6)), None)]
    );
}

#[test]
fn an_unchanged_column_is_taken_from_the_old_row() {
    let mut assembler = watching(&["body"], posts(usual()));
    let new = vec![LogValue::Text("1"), LogValue::Unchanged, LogValue::Text("6")];
    let old = Some(Old::Full(texts(["1", "large", "5"])));
    assembler.take(LogMessage::Update { relation: POSTS, old, new: new.clone() }).unwrap();
    let told = end(assembler);
    let body = Row(vec![("body".into(), Cell::Text("large".into()))]);
    assert_eq!((told.doubt, told.commit.changes[0].new.clone()), (None, Some(body)));

    let mut assembler = watching(&["body"], posts(usual()));
    assembler.take(LogMessage::Update { relation: POSTS, old: None, new }).unwrap();
    assert!(end(assembler).doubt.is_some());
}

#[test]
fn a_key_alone_suffices_for_what_needs_no_more() {
    let id = |id| Some(Row(vec![("id".into(), Cell::Integer(id))]));
    let mut assembler = watching(&["id"], posts(usual()));
    let new = || vec![LogValue::Text("2"), LogValue::Unchanged, LogValue::Text("5")];
    assembler.take(LogMessage::Update { relation: POSTS, old: None, new: new() }).unwrap();
    let old = || Old::Key(vec![LogValue::Text("1"), LogValue::Null, LogValue::Null]);
    assembler.take(LogMessage::Update { relation: POSTS, old: Some(old()), new: new() }).unwrap();
    assembler.take(LogMessage::Delete { relation: POSTS, old: old() }).unwrap();
    let told = end(assembler);
    let changes: Vec<_> = told.commit.changes.into_iter().map(|change| (change.old, change.new)).collect();
    assert_eq!((told.doubt, changes), (None, vec![(id(2), id(2)), (id(1), id(2)), (id(1), None)]));

    for change in [
        LogMessage::Update { relation: POSTS, old: None, new: texts(["1", "x", "5"]) },
        LogMessage::Update { relation: POSTS, old: Some(old()), new: texts(["1", "x", "5"]) },
        LogMessage::Delete { relation: POSTS, old: old() },
    ] {
        let mut assembler = watching(&["author", "id"], posts(usual()));
        assembler.take(change.clone()).unwrap();
        assert!(end(assembler).doubt.is_some(), "{change:?}");
    }
}

#[test]
fn renamed_columns_are_doubts_and_truncation_is_told() {
    let mut renamed = usual();
    renamed[2].name = "writer";
    let mut assembler = watching(&["author"], posts(renamed));
    assembler.take(LogMessage::Insert { relation: POSTS, new: texts(["1", "x", "5"]) }).unwrap();
    assert_eq!(
        end(assembler).doubt.as_deref(),
        Some("the log tells no column author of public.posts any more")
    );

    let mut assembler = watching(&["author"], posts(usual()));
    assembler.take(LogMessage::Truncate { relations: vec![POSTS] }).unwrap();
    let told = end(assembler);
    assert_eq!((told.doubt, told.truncated), (None, vec!["posts".into()]));
}

#[test]
fn other_tables_are_of_no_interest() {
    let mut assembler = Assembler::default();
    assert!(!assembler.knows(POSTS));
    assembler.learn(POSTS, None);
    assembler.take(posts(usual())).unwrap();
    assembler.take(LogMessage::Begin { commit_lsn: 1, at_us: 5, xid: 7 }).unwrap();
    assert!(assembler.is_open());
    assembler.take(LogMessage::Insert { relation: POSTS, new: texts(["1", "x", "5"]) }).unwrap();
    assembler.take(LogMessage::Truncate { relations: vec![POSTS] }).unwrap();
    let told = end(assembler);
    assert_eq!((told.doubt, told.commit.changes), (None, vec![]));
}

#[test]
fn changes_outside_of_a_transaction_are_malformed() {
    let mut assembler = Assembler::default();
    assert_eq!(assembler.take(LogMessage::Commit { end_lsn: 1 }), Err(Malformed));
    assert_eq!(assembler.take(LogMessage::Insert { relation: POSTS, new: vec![] }), Err(Malformed));
}
