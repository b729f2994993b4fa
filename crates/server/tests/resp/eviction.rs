//! Who leaves, as it is configured, told and changed over RESP; the policies themselves are shown in the engine's tests.

use crate::started::{Started, ask};

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
