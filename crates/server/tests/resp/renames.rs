//! RENAME, COPY and MSETNX beside writes that come by another surface. Story: RENAME read the entry, a PUT over REST gave it a new
//! value, and then RENAME removed it: the acknowledged value was nowhere.

use std::sync::Barrier;

use clearwell::node::{Node, Put};
use clearwell_engine::{Cause, Origin, Relocated, Relocation, Scope};

use crate::source::Scripted;
use crate::started::{Started, ask};

const ROUNDS: usize = 3_000;
const MOVE: Relocation = Relocation { replace: true, keep: false };

/// A write as REST makes it: no worker is kept out.
fn put(node: &std::sync::Arc<Node>, key: &str, value: &str) {
    let put = Put { value: value.as_bytes().to_vec().into(), tags: vec![b"t"[..].into()], ..Put::default() };
    let clearwell::node::Turn::Now(done) = node.set(key.as_bytes(), put, Origin::default()) else {
        panic!("a plain key is written at once")
    };
    done.expect("stored");
}

fn value(node: &Node, key: &str) -> Option<String> {
    let read =
        |view: &clearwell_engine::View<'_>| view.value().map(|it| String::from_utf8_lossy(it).into_owned());
    node.peek(key.as_bytes(), read).flatten()
}

#[test]
fn a_write_beside_a_rename_is_under_one_key_or_the_other() {
    let (node, _source) = Scripted::node();
    let started = Started::over(node.clone());
    let (writes, both) = (node.clone(), Barrier::new(2));
    // Told when both threads have ended, since each waits for the other.
    let mut wrong: Vec<String> = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                both.wait();
                put(&writes, "from", &format!("new {round}"));
                both.wait();
            }
        });
        let mut raw = started.connect();
        for round in 0..ROUNDS {
            put(&node, "from", &format!("old {round}"));
            both.wait();
            let answer = ask(&mut raw, "RENAME from to");
            if answer != "+OK\r\n" {
                wrong.push(format!("round {round}: {answer}"));
            }
            both.wait();
            let (from, to) = (value(&node, "from"), value(&node, "to"));
            let new = Some(format!("new {round}"));
            if !(from == new || (from.is_none() && to == new)) {
                wrong.push(format!("round {round}: from {from:?}, to {to:?}"));
            }
        }
    });
    assert!(wrong.is_empty(), "{} of {ROUNDS} rounds, the first: {}", wrong.len(), wrong[0]);
    node.check().expect("sound books");
}

#[test]
fn a_name_that_is_invalidated_beside_a_rename_keeps_nothing_old() {
    let (node, _source) = Scripted::node();
    let both = Barrier::new(2);
    // Told when both threads have ended, since each waits for the other.
    let mut wrong: Vec<String> = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                both.wait();
                let scope = match round % 3 {
                    0 => Scope::Tag(b"t"[..].into()),
                    1 => Scope::Everything,
                    _ => Scope::Prefix(b"fr"[..].into()),
                };
                node.invalidate(clearwell::road::InvalidationRequest::now(vec![scope], Cause::Command));
                both.wait();
            }
        });
        for round in 0..ROUNDS {
            put(&node, "from", "old");
            both.wait();
            node.relocate(b"from", b"to", MOVE, node.clock().now()).expect("it fits");
            both.wait();
            // A pattern may have come before the move or after it; what carries the tag is gone either way.
            let left = value(&node, "from").or_else(|| value(&node, "to").filter(|_| round % 3 != 2));
            wrong.extend(left.map(|left| format!("round {round}: {left}")));
            node.update(b"to", node.clock().now(), |_| (clearwell_engine::Change::Remove, ()))
                .expect("removed");
        }
    });
    assert!(wrong.is_empty(), "{} of {ROUNDS} rounds, the first: {}", wrong.len(), wrong[0]);
    node.check().expect("sound books");
}

