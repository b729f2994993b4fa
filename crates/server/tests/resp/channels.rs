//! Channels: the frames are redis-server's, Clearwell's own channels tell what may concern a key, and who does not read is cut
//! off alone.

use crate::started::{Started, ask, words};
use crate::support::{Kind, Raw, Server, encode, wait_for};

/// The frames that a request brings, up to the answer of a PING behind it.
fn frames(raw: &mut Raw, request: &str) -> Vec<String> {
    assert!(raw.send(&[encode(&words(request)), encode(&["PING", "<end>"])].concat()), "{request}");
    let mut frames = Vec::new();
    loop {
        let frame = String::from_utf8(raw.reply().expect("a frame")).expect("text");
        if frame.contains("<end>") {
            return frames;
        }
        frames.push(frame);
    }
}

/// What a message from another connection brings.
fn told(raw: &mut Raw) -> String {
    String::from_utf8(raw.reply().expect("a message")).expect("text")
}

/// Requests of one connection, whose frames must be those of redis-server. A `!` before one: frames come in either order, for
/// Redis 7 sends a connection's own message before the reply to PUBLISH, and later ones after it. A `<` before one: another
/// connection sends it.
const STORIES: [(&str, &[&str]); 6] = [
    (
        "resp2",
        &[
            "SUBSCRIBE a b a",
            "GET x",
            "PING",
            "PING hi",
            "HELLO 3",
            "NOSUCH",
            "GET",
            "PUBLISH a x",
            "MULTI",
            "<PUBLISH a hello",
            "<PUBLISH z nobody",
            "UNSUBSCRIBE a",
            "UNSUBSCRIBE zz",
            "UNSUBSCRIBE b",
            "UNSUBSCRIBE",
            "PUNSUBSCRIBE",
            "PUNSUBSCRIBE q r",
            "GET x",
        ],
    ),
    (
        "patterns",
        &[
            "PSUBSCRIBE p* p?",
            "SUBSCRIBE p1",
            "PSUBSCRIBE [p",
            "PUNSUBSCRIBE [p",
            "<PUBLISH p1 both",
            "<PUBLISH p22 one",
            "PUNSUBSCRIBE p*",
            "<PUBLISH p1 two",
            "RESET",
            "GET x",
            "<PUBLISH p1 none",
            "PUBSUB NUMPAT",
        ],
    ),
    (
        "resp3",
        &[
            "HELLO 3 SETNAME n",
            "SUBSCRIBE a",
            "PSUBSCRIBE a*",
            "<PUBLISH a x",
            "!PUBLISH a y",
            "GET x",
            "SET x 1",
            "GET x",
            "PUBSUB CHANNELS",
            "PUBSUB CHANNELS b*",
            "PUBSUB NUMSUB a b",
            "PUBSUB NUMSUB",
            "PUBSUB NUMPAT",
            "PUBSUB NOPE",
            "PUBSUB CHANNELS a b",
            "UNSUBSCRIBE",
            "UNSUBSCRIBE",
            "PUNSUBSCRIBE",
        ],
    ),
    (
        "notifications",
        &[
            "CONFIG GET notify-keyspace-events",
            "CONFIG SET notify-keyspace-events KEq",
            "CONFIG SET notify-keyspace-events KEA",
            "CONFIG GET notify-keyspace-events",
            "PSUBSCRIBE __key*",
            "<SET k v",
            "<SET k w NX",
            "<SET k w XX",
            "<DEL k",
            "<DEL k",
            "<SETNX n 1",
            "<GETSET n 2",
            "<MSET n 3",
            "<INCR n",
            "<APPEND n 5",
            "<SETRANGE n 0 9",
            "<GETDEL n",
            "<UNLINK n",
        ],
    ),
    (
        "some notifications",
        &[
            "CONFIG SET notify-keyspace-events Kg",
            "SUBSCRIBE __keyspace@0__:k __keyevent@0__:del",
            "<SET k v",
            "<DEL k",
            "UNSUBSCRIBE __keyspace@0__:k __keyevent@0__:del",
            "CONFIG SET notify-keyspace-events Eg$",
            "SUBSCRIBE __keyspace@0__:k __keyevent@0__:del",
            "<SET k v",
            "<DEL k",
            "UNSUBSCRIBE __keyspace@0__:k __keyevent@0__:del",
            "CONFIG SET notify-keyspace-events A",
            "PSUBSCRIBE *",
            "<SET k v",
            "PUNSUBSCRIBE",
            "CONFIG SET notify-keyspace-events \"\"",
            "CONFIG GET notify-keyspace-events",
        ],
    ),
    (
        "expired",
        &[
            "CONFIG SET notify-keyspace-events Ex",
            "SUBSCRIBE __keyevent@0__:expired",
            "<SET k v PX 20",
            "?",
            "UNSUBSCRIBE",
        ],
    ),
];

