//! Keys that nearly match a keyspace: `SET post:01 v` beside `post:{id:int}` was stored in memory, and never reached the
//! database.

use crate::source::{CONFIG, Scripted};
use crate::started::{Started, ask};

const NEAR: [&str; 7] = ["post:01", "post:+1", "post:abc", "Post:1", "POST:01", "post:", "post:1:"];

fn world(more: &str) -> Started {
    Started::over(Scripted::node_with(&CONFIG.replace("ttl = \"10s\"", &format!("ttl = \"10s\"\n{more}"))).0)
}

#[test]
fn every_write_of_one_is_refused_with_what_is_right() {
    let started = world("");
    let mut raw = started.connect();
    ask(&mut raw, "SET plain 1");
    let commands = [
        "SET {} v",
        "SET {} v NX",
        "SET {} v KEEPTTL",
        "SETEX {} 10 v",
        "PSETEX {} 10000 v",
        "SETNX {} v",
        "GETSET {} v",
        "MSET other v {} v",
        "MSETNX other v {} v",
        "INCR {}",
        "DECRBY {} 2",
        "INCRBYFLOAT {} 1.5",
        "APPEND {} v",
        "SETRANGE {} 0 v",
        "RENAME plain {}",
        "RENAMENX plain {}",
        "COPY plain {}",
        "CW.SET {} v",
        "CW.DEL {}",
    ];
    for key in NEAR {
        for command in commands {
            let command = command.replace("{}", key);
            let reply = ask(&mut raw, &command);
            assert!(
                reply.starts_with("-ERR no key of keyspace post:{id:int}, but nearly: "),
                "{command}: {reply}"
            );
            assert_eq!(ask(&mut raw, &format!("EXISTS {key} other")), ":0\r\n", "{command}");
        }
        assert_eq!(ask(&mut raw, &format!("GET {key}")), "$-1\r\n", "reads are warned of");
        assert_eq!(ask(&mut raw, &format!("DEL {key}")), ":0\r\n");
    }
    assert_eq!(ask(&mut raw, "GET plain"), "$1\r\n1\r\n");
    let refused = ask(&mut raw, "SET post:01 v");
    assert!(refused.contains(
        "id is \"01\", and an integer is written without leading zeros, + or spaces; write \"post:1\""
    ));
    assert!(
        started.node.near_misses().refused() > 100
            && started.node.near_misses().warned() >= NEAR.len() as u64
    );
}

#[test]
fn keys_of_another_shape_and_of_another_keyspace_are_none() {
    let more = "[[keyspace]]\npattern = \"post:{slug}\"\nttl = \"1m\"\n[[keyspace.feed]]";
    let config = CONFIG.replace("[[keyspace.feed]]", more);
    let config = config.replacen("[[keyspace.feed]]\ntable", "[[x]]\ntable", 1);
    let feed = config.split_once("[[x]]").map(|(head, _)| head.to_owned()).expect("a feed");
    let started = Started::over(Scripted::node_with(&feed).0);
    let mut raw = started.connect();
    for key in ["post:01", "post:abc"] {
        assert_eq!(ask(&mut raw, &format!("SET {key} v")), "+OK\r\n", "post:{{slug}} has it");
    }
    let started = world("");
    let mut raw = started.connect();
    for key in ["post:1:comments", "posts:1", "post", "p", "plain"] {
        assert_eq!(ask(&mut raw, &format!("SET {key} v")), "+OK\r\n", "{key}");
    }
    assert_eq!(started.node.near_misses().refused() + started.node.near_misses().warned(), 0);
}

#[test]
fn a_keyspace_may_warn_or_allow() {
    for (policy, warned) in [("warn", 2), ("allow", 0)] {
        let started = world(&format!("near_miss = \"{policy}\""));
        let mut raw = started.connect();
        assert_eq!(ask(&mut raw, "SET post:01 v"), "+OK\r\n");
        assert_eq!(ask(&mut raw, "GET post:01"), "$1\r\nv\r\n", "a hit is not looked at");
        assert_eq!(ask(&mut raw, "GET post:02"), "$-1\r\n");
        let seen = (started.node.near_misses().refused(), started.node.near_misses().warned());
        assert_eq!(seen, (0, warned), "{policy}");
    }
    let read_only = CONFIG.replace("store = ", "# store = ").replace("write = \"write-through\"\n", "");
    let started = Started::over(Scripted::node_with(&read_only).0);
    assert_eq!(ask(&mut started.connect(), "SET post:01 v"), "+OK\r\n", "one that only loads warns");
    assert_eq!(started.node.near_misses().warned(), 1);
}

#[test]
fn what_is_known_of_a_key_says_that_it_nearly_matches() {
    let near = "$4\r\nnear\r\n$145\r\nno key of keyspace post:{id:int}, but nearly: ";
    for (policy, says) in [("refuse", true), ("warn", true), ("allow", false)] {
        let started = world(&format!("near_miss = \"{policy}\""));
        let mut raw = started.connect();
        let missed = ask(&mut raw, "CW.GET post:01 META");
        assert_eq!(missed.contains(near), says, "{policy}: {missed}");
        assert_eq!(started.node.near_misses().warned(), u64::from(says), "{policy}: a miss is warned of");
        assert!(ask(&mut raw, "CW.GET post:1 META").contains("$4\r\nnear\r\n$-1\r\n"), "{policy}");
        assert_eq!(ask(&mut raw, "CW.ENTRY post:01"), "$-1\r\n", "{policy}: there is none");
        if policy == "refuse" {
            continue;
        }
        assert_eq!(ask(&mut raw, "SET post:01 v"), "+OK\r\n");
        for known in ["CW.GET post:01 META", "CW.ENTRY post:01"] {
            assert_eq!(ask(&mut raw, known).contains(near), says, "{policy}: {known}");
        }
    }
}
