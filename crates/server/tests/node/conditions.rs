//! Writes with a condition, one at a time and many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use clearwell::config::Strategy;
use clearwell::node::{Condition, Node, Put, Removal, Turn, WriteError, Written};
use clearwell_engine::{Cause, Origin, Scope};

use crate::source::Scripted;

fn put(value: &str, condition: Condition) -> Put<'static> {
    Put { value: value.as_bytes().to_vec().into(), condition: Some(condition), ..Put::default() }
}

/// A write of a key without a source, which is decided at once.
fn now<T>(turn: Turn<Result<T, WriteError>>) -> Result<T, WriteError> {
    match turn {
        Turn::Now(done) => done,
        Turn::Later(_) => panic!("a key without a source is answered at once"),
    }
}

#[tokio::test]
async fn in_memory_a_condition_is_about_the_entry_there_is() {
    let (node, _) = Scripted::node();
    let set = |value, condition| now(node.set(b"k", put(value, condition), Origin::default()));
    assert_eq!(set("0", Condition::Present), Err(WriteError::Unmet(0)));
    assert_eq!(set("0", Condition::Stamp(0)), Err(WriteError::Unmet(0)), "no entry has no stamp");
    assert_eq!(set("1", Condition::Absent), Ok(Written::Stored));
    let first = node.stamp(b"k");
    assert_eq!(set("2", Condition::Absent), Err(WriteError::Unmet(first)));
    assert_eq!(set("2", Condition::Stamp(first)), Ok(Written::Stored));
    let second = node.stamp(b"k");
    assert_ne!(first, second);
    assert_eq!(
        now(node.remove_if(b"k", Removal::Declared, Condition::Stamp(first))),
        Err(WriteError::Unmet(second))
    );
    assert_eq!(now(node.remove_if(b"k", Removal::Declared, Condition::Stamp(second))), Ok(1));
    assert_eq!(node.stamp(b"k"), 0);
}

#[tokio::test]
async fn a_conditional_removal_is_told_and_reaches_dependents() {
    let (node, _) = Scripted::node();
    now(node.set(b"base", put("1", Condition::Absent), Origin::default())).expect("stored");
    let page = Put { dependencies: vec![b"base"[..].into()], ..put("2", Condition::Absent) };
    now(node.set(b"page", page, Origin::default())).expect("stored");
    let before = node.position();
    assert_eq!(now(node.remove_if(b"base", Removal::Declared, Condition::Present)), Ok(1));
    assert_eq!(node.stamp(b"page"), 0);
    let told = node.latest_news(1).pop().expect("news");
    assert!(told.position > before);
    assert_eq!(*told.invalidation().expect("one").0.scope, Scope::Key(b"base"[..].into()));
    assert_eq!(told.invalidation().expect("one").0.cause, Cause::Removal);
}

/// Runs `write` on eight threads at once.
fn together(node: &Arc<Node>, write: impl Fn(&Arc<Node>, usize) + Sync) {
    let barrier = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (barrier, write) = (&barrier, &write);
            scope.spawn(move || {
                barrier.wait();
                write(node, thread);
            });
        }
    });
}

#[tokio::test]
async fn of_many_writers_who_want_no_entry_one_gets_it() {
    let (node, _) = Scripted::node();
    for round in 0..200 {
        let key = format!("k{round}").into_bytes();
        let stored = AtomicUsize::new(0);
        together(&node, |node, thread| {
            let set = now(node.set(&key, put(&thread.to_string(), Condition::Absent), Origin::default()));
            stored.fetch_add(usize::from(set == Ok(Written::Stored)), Relaxed);
        });
        assert_eq!(stored.into_inner(), 1);
    }
}

