//! Who leaves, as it is configured, told and changed over RESP; the policies themselves are shown in the engine's tests.

use std::collections::HashSet;

use crate::started::{Started, ask};
use crate::support::{Raw, encode};

fn limited(eviction: &str) -> String {
    format!("max_entries = 5\neviction = \"{eviction}\"\n")
}

#[test]
fn five_entries_stay_five_and_the_policy_says_which() {
    for (eviction, kept) in [("lru", "135"), ("lfu", "125"), ("priority", "245")] {
        let world = Started::with(&limited(eviction));
        let mut client = world.connect();
        for (key, priority) in [("1", 0), ("2", 9), ("3", 0), ("4", 9), ("5", 9)] {
            assert_eq!(ask(&mut client, &format!("CW.SET {key} v PRIORITY {priority}")), "+OK\r\n");
        }
        // 2 is read most, then 1; 1, 3 and 5 last.
        for key in ["2", "2", "2", "4", "1", "1", "5", "5", "3"] {
            assert_eq!(ask(&mut client, &format!("GET {key}")), "$1\r\nv\r\n", "{eviction}");
        }
        for (number, new) in ["a", "b"].into_iter().enumerate() {
            assert_eq!(ask(&mut client, &format!("CW.SET {new} v PRIORITY 5")), "+OK\r\n");
            assert_eq!(ask(&mut client, &format!("GET {new}")), "$1\r\nv\r\n", "{eviction}");
            assert_eq!(ask(&mut client, "DBSIZE"), ":5\r\n", "{eviction}");
            let evicted = format!("evicted_keys:{}\r\n", number + 1);
            assert!(ask(&mut client, "INFO stats").contains(&evicted), "{eviction}");
        }
        for key in "12345".chars() {
            let there = i32::from(kept.contains(key));
            assert_eq!(
                ask(&mut client, &format!("EXISTS {key}")),
                format!(":{there}\r\n"),
                "{eviction} {key}"
            );
        }
    }
}

#[test]
fn the_policy_in_force_is_told_and_can_be_changed() {
    let world = Started::with(&limited("lfu"));
    let mut client = world.connect();
    let mut is = |eviction: &str| {
        let word = format!("allkeys-{eviction}");
        let got = ask(&mut client, "CONFIG GET maxmemory-policy");
        assert_eq!(got, format!("*2\r\n$16\r\nmaxmemory-policy\r\n${}\r\n{word}\r\n", word.len()));
        let info = ask(&mut client, "INFO memory");
        for line in [&format!("maxmemory_policy:{word}"), &format!("clearwell_eviction:{eviction}")] {
            assert!(info.contains(&format!("{line}\r\n")), "{line} in {info}");
        }
        assert!(info.contains("clearwell_max_entries:5\r\n"), "{info}");
    };
    is("lfu");
    let mut other = world.connect();
    for (word, eviction) in [
        ("allkeys-lru", "lru"),
        ("ALLKEYS-LFU", "lfu"),
        ("allkeys-priority", "priority"),
        ("adaptive", "adaptive"),
    ] {
        assert_eq!(ask(&mut other, &format!("CONFIG SET maxmemory-policy {word}")), "+OK\r\n");
        is(eviction);
    }
    // Words that would promise what is not kept.
    for word in ["noeviction", "volatile-lru", "volatile-ttl", "allkeys-random", "best"] {
        let refused = ask(&mut other, &format!("CONFIG SET maxmemory-policy {word}"));
        assert!(
            refused.starts_with("-ERR CONFIG SET failed") && refused.contains("allkeys-lfu"),
            "{refused}"
        );
    }
    is("adaptive");
}

/// Messages that came until the answer to a PING.
fn messages(listener: &mut Raw) -> Vec<String> {
    let mut came = Vec::new();
    assert!(listener.send(&encode(&["PING", "<end>"])));
    loop {
        let frame = String::from_utf8(listener.reply().expect("a frame")).expect("text");
        if frame.contains("<end>") {
            return came;
        }
        came.push(frame);
    }
}

fn listener(world: &Started, pattern: &str) -> Raw {
    let mut listener = world.connect();
    assert!(ask(&mut listener, &format!("PSUBSCRIBE {pattern}")).contains("psubscribe"));
    listener
}