#[test]
fn renames_that_cross_lose_and_double_nothing() {
    let (node, _source) = Scripted::node();
    let both = Barrier::new(2);
    // Pairs in the same shard and in others, in both orders of shards.
    let pair = |round: usize| (format!("a{}", round % 97), format!("b{}", round % 89));
    // Told when both threads have ended, since each waits for the other.
    let mut wrong: Vec<String> = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                let (a, b) = pair(round);
                both.wait();
                let _either =
                    node.relocate(b.as_bytes(), a.as_bytes(), MOVE, node.clock().now()).expect("it fits");
                both.wait();
            }
        });
        for round in 0..ROUNDS {
            let (a, b) = pair(round);
            put(&node, &a, "it");
            both.wait();
            let moved = node.relocate(a.as_bytes(), b.as_bytes(), MOVE, node.clock().now()).expect("it fits");
            both.wait();
            let there = [&a, &b].map(|key| value(&node, key));
            if moved != Relocated::Done || there.iter().flatten().count() != 1 {
                wrong.push(format!("round {round}: {moved:?}, {there:?}"));
            }
            for key in [a, b] {
                node.update(key.as_bytes(), node.clock().now(), |_| (clearwell_engine::Change::Remove, ()))
                    .expect("removed");
            }
        }
    });
    assert!(wrong.is_empty(), "{} of {ROUNDS} rounds, the first: {}", wrong.len(), wrong[0]);
    node.check().expect("sound books");
}

#[test]
fn times_tags_and_dependents_move_along() {
    let (node, _source) = Scripted::node();
    let started = Started::over(node.clone());
    let mut raw = started.connect();
    ask(&mut raw, "SET base x");
    ask(&mut raw, "CW.SET from v EX 100 TAGS 2 t u DEPENDS 1 base PRIORITY 7");
    ask(&mut raw, "CW.SET onold x DEPENDS 1 from");
    ask(&mut raw, "SET to other");
    ask(&mut raw, "CW.SET onother x DEPENDS 1 to");
    assert_eq!(ask(&mut raw, "RENAME from from"), "+OK\r\n", "onto itself nothing happens");
    assert_eq!(ask(&mut raw, "EXISTS from onold"), ":2\r\n");
    assert_eq!(ask(&mut raw, "RENAMENX from from"), ":0\r\n");
    assert_eq!(ask(&mut raw, "RENAMENX from to"), ":0\r\n");
    assert_eq!(ask(&mut raw, "RENAME from to"), "+OK\r\n");
    assert_eq!(ask(&mut raw, "EXISTS from onold onother"), ":0\r\n", "what depends on either key is old");
    assert_eq!(ask(&mut raw, "TTL to"), ":100\r\n");
    assert_eq!(ask(&mut raw, "RENAME from to"), "-ERR no such key\r\n");
    assert_eq!(ask(&mut raw, "COPY to copy"), ":1\r\n");
    assert_eq!(ask(&mut raw, "COPY from copy"), ":0\r\n");
    assert_eq!(ask(&mut raw, "TTL copy"), ":100\r\n");
    assert_eq!(ask(&mut raw, "MSETNX new 1 copy 2"), ":0\r\n");
    assert_eq!(ask(&mut raw, "EXISTS new"), ":0\r\n");
    assert_eq!(ask(&mut raw, "MSETNX new 1 new 2"), ":1\r\n");
    assert_eq!(ask(&mut raw, "GET new"), "$1\r\n2\r\n");
    ask(&mut raw, "CW.INVALIDATE TAGS 1 u");
    assert_eq!(ask(&mut raw, "EXISTS to copy"), ":0\r\n", "the tags moved along");
    ask(&mut raw, "CW.SET self v DEPENDS 1 other");
    assert!(ask(&mut raw, "RENAME self other").starts_with("-ERR the entry would depend on itself"));
    assert_eq!(ask(&mut raw, "EXISTS self"), ":1\r\n", "nothing was changed");
}
