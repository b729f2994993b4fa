//! What a writer gets, and what the cache holds afterwards.

use std::sync::Arc;

use clearwell::config::Strategy;
use clearwell::node::{Demand, Node, Put, Removal, WriteError, Written};
use clearwell::road::{InvalidationRequest, Mode};
use clearwell_engine::{Cause, Event, EventPattern, Origin, Scope};
use clearwell_source::SourceError;

use crate::source::Scripted;

fn put(value: &str) -> Put<'static> {
    Put { value: value.as_bytes().to_vec().into(), ..Put::default() }
}

async fn read(node: &Arc<Node>, key: &str) -> Option<String> {
    let answer = node.read(key.as_bytes(), Demand::PLAIN).wait().await.expect("an answer");
    answer.value.map(|value| String::from_utf8(value.to_vec()).expect("text"))
}

#[tokio::test]
async fn write_through_commits_then_keeps_what_the_source_made_of_it() {
    let (node, source) = Scripted::node();
    assert_eq!(node.set(b"post:1", put("one"), Origin::default()).wait().await, Ok(Written::Stored));
    assert_eq!(source.row(1).as_deref(), Some("one"));
    assert_eq!(read(&node, "post:1").await.as_deref(), Some("one"));
    assert_eq!(
        source.loads.load(std::sync::atomic::Ordering::Relaxed),
        0,
        "read back in the write's own transaction"
    );
    let tagged =
        node.invalidate(InvalidationRequest::now(vec![Scope::Tag(b"author:1"[..].into())], Cause::Command));
    assert_eq!(tagged.reached.entries, 1, "tagged from the row that was read back");
}

#[tokio::test]
async fn write_invalidate_commits_and_drops() {
    let (node, source) = Scripted::node();
    source.commit(1, "old", 7);
    read(&node, "post:1").await;
    let write = Put { write: Some(Strategy::Invalidate), ..put("new") };
    assert_eq!(node.set(b"post:1", write, Origin::default()).wait().await, Ok(Written::Stored));
    assert_eq!(node.account().entries, 0);
    assert_eq!(read(&node, "post:1").await.as_deref(), Some("new"));
}

#[tokio::test]
async fn cache_only_leaves_the_source_alone() {
    let (node, source) = Scripted::node();
    let write = Put { write: Some(Strategy::CacheOnly), ..put("mine") };
    assert_eq!(node.set(b"post:1", write, Origin::default()).wait().await, Ok(Written::Stored));
    assert_eq!((read(&node, "post:1").await.as_deref(), source.row(1)), (Some("mine"), None));
}

#[tokio::test]
async fn what_the_source_refuses_is_nowhere() {
    let (node, source) = Scripted::node();
    source.fail(Some(SourceError::Refused("NOT NULL constraint failed".into())));
    let refused = node.set(b"post:1", put("bad"), Origin::default()).wait().await;
    assert_eq!(refused, Err(WriteError::Source(SourceError::Refused("NOT NULL constraint failed".into()))));
    source.fail(None);
    assert_eq!(read(&node, "post:1").await, None);
}

#[tokio::test]
async fn strategies_that_cannot_be_done_say_so() {
    let (node, _source) = Scripted::node();
    let back =
        node.set(b"post:1", Put { write: Some(Strategy::Back), ..put("x") }, Origin::default()).wait().await;
    assert!(matches!(back, Err(WriteError::Strategy(Strategy::Back, _))), "{back:?}");
    let through = node
        .set(b"plain", Put { write: Some(Strategy::Through), ..put("x") }, Origin::default())
        .wait()
        .await;
    assert!(matches!(through, Err(WriteError::Strategy(Strategy::Through, _))), "{through:?}");
}

#[tokio::test]
async fn remove_deletes_the_row_and_the_entry() {
    let (node, source) = Scripted::node();
    source.commit(1, "one", 7);
    read(&node, "post:1").await;
    node.set(b"plain", put("x"), Origin::default()).wait().await.expect("stored");
    let keys = vec![b"post:1"[..].into(), b"plain"[..].into(), b"absent"[..].into(), b"post:2"[..].into()];
    assert_eq!(node.remove(keys, Removal::Row(None)).wait().await, Ok(2));
    assert_eq!((source.row(1), read(&node, "post:1").await, read(&node, "plain").await), (None, None, None));
}

#[tokio::test]
async fn a_lease_fills_once_the_race_is_won_and_not_when_it_is_lost() {
    let (node, _source) = Scripted::node();
    let lease = |answer: clearwell::node::Answer| answer.lease.expect("a miss gives a lease");
    let first = lease(node.read(b"plain", Demand::PLAIN).wait().await.expect("an answer"));
    node.invalidate(InvalidationRequest::now(vec![Scope::Key(b"plain"[..].into())], Cause::Command));
    assert_eq!(node.fill(b"plain", &first, put("old")), Ok(Written::Refused));
    let second = lease(node.read(b"plain", Demand::PLAIN).wait().await.expect("an answer"));
    assert_eq!(node.fill(b"plain", &second, put("new")), Ok(Written::Stored));
    assert_eq!(node.fill(b"plain", "123-1", put("forged")), Err(WriteError::LeaseUnknown));
    assert_eq!(read(&node, "plain").await.as_deref(), Some("new"));
}

#[tokio::test]
async fn every_mode_travels_the_one_road() {
    let (node, _source) = Scripted::node();
    let event = EventPattern::parse("deployed{env=prod}").expect("a pattern");
    node.set(b"a", Put { tags: vec![b"t"[..].into()], ..put("a") }, Origin::default())
        .wait()
        .await
        .expect("stored");
    node.set(b"b", Put { events: vec![event], ..put("b") }, Origin::default()).wait().await.expect("stored");
    node.set(b"c", put("c"), Origin::default()).wait().await.expect("stored");
    let hold = InvalidationRequest {
        mode: Mode::parse(b"on-event:deployed").expect("a mode"),
        ..InvalidationRequest::now(vec![Scope::Key(b"c"[..].into())], Cause::Command)
    };
    assert_eq!(node.invalidate(hold).reached.held, 1);
    let lazy = InvalidationRequest {
        mode: Mode::Lazy,
        ..InvalidationRequest::now(vec![Scope::Tag(b"t"[..].into())], Cause::Command)
    };
    assert_eq!(node.invalidate(lazy).reached.entries, 1);
    assert_eq!(read(&node, "a").await, None, "stale, and the reader does not tolerate it");
    let tolerant = Demand { stale: true, ..Demand::PLAIN };
    let stale = node.read(b"a", tolerant).wait().await.expect("an answer");
    assert_eq!((stale.value.as_deref(), stale.stale), (Some(&b"a"[..]), true));
    let attributes = |env: &str| vec![("env".into(), env.into())];
    node.event(Event::new("deployed", attributes("test")).expect("a word"));
    assert_eq!((read(&node, "b").await.as_deref(), read(&node, "c").await), (Some("b"), None));
    node.event(Event::new("deployed", attributes("prod")).expect("a word"));
    assert_eq!(read(&node, "b").await, None);
    node.check().expect("sound books");
}
