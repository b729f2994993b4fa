//! What a reply says about itself is checked like the value: a reply that says that it is current, meets a level, or is so old,
//! while more was overwritten than that allows, is found.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clearwell::config::Level;
use clearwell::node::{Answer, Demand, Node, Put, ReadError};
use clearwell::road::{InvalidationRequest, Mode};
use clearwell_engine::{Cause, Origin, Scope};
use clearwell_source::SourceError;

use crate::source::{CONFIG, Scripted};

/// What a row was, and what the node can know of that.
struct Truth {
    /// Committed values, oldest first.
    committed: Vec<String>,
    /// How many of them the feed has told, or an invalidation covers.
    told: usize,
    silent: bool,
    doubted: bool,
    lazy: bool,
}

impl Truth {
    /// Which promise of the reply is not true; `None`: each holds.
    fn broken(&self, asked: Level, reply: &Answer) -> Option<String> {
        let value = reply.value.as_deref().map(String::from_utf8_lossy)?;
        let shown = self.committed.iter().rposition(|committed| **committed == *value)?;
        let (newest, told) = (self.committed.len() - 1, self.told - 1);
        if reply.level == Level::Strong && shown < newest {
            return Some(format!("strong, and shows {shown} of {newest}"));
        }
        if !reply.stale && shown < told {
            return Some(format!("not stale, and {told} was told while it shows {shown}"));
        }
        if !reply.stale && reply.hit && (self.silent || self.doubted) && reply.level != Level::Strong {
            return Some("not stale, and nothing was heard of the source".into());
        }
        if reply.stale && reply.level == Level::Strong {
            return Some("stale and strong".into());
        }
        if self.doubted && reply.unverified.is_none() {
            return Some("verified while the feed is not complete".into());
        }
        if self.lazy
            && reply.hit
            && shown < told
            && reply.level != Level::Weak
            && reply.level != Level::Eventual
        {
            return Some(format!("marked stale, and {}", reply.level));
        }
        // A level that was not obtained is not said to be, unless the reader allowed for less.
        let allowed = reply.level == asked || (reply.stale && reply.level == Level::Eventual);
        (!allowed).then(|| format!("asked for {asked}, says {}", reply.level))
    }
}

const LEVELS: [Level; 6] =
    [Level::Strong, Level::Session, Level::Causal, Level::Bounded(60_000), Level::Eventual, Level::Weak];

async fn reply(node: &Arc<Node>, level: Level, stale: bool) -> Result<Answer, ReadError> {
    node.read(b"post:1", Demand { level: Some(level), stale, ..Demand::PLAIN }).wait().await
}

/// Plays random steps; answers the claims that were not true. `falsify` stands between the node and its judge.
async fn play(seed: u64, falsify: impl Fn(Answer) -> Answer) -> Vec<String> {
    let (node, source) = Scripted::node_with(&CONFIG.replace("grace = \"1h\"", "grace = \"0s\""));
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut truth =
        Truth { committed: vec!["v0".into()], told: 1, silent: false, doubted: false, lazy: false };
    source.commit(1, "v0", 7);
    let mut wrong = Vec::new();
    for step in 0..60 {
        match rng.u8(0..8) {
            0 | 1 => {
                let value = format!("v{}", truth.committed.len());
                source.commit_untold(1, &value, 7);
                truth.committed.push(value);
            }
            2 if !truth.silent && !truth.doubted => {
                source.tell();
                truth.told = truth.committed.len();
                truth.lazy = false;
            }
            3 => {
                truth.silent = !truth.silent;
                source.behind_ms.store(if truth.silent { 3_000 } else { 0 }, Ordering::Relaxed);
            }
            4 => {
                truth.doubted = !truth.doubted;
                source.doubt(truth.doubted.then_some("the slot was dropped"));
                truth.told = truth.committed.len();
                truth.lazy = false;
            }
            5 => {
                let request =
                    InvalidationRequest::now(vec![Scope::Key(b"post:1"[..].into())], Cause::Command);
                node.invalidate(InvalidationRequest { mode: Mode::Lazy, ..request });
                (truth.told, truth.lazy) = (truth.committed.len(), true);
            }
            6 => source.fail(rng.bool().then(|| SourceError::Unreachable("down".into()))),
            _ => {}
        }
        let (level, stale) = (LEVELS[rng.usize(..LEVELS.len())], rng.bool());
        if let Ok(reply) = reply(&node, level, stale).await {
            // A barrier tells what was committed.
            if level == Level::Strong && !truth.doubted {
                truth.told = truth.committed.len();
            }
            if let Some(why) = truth.broken(level, &falsify(reply)) {
                wrong.push(format!("seed {seed}, step {step}, {level}, stale {stale}: {why}"));
            }
        }
    }
    wrong
}