/// A message as redis-server frames it.
fn message(pattern: &str, channel: &str, text: &str) -> String {
    let bulks = ["pmessage", pattern, channel, text].map(|bulk| format!("${}\r\n{bulk}\r\n", bulk.len()));
    format!("*4\r\n{}", bulks.concat())
}

#[test]
fn each_eviction_by_count_is_told_to_who_follows_it() {
    for eviction in ["lru", "lfu", "priority", "adaptive"] {
        let world = Started::with(&limited(eviction));
        let mut client = world.connect();
        assert_eq!(ask(&mut client, "CONFIG SET notify-keyspace-events KEe"), "+OK\r\n");
        let mut by_event = listener(&world, "__keyevent@0__:evicted");
        let mut by_key = listener(&world, "__keyspace@0__:*");
        let mut own = listener(&world, "__clearwell__:*");
        let mut gone = Vec::new();
        for number in 0..12 {
            assert_eq!(ask(&mut client, &format!("SET k{number} v")), "+OK\r\n");
            let (events, keys) = (messages(&mut by_event), messages(&mut by_key));
            let evicted = usize::from(number >= 5);
            assert_eq!(
                (events.len(), keys.len()),
                (evicted, evicted),
                "{eviction} {number}: {events:?} {keys:?}"
            );
            for event in events {
                let key = (0..=number)
                    .map(|n| format!("k{n}"))
                    .find(|key| event.ends_with(&format!("\r\n{key}\r\n")));
                let key = key.expect("a key that was set");
                assert_eq!(event, message("__keyevent@0__:evicted", "__keyevent@0__:evicted", &key));
                assert_eq!(keys[0], message("__keyspace@0__:*", &format!("__keyspace@0__:{key}"), "evicted"));
                assert_eq!(ask(&mut client, &format!("EXISTS {key}")), ":0\r\n", "{eviction}");
                gone.push(key);
            }
        }
        let told = gone.len();
        gone.sort();
        gone.dedup();
        assert_eq!(gone.len(), told, "each leaves once: {gone:?}");
        assert!(ask(&mut client, "INFO stats").contains(&format!("evicted_keys:{told}\r\n")), "{eviction}");
        // Nothing became old: who keeps copies need not drop theirs.
        assert_eq!(messages(&mut own), Vec::<String>::new());
    }
}

#[test]
fn each_eviction_for_memory_is_told_and_the_dead_are_not_evicted() {
    let world = Started::with("max_memory = \"2MB\"\n");
    let (mut client, mut other) = (world.connect(), world.connect());
    assert_eq!(ask(&mut client, "CONFIG SET notify-keyspace-events Ee"), "+OK\r\n");
    let mut events = listener(&world, "__keyevent@0__:evicted");
    let mut own = listener(&world, "__clearwell__:key:*");
    let value = "v".repeat(10_000);
    // What was invalidated makes room first, and is gone already.
    for number in 0..20 {
        assert_eq!(other.call(&["SET", &format!("dead{number}"), &value]), b"+OK\r\n");
        ask(&mut other, &format!("CW.INVALIDATE KEYS 1 dead{number}"));
    }
    assert_eq!(messages(&mut own).len(), 20);
    let mut told = HashSet::new();
    for number in 0..600 {
        assert_eq!(client.call(&["SET", &format!("k{number}"), &value]), b"+OK\r\n");
        for event in messages(&mut events) {
            let key = event.trim_end().rsplit("\r\n").next().expect("a key").to_owned();
            assert!(key.starts_with('k') && told.insert(key), "{event:?}");
        }
    }
    let (stats, size) = (ask(&mut client, "INFO stats"), ask(&mut client, "DBSIZE"));
    assert!(stats.contains(&format!("evicted_keys:{}\r\n", told.len())), "{} told, {stats}", told.len());
    assert_eq!(size, format!(":{}\r\n", 600 - told.len()));
    assert!(told.len() > 300, "{} of 600 left", told.len());
    for key in &told {
        assert_eq!(client.call(&["EXISTS", key]), b":0\r\n", "{key}");
    }
    assert_eq!(messages(&mut own), Vec::<String>::new(), "nothing more became old");
    // Who does not ask is not told.
    assert_eq!(ask(&mut client, "CONFIG SET notify-keyspace-events Kg$x"), "+OK\r\n");
    for number in 0..100 {
        client.call(&["SET", &format!("more{number}"), &value]);
    }
    assert_eq!(messages(&mut events), Vec::<String>::new());
}
