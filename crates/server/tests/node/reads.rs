//! What a reader gets.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use clearwell::config::Level;
use clearwell::node::{Answer, Demand, Node, ReadError};
use clearwell::road::InvalidationRequest;
use clearwell_engine::{Cause, Origin, Scope};
use clearwell_source::SourceError;

use crate::source::{CONFIG, Scripted};

async fn read(node: &Arc<Node>, key: &str) -> Option<String> {
    text(&node.read(key.as_bytes(), Demand::PLAIN).wait().await.expect("an answer"))
}

async fn read_at(node: &Arc<Node>, key: &str, level: Level) -> Result<Answer, ReadError> {
    node.read(key.as_bytes(), Demand { level: Some(level), ..Demand::PLAIN }).wait().await
}

fn text(answer: &Answer) -> Option<String> {
    answer.value.as_ref().map(|value| String::from_utf8(value.to_vec()).expect("text"))
}

fn invalidate(node: &Node, scope: Scope) -> u64 {
    node.invalidate(InvalidationRequest::now(vec![scope], Cause::Command)).reached.entries
}

#[tokio::test]
async fn one_load_then_hits_then_a_commit_is_seen() {
    let (node, source) = Scripted::node();
    source.commit(1, "one", 7);
    assert_eq!(read(&node, "post:1").await.as_deref(), Some("one"));
    assert_eq!(read(&node, "post:1").await.as_deref(), Some("one"));
    assert_eq!(source.loads.load(Ordering::Relaxed), 1);
    source.commit(1, "two", 7);
    assert_eq!(read(&node, "post:1").await.as_deref(), Some("two"));
    node.check().expect("sound books");
}

#[tokio::test]
async fn many_readers_of_one_missing_key_cost_one_load() {
    let (node, source) = Scripted::node();
    source.commit(1, "one", 7);
    source.hold();
    let readers: Vec<_> = (0..50)
        .map(|_| {
            let turn = node.read(b"post:1", Demand::PLAIN);
            tokio::spawn(async move { turn.wait().await })
        })
        .collect();
    source.release(1);
    for reader in readers {
        assert_eq!(text(&reader.await.expect("no panic").expect("an answer")).as_deref(), Some("one"));
    }
    assert_eq!(source.loads.load(Ordering::Relaxed), 1);
    node.check().expect("sound books");
}

#[tokio::test]
async fn a_load_that_a_commit_overtakes_is_not_kept_and_a_later_reader_does_not_get_it() {
    let (node, source) = Scripted::node();
    source.commit(1, "old", 7);
    source.hold();
    let early = node.read(b"post:1", Demand::PLAIN);
    source.commit(1, "new", 7);
    let late = node.read(b"post:1", Demand::PLAIN);
    source.release(2);
    let late = late.wait().await.expect("an answer");
    assert_eq!(text(&late).as_deref(), Some("new"), "asked after the commit was told");
    let early = text(&early.wait().await.expect("an answer"));
    assert!(matches!(early.as_deref(), Some("old" | "new")), "{early:?} was never the row");
    assert_eq!(read(&node, "post:1").await.as_deref(), Some("new"));
    node.check().expect("sound books");
}

#[tokio::test]
async fn a_tag_known_only_after_the_load_still_refuses_it() {
    let (node, source) = Scripted::node();
    source.commit(1, "old", 7);
    source.hold();
    let early = node.read(b"post:1", Demand::PLAIN);
    invalidate(&node, Scope::Tag(b"author:7"[..].into()));
    let joined_after = node.read(b"post:1", Demand::PLAIN);
    source.commit_untold(1, "new", 7);
    source.release(1);
    early.wait().await.expect("an answer");
    let joined_after = joined_after.wait().await.expect("an answer");
    assert_eq!(text(&joined_after).as_deref(), Some("new"), "asked after the invalidation");
    node.check().expect("sound books");
}

#[tokio::test]
async fn an_absent_row_is_remembered_and_falls_at_the_insert() {
    let (node, source) = Scripted::node();
    assert_eq!(read(&node, "post:9").await, None);
    assert_eq!(read(&node, "post:9").await, None);
    assert_eq!(source.loads.load(Ordering::Relaxed), 1);
    source.commit(9, "nine", 7);
    assert_eq!(read(&node, "post:9").await.as_deref(), Some("nine"));
}

