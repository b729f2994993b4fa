//! Readers while the feed is not complete: each policy, and what is said of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clearwell::config::Level;
use clearwell::node::{Answer, Demand, Happened, Node, ReadError};
use clearwell_source::SourceError;

use crate::source::{CONFIG, Scripted};

const WHY: &str = "the slot was dropped";

fn node(policy: &str) -> (Arc<Node>, Arc<Scripted>) {
    let keys = format!("[[keyspace]]\nunverified = \"{policy}\"");
    Scripted::node_with(&CONFIG.replacen("[[keyspace]]", &keys, 1))
}

async fn at(node: &Arc<Node>, level: Level) -> Result<Answer, ReadError> {
    node.read(b"post:1", Demand { level: Some(level), ..Demand::PLAIN }).wait().await
}

async fn text(node: &Arc<Node>, level: Level) -> String {
    let answer = at(node, level).await.expect("an answer");
    String::from_utf8(answer.value.expect("a value").to_vec()).expect("text")
}

/// Waits for what the node's own threads do.
fn until(what: &str, met: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !met() {
        assert!(Instant::now() < end, "{what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

const LEVELS: [Level; 5] =
    [Level::Strong, Level::Session, Level::Causal, Level::Bounded(60_000), Level::Eventual];

#[tokio::test]
async fn bypass_asks_the_source_each_time_and_keeps_nothing() {
    let (node, source) = node("bypass");
    source.commit(1, "old", 7);
    assert_eq!(text(&node, Level::Eventual).await, "old");
    source.doubt(Some(WHY));
    for (n, level) in LEVELS.into_iter().enumerate() {
        let value = format!("new {n}");
        source.commit_untold(1, &value, 7);
        let answer = at(&node, level).await.expect("an answer");
        assert_eq!(answer.value.as_deref(), Some(value.as_bytes()), "{level}");
        assert_eq!((answer.unverified.as_deref(), answer.hit), (Some(WHY), false));
    }
    assert_eq!(source.barriers.load(Ordering::Relaxed), 0, "no barrier can hold");
    assert_eq!(node.peek(b"post:1", |_| ()), None);
    assert_eq!(source.loads.load(Ordering::Relaxed), 1 + LEVELS.len() as u64);

    source.doubt(None);
    assert_eq!(text(&node, Level::Eventual).await, "new 4");
    let answer = at(&node, Level::Eventual).await.expect("an answer");
    assert_eq!((answer.unverified, answer.hit), (None, true));
    node.check().expect("sound books");
}

#[tokio::test]
async fn a_flight_that_began_before_is_not_waited_for() {
    let (node, source) = node("bypass");
    source.commit(1, "old", 7);
    source.hold();
    let first = tokio::spawn(node.read(b"post:1", Demand::PLAIN).wait());
    let second = tokio::spawn(node.read(b"post:1", Demand::PLAIN).wait());
    source.release_after(1, || {
        source.doubt(Some(WHY));
        source.commit_untold(1, "new", 7);
    });
    let values = [first.await, second.await].map(|read| read.expect("no panic").expect("an answer").value);
    assert!(
        values.iter().any(|value| value.as_deref() == Some(b"new")),
        "who waited asked again: {values:?}"
    );
    assert_eq!(text(&node, Level::Eventual).await, "new");
}

#[tokio::test]
async fn bounded_serves_what_was_loaded_for_so_long_and_drops_it_when_verified() {
    let (node, source) = node("bounded(300ms)");
    source.commit(1, "old", 7);
    source.doubt(Some(WHY));
    let began = Instant::now();
    assert_eq!(text(&node, Level::Eventual).await, "old");
    source.commit_untold(1, "new", 7);
    // A busy machine may be slower than the bound: then nothing of this can be seen.
    let kept = text(&node, Level::Eventual).await;
    assert!(kept == "old" || began.elapsed() >= Duration::from_millis(300), "{kept}");
    assert_eq!(text(&node, Level::Strong).await, "new", "no level but these is served from memory");
    source.commit_untold(1, "newer", 7);
    let mut last = text(&node, Level::Eventual).await;
    let asked = Instant::now();
    while last != "newer" {
        let began = Instant::now();
        last = text(&node, Level::Eventual).await;
        assert!(last == "newer" || began - asked < Duration::from_millis(301), "{:?}", asked.elapsed());
    }
    source.commit_untold(1, "newest", 7);
    source.doubt(None);
    assert_eq!(text(&node, Level::Eventual).await, "newest");
    assert!(at(&node, Level::Eventual).await.expect("an answer").hit);
}

#[tokio::test]
async fn refuse_says_why_and_weak_reads_what_is_there() {
    let (node, source) = node("refuse");
    source.commit(1, "old", 7);
    assert_eq!(text(&node, Level::Eventual).await, "old");
    source.behind_ms.store(60_000, Ordering::Relaxed);
    until("silence makes it unverified", || node.doubt(b"post:1").is_some());
    for level in LEVELS {
        let error = at(&node, level).await.expect_err("it is refused");
        assert!(matches!(error, ReadError::Unverified(..)), "{error:?}");
        assert!(error.to_string().contains("post:{id:int}") && error.to_string().contains("last 60000 ms"));
    }
    assert_eq!(text(&node, Level::Weak).await, "old");
    assert_eq!(source.loads.load(Ordering::Relaxed), 1);
    source.behind_ms.store(0, Ordering::Relaxed);
    until("it is verified again", || node.doubt(b"post:1").is_none());
    assert!(at(&node, Level::Eventual).await.expect("an answer").hit, "silence alone loses nothing");
}

#[tokio::test]
async fn silence_that_nobody_listened_to_is_noticed_by_the_first_reader_whoever_moved_the_clock() {
    let (node, source) = node("bypass");
    source.commit(1, "old", 7);
    assert_eq!(text(&node, Level::Eventual).await, "old");
    // As in a process that was stopped and goes on: its keeper is not the first to run.
    source.keeper_stopped.store(true, Ordering::Relaxed);
    let stopped = Instant::now();
    until("time to pass", || stopped.elapsed() > Duration::from_millis(300));
    source.behind_ms.store(60_000, Ordering::Relaxed);
    source.commit_untold(1, "new", 7);
    // A load that lands does this.
    node.clock().tick();
    let answer = at(&node, Level::Eventual).await.expect("an answer");
    assert_eq!(answer.value.as_deref(), Some("new".as_bytes()));
    assert!(answer.unverified.is_some_and(|why| why.contains("last 60000 ms")));
    source.keeper_stopped.store(false, Ordering::Relaxed);
}

#[tokio::test]
async fn a_failing_source_is_covered_by_grace_only_as_long_as_the_entry_was_known_to_be_right() {
    let (node, source) =
        Scripted::node_with(&CONFIG.replace("grace = \"1h\"", "grace = \"20s\"\noutage = \"0s\""));
    source.commit(1, "old", 7);
    assert_eq!(text(&node, Level::Eventual).await, "old");
    source.fail(Some(SourceError::Unreachable("down".into())));
    source.behind_ms.store(10_000, Ordering::Relaxed);
    until("silence makes it unverified", || node.doubt(b"post:1").is_some());
    let answer = at(&node, Level::Eventual).await.expect("it is within the grace");
    assert!(answer.stale && answer.unverified.is_some());
    assert!(matches!(at(&node, Level::Strong).await, Err(ReadError::Unmet(..))));
    source.behind_ms.store(30_000, Ordering::Relaxed);
    assert!(matches!(at(&node, Level::Eventual).await, Err(ReadError::Source(_))));
}

#[tokio::test]
async fn it_is_told_and_counted() {
    let (node, source) = node("bypass");
    source.doubt(Some(WHY));
    let report = node.feeds().remove(0);
    assert_eq!((report.source.as_str(), report.keyspaces.len()), ("main", 1));
    assert_eq!(report.figures.doubt.map(|doubt| doubt.why).as_deref(), Some(WHY));
    source.doubt(None);
    let figures = node.feeds().remove(0).figures;
    assert_eq!((figures.doubt, figures.gaps, figures.times), (None, 1, 1));
    let told: Vec<&str> = node
        .latest_news(10)
        .iter()
        .map(|item| match &item.happened {
            Happened::Invalidated { .. } => "invalidated",
            Happened::Held(_) | Happened::Released(_) | Happened::Cancelled(_) => "held",
            Happened::Unverified { .. } => "unverified",
            Happened::Gap { .. } => "gap",
            Happened::Altered { .. } => "altered",
            Happened::Verified { .. } => "verified",
            Happened::Refused { .. } => "refused",
        })
        .collect();
    assert_eq!(told, ["unverified", "invalidated", "gap", "invalidated", "verified"]);
}