fn play(script: &[&str], connect: impl Fn() -> Raw) -> Vec<(String, Vec<String>)> {
    let (mut raw, mut other) = (connect(), connect());
    let mut heard = Vec::new();
    for line in script {
        let frames = match line.chars().next() {
            Some('<') => {
                let reply = ask(&mut other, &line[1..]);
                let mut frames = frames(&mut raw, "PING -");
                frames.retain(|frame| !frame.contains("\r\n-\r\n"));
                // Redis goes through its patterns in the order of a hash table.
                frames.sort();
                frames.insert(0, reply);
                frames
            }
            Some('?') => vec![told(&mut raw)],
            Some('!') => {
                let mut all = frames(&mut raw, &line[1..]);
                all.extend(frames(&mut raw, "PING -"));
                all.retain(|frame| !frame.contains("\r\n-\r\n"));
                all.sort();
                all
            }
            _ => frames(&mut raw, line),
        };
        heard.push(((*line).to_owned(), frames));
    }
    heard
}

#[test]
fn frames_are_those_of_redis_server() {
    for (name, script) in STORIES {
        let redis = Server::start(Kind::Redis);
        let started = Started::new();
        let (theirs, ours) = (play(script, || redis.connect()), play(script, || started.connect()));
        for (theirs, ours) in theirs.iter().zip(&ours) {
            if theirs.0.contains("HELLO 3 SETNAME") {
                continue;
            }
            assert_eq!(ours, theirs, "{name}");
        }
    }
}

#[test]
fn own_channels_tell_of_what_may_concern_a_key() {
    let started = Started::new();
    let (mut key, mut pattern, mut tag, mut event, mut other) =
        (started.connect(), started.connect(), started.connect(), started.connect(), started.connect());
    ask(&mut key, "SUBSCRIBE __clearwell__:key:user:1");
    ask(&mut pattern, "PSUBSCRIBE __clearwell__:key:user:*");
    ask(&mut tag, "SUBSCRIBE __clearwell__:tag:eu");
    ask(&mut event, "SUBSCRIBE __clearwell__:event:moved");
    ask(&mut other, "CW.SET user:1 x TAGS 1 eu");
    // The request, and the scope that each of the four is told of.
    for (request, expected) in [
        ("CW.INVALIDATE KEYS 1 user:1", ["key", "key", "", ""]),
        ("CW.INVALIDATE KEYS 1 user:2", ["", "key", "", ""]),
        ("CW.INVALIDATE KEYS 1 post:2", ["", "", "", ""]),
        ("DEL user:1", ["key", "key", "", ""]),
        ("CW.INVALIDATE TAGS 1 eu", ["tag", "tag", "tag", ""]),
        ("CW.INVALIDATE TAGS 1 us", ["tag", "tag", "", ""]),
        ("CW.EVENT moved a 1", ["event", "event", "", "event"]),
        ("CW.INVALIDATE PATTERN *:1", ["pattern", "pattern", "", ""]),
        ("CW.INVALIDATE PATTERN *:2", ["", "pattern", "", ""]),
        ("CW.INVALIDATE PATTERN post:*", ["", "", "", ""]),
        ("CW.INVALIDATE PREFIX us", ["prefix", "prefix", "", ""]),
        ("CW.INVALIDATE EVERYTHING", ["everything", "everything", "everything", "everything"]),
        ("FLUSHALL", ["everything", "everything", "everything", "everything"]),
    ] {
        let reply = ask(&mut other, request);
        assert!(!reply.starts_with('-'), "{request}: {reply}");
        for (listener, scope) in [&mut key, &mut pattern, &mut tag, &mut event].into_iter().zip(expected) {
            let heard = frames(listener, "PING -");
            let heard: Vec<_> = heard.iter().filter(|frame| frame.contains("message")).collect();
            match scope {
                "" => assert!(heard.is_empty(), "{request}: {heard:?}"),
                scope => {
                    assert_eq!(heard.len(), 1, "{request}: {heard:?}");
                    assert!(heard[0].contains(&format!("\"scope\":\"{scope}\"")), "{request}: {heard:?}");
                }
            }
        }
    }
}