#[tokio::test]
async fn a_row_that_moves_reaches_both_authors() {
    let config =
        format!("{CONFIG}\n[[keyspace]]\npattern = \"by:{{author:int}}\"\ntags = [\"author:{{author}}\"]\n");
    let (node, source) = Scripted::node_with(&config);
    source.commit(1, "one", 7);
    for key in ["by:7", "by:8"] {
        let put = clearwell::node::Put { value: b"list".to_vec().into(), ..Default::default() };
        node.set(key.as_bytes(), put, Origin::default()).wait().await.expect("stored");
    }
    source.commit(1, "one", 8);
    assert_eq!((read(&node, "by:7").await, read(&node, "by:8").await), (None, None));
}

#[tokio::test]
async fn strong_sees_a_commit_that_the_feed_has_not_told_yet() {
    let (node, source) = Scripted::node();
    source.commit(1, "old", 7);
    assert_eq!(read(&node, "post:1").await.as_deref(), Some("old"));
    source.commit_untold(1, "new", 7);
    assert_eq!(read(&node, "post:1").await.as_deref(), Some("old"), "eventual may lag behind the feed");
    let strong = read_at(&node, "post:1", Level::Strong).await.expect("an answer");
    assert_eq!(text(&strong).as_deref(), Some("new"));
    assert_eq!(strong.level, Level::Strong);
}

#[tokio::test]
async fn bounded_asks_the_source_only_when_the_feed_is_further_behind() {
    let (node, source) = Scripted::node();
    source.commit(1, "old", 7);
    assert_eq!(read(&node, "post:1").await.as_deref(), Some("old"));
    source.commit_untold(1, "new", 7);
    source.behind_ms.store(1_000, Ordering::Relaxed);
    let within = read_at(&node, "post:1", Level::Bounded(2_000)).await.expect("an answer");
    assert_eq!((text(&within).as_deref(), source.barriers.load(Ordering::Relaxed)), (Some("old"), 0));
    source.behind_ms.store(3_000, Ordering::Relaxed);
    let beyond = read_at(&node, "post:1", Level::Bounded(2_000)).await.expect("an answer");
    assert_eq!((text(&beyond).as_deref(), source.barriers.load(Ordering::Relaxed)), (Some("new"), 1));
}

#[tokio::test]
async fn without_a_feed_strong_reads_the_source_each_time() {
    let config = CONFIG.split("[[keyspace.feed]]").next().expect("a part before the feed");
    let (node, source) = Scripted::node_with(config);
    source.commit(1, "old", 7);
    assert_eq!(read(&node, "post:1").await.as_deref(), Some("old"));
    source.commit_untold(1, "new", 7);
    let strong = read_at(&node, "post:1", Level::Strong).await.expect("an answer");
    assert_eq!(text(&strong).as_deref(), Some("new"));
    assert_eq!(read(&node, "post:1").await.as_deref(), Some("new"), "what strong loaded is kept");
}

#[tokio::test]
async fn grace_serves_an_expired_value_marked_stale_while_the_source_fails() {
    let (node, source) = Scripted::node_with(&CONFIG.replace("ttl = \"10s\"", "ttl = \"1ms\""));
    source.commit(1, "one", 7);
    read(&node, "post:1").await;
    source.fail(Some(SourceError::Unreachable("gone".into())));
    let expired = node.clock().now();
    while node.clock().tick().since(expired) < 2 {}
    let answer = node.read(b"post:1", Demand::PLAIN).wait().await.expect("graced");
    assert_eq!((text(&answer).as_deref(), answer.stale), (Some("one"), true));
    let strong = read_at(&node, "post:1", Level::Session).await;
    assert_eq!(strong, Err(ReadError::Source(SourceError::Unreachable("gone".into()))));
    invalidate(&node, Scope::Key(b"post:1"[..].into()));
    let gone = node.read(b"post:1", Demand::PLAIN).wait().await;
    assert_eq!(
        gone,
        Err(ReadError::Source(SourceError::Unreachable("gone".into()))),
        "invalidated is never graced"
    );
}

/// Whoever loads a row that a transaction changed finds nothing in memory that the same transaction made old, however long
/// the node needs for all of its rows.
#[tokio::test]
async fn a_transaction_is_seen_as_a_whole() {
    const ROWS: i64 = 20_000;
    let (node, source) = Scripted::node();
    source.commit_together_untold(1..ROWS, "old", 7);
    source.tell();
    let last = format!("post:{}", ROWS - 1);
    for round in 0..5 {
        let new = format!("new {round}");
        let (first, before) = (read(&node, "post:1").await, read(&node, &last).await);
        assert_eq!(first, before);
        source.commit_together_untold(1..ROWS, &new, 7);
        let told = source.clone();
        let telling = std::thread::spawn(move || told.tell());
        while read(&node, "post:1").await.as_deref() != Some(&*new) {}
        assert_eq!(read(&node, &last).await.as_deref(), Some(&*new), "of the same transaction");
        telling.join().expect("it is told");
    }
}