#[tokio::test]
async fn counting_by_stamps_loses_no_count() {
    const EACH: u64 = 300;
    let (node, _) = Scripted::node();
    now(node.set(b"n", put("0", Condition::Absent), Origin::default())).expect("stored");
    together(&node, |node, _| {
        for _ in 0..EACH {
            loop {
                let read = node.peek(b"n", |view| {
                    let text = std::str::from_utf8(view.value().unwrap_or(b"0")).expect("text");
                    (view.stamp(), text.parse::<u64>().expect("a number"))
                });
                let (stamp, count) = read.expect("an entry");
                let more = put(&(count + 1).to_string(), Condition::Stamp(stamp));
                if now(node.set(b"n", more, Origin::default())) == Ok(Written::Stored) {
                    break;
                }
            }
        }
    });
    let total = node.peek(b"n", |view| view.value().map(<[u8]>::to_vec));
    assert_eq!(total.flatten(), Some((8 * EACH).to_string().into_bytes()));
}

#[tokio::test]
async fn with_a_source_the_condition_is_about_the_row() {
    let (node, source) = Scripted::node();
    source.commit(1, "there", 7);
    let set = async |key: &[u8], value, condition| {
        node.set(key, put(value, condition), Origin::default()).wait().await
    };
    assert!(matches!(set(b"post:1", "x", Condition::Absent).await, Err(WriteError::Unmet(_))));
    assert_eq!(source.row(1).as_deref(), Some("there"), "nothing was written");
    assert_eq!(set(b"post:2", "x", Condition::Present).await, Err(WriteError::Unmet(0)));
    assert_eq!(set(b"post:1", "new", Condition::Present).await, Ok(Written::Stored));
    assert_eq!(set(b"post:2", "new", Condition::Absent).await, Ok(Written::Stored));
    let stamp = node.stamp(b"post:1");
    // Another process commits, and the feed has not told of it.
    source.commit_untold(1, "foreign", 7);
    assert!(matches!(set(b"post:1", "late", Condition::Stamp(stamp)).await, Err(WriteError::Unmet(_))));
    assert_eq!(source.row(1).as_deref(), Some("foreign"));
    let stamp = node.stamp(b"post:1");
    let removed = node.remove_if(b"post:1", Removal::Row(None), Condition::Stamp(stamp)).wait().await;
    assert_eq!((removed, source.row(1)), (Ok(1), None));
}

#[tokio::test]
async fn of_conditional_writers_to_a_source_one_is_done() {
    let (node, source) = Scripted::node();
    for id in 0..50 {
        let key = format!("post:{id}").into_bytes();
        let writes = (0..8).map(|writer| {
            let set = node.set(&key, put(&writer.to_string(), Condition::Absent), Origin::default());
            tokio::spawn(set.wait())
        });
        let mut stored = 0;
        for write in writes.collect::<Vec<_>>() {
            stored += usize::from(write.await.expect("no panic") == Ok(Written::Stored));
        }
        assert_eq!(stored, 1, "of key {id}");
        assert!(source.row(id).is_some());
    }
    let only_cache = Put { write: Some(Strategy::CacheOnly), ..put("x", Condition::Present) };
    assert_eq!(now(node.set(b"post:0", only_cache, Origin::default())), Ok(Written::Stored));
    assert_ne!(source.row(0).as_deref(), Some("x"));
}

/// Story: a conditional write of a locked row held the turn of its place, and one write in 64 of other keys waited for it.
#[tokio::test]
async fn a_key_whose_source_does_not_answer_holds_up_no_other_key() {
    let (node, source) = Scripted::node();
    source.hold();
    let begin = |id: usize| {
        let node = node.clone();
        tokio::spawn(async move {
            let key = format!("post:{id}");
            node.set(key.as_bytes(), put("new", Condition::Absent), Origin::default()).wait().await
        })
    };
    let held = begin(1);
    while source.loads.load(Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    source.hold_no_more(1);
    for id in 2..400 {
        let written = tokio::time::timeout(Duration::from_secs(5), begin(id)).await;
        let written = written.unwrap_or_else(|_| panic!("post:{id} waits for post:1")).expect("it ends");
        assert_eq!(written, Ok(Written::Stored), "post:{id}");
    }
    source.release(1);
    assert_eq!(held.await.expect("it ends"), Ok(Written::Stored));
}