#[tokio::test]
async fn no_reply_claims_more_than_is_true() {
    for seed in 0..50 {
        assert_eq!(play(seed, |reply| reply).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn planted_claims_are_found() {
    type Lie = (&'static str, fn(Answer) -> Answer);
    let lies: [Lie; 4] = [
        ("never stale", |reply| Answer { stale: false, ..reply }),
        ("always verified", |reply| Answer { unverified: None, ..reply }),
        ("always strong", |reply| Answer { level: Level::Strong, ..reply }),
        ("always session", |reply| Answer { level: Level::Session, ..reply }),
    ];
    for (lie, tell) in lies {
        let mut found = false;
        for seed in 0..20 {
            found |= !play(seed, tell).await.is_empty();
        }
        assert!(found, "{lie}");
    }
}

#[tokio::test]
async fn silence_is_told_by_every_level_that_memory_answers() {
    let (node, source) = Scripted::node();
    source.commit(1, "old", 7);
    assert!(!reply(&node, Level::Eventual, false).await.expect("an answer").stale);
    source.behind_ms.store(3_000, Ordering::Relaxed);
    for level in [Level::Bounded(60_000), Level::Eventual, Level::Session, Level::Causal, Level::Weak] {
        let reply = reply(&node, level, false).await.expect("an answer");
        assert_eq!((reply.stale, reply.hit, reply.level), (true, true, level));
    }
    let strong = reply(&node, Level::Strong, false).await.expect("an answer");
    assert_eq!((strong.stale, strong.level), (false, Level::Strong), "it is behind a barrier");
}

#[tokio::test]
async fn the_age_counts_from_when_the_row_was_read() {
    let (node, source) = Scripted::node();
    source.commit(1, "old", 7);
    source.hold();
    let reading = tokio::spawn(node.read(b"post:1", Demand::PLAIN).wait());
    // It joins the load of the first.
    let waiting = tokio::spawn(node.read(b"post:1", Demand::PLAIN).wait());
    let began = std::time::Instant::now();
    source.release_after(1, || {
        while began.elapsed() < Duration::from_millis(60) {
            std::thread::park_timeout(Duration::from_millis(5));
        }
    });
    let age = |answer: &Answer| node.clock().now().since(answer.created);
    let loaded = reading.await.expect("no panic").expect("an answer");
    assert!(age(&loaded) >= 40, "the load took longer than {} ms", age(&loaded));
    let waited = waiting.await.expect("no panic").expect("an answer");
    assert_eq!(source.loads.load(Ordering::Relaxed), 1, "one load answers both");
    assert!(age(&waited) >= 40, "who waited for it is told {} ms", age(&waited));
    let kept = reply(&node, Level::Eventual, false).await.expect("an answer");
    assert!(kept.hit && age(&kept) >= 40, "{} ms", age(&kept));
    // All three tell the same of it.
    for answer in [&loaded, &waited] {
        let ms = |at: Option<clearwell_engine::Millis>| at.expect("it expires").0;
        assert!(ms(answer.expires).abs_diff(ms(kept.expires)) <= 1, "{answer:?} and {kept:?}");
        let ttl_ms = |answer: &Answer| answer.ttl_ms.expect("it has a time to live");
        assert!(ttl_ms(answer).abs_diff(ttl_ms(&kept)) <= 5, "{answer:?} and {kept:?}");
        assert_eq!(answer.version, kept.version);
    }
}

#[tokio::test]
async fn a_written_value_is_as_old_as_its_write() {
    let (node, source) = Scripted::node();
    source.answers_after_ms.store(60, Ordering::Relaxed);
    let put = Put { value: b"mine"[..].into(), ..Put::default() };
    node.set(b"post:1", put, Origin::default()).wait().await.expect("it is written");
    // Others may have written over it before the answer came.
    let kept = reply(&node, Level::Eventual, false).await.expect("an answer");
    let age_ms = node.clock().now().since(kept.created);
    assert!(kept.hit && age_ms >= 40, "{age_ms} ms");
}