#[test]
fn what_depends_on_a_key_is_told_to_who_follows_it() {
    let started = Started::new();
    let (mut listener, mut other) = (started.connect(), started.connect());
    ask(&mut listener, "PSUBSCRIBE __clearwell__:key:feed:*");
    ask(&mut other, "CW.SET feed:1 x DEPENDS 1 post:1");
    ask(&mut other, "CW.INVALIDATE KEYS 1 post:2");
    ask(&mut other, "CW.INVALIDATE KEYS 1 post:1");
    let heard = told(&mut listener);
    assert!(heard.contains("__clearwell__:key:post:1") && heard.contains("\"name\":\"post:1\""), "{heard}");
}

#[test]
fn messages_come_behind_the_replies_before_them() {
    let started = Started::new();
    let mut raw = started.connect();
    raw.call(&["HELLO", "3"]);
    ask(&mut raw, "SUBSCRIBE __clearwell__:key:k");
    for round in 0..200 {
        let batch = ["SET k old", "GET k", "CW.INVALIDATE KEYS 1 k", "ECHO end"];
        let batch: Vec<u8> = batch.iter().flat_map(|request| encode(&words(request))).collect();
        assert!(raw.send(&batch));
        let replies: Vec<String> = (0..5).map(|_| told(&mut raw)).collect();
        let old = replies.iter().position(|reply| reply.contains("old"));
        let push = replies.iter().position(|reply| reply.starts_with('>'));
        assert!(old < push && push.is_some(), "round {round}: {replies:?}");
    }
}

#[test]
fn a_subscriber_that_does_not_read_is_cut_off_alone() {
    let started = Started::new();
    let (mut deaf, mut good, mut other) = (started.connect(), started.connect(), started.connect());
    ask(&mut deaf, "SUBSCRIBE big");
    ask(&mut good, "SUBSCRIBE small");
    let message = "x".repeat(1 << 20);
    let mut sent = 0;
    while ask(&mut other, "PUBSUB NUMSUB big").ends_with(":1\r\n") {
        other.call(&["PUBLISH", "big", &message]);
        sent += 1;
        assert!(sent < 200, "it was never cut off");
    }
    assert_eq!(ask(&mut other, "PUBLISH small y"), ":1\r\n");
    assert!(told(&mut good).contains("small"));
    assert!(deaf.read_to_end().len() < sent << 20, "it got less than was sent, and the end of the stream");
}

#[test]
fn lists_tell_who_listens() {
    let started = Started::new();
    let (mut listener, mut other) = (started.connect(), started.connect());
    listener.call(&["HELLO", "3"]);
    ask(&mut listener, "SUBSCRIBE a");
    ask(&mut listener, "PSUBSCRIBE b*");
    let info = ask(&mut other, "INFO");
    for line in ["pubsub_clients:1", "pubsub_channels:1", "pubsub_patterns:1"] {
        assert!(info.contains(line), "{line} in {info}");
    }
    assert!(ask(&mut other, "CLIENT LIST TYPE pubsub").contains(" flags=P db=0 sub=1 psub=1 ssub=0 "));
    assert_eq!(ask(&mut other, "CLIENT KILL TYPE pubsub"), ":1\r\n");
    wait_for("the listener to be gone", || (ask(&mut other, "PUBSUB NUMPAT") == ":0\r\n").then_some(()));
    assert_eq!(ask(&mut other, "PUBLISH a x"), ":0\r\n");
}

#[test]
fn names_are_bounded_and_transactions_do_not_subscribe() {
    let started = Started::new();
    let mut raw = started.connect();
    let name = "n".repeat(5 << 20);
    assert!(raw.call(&["SUBSCRIBE", &name]).starts_with(b"*3"));
    let refused = raw.call(&["SUBSCRIBE", &format!("{name}2")]);
    assert!(
        refused.starts_with(b"-ERR what this connection listens to"),
        "{:?}",
        String::from_utf8_lossy(&refused)
    );
    let long = "p".repeat(1025);
    assert!(ask(&mut raw, &format!("PSUBSCRIBE ok {long}")).starts_with("-ERR pattern of 1025 bytes"));
    assert_eq!(
        ask(&mut raw, "RESET"),
        "+RESET\r\n",
        "nothing was subscribed to, and there is no other reply"
    );
    assert_eq!(ask(&mut raw, "RESET"), "+RESET\r\n");
    assert_eq!(ask(&mut raw, "MULTI"), "+OK\r\n");
    assert_eq!(ask(&mut raw, "SUBSCRIBE a"), "-ERR Command not allowed inside a transaction\r\n");
    assert!(ask(&mut raw, "EXEC").starts_with("-EXECABORT"));
}
