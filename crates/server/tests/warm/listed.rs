//! Which keys are warmed: those that a declared query lists, by pattern and by tag.

use serde_json::json;

use crate::world::{BASES, Base, POSTS, World, counts, posts};

const ALL: &str = "keys = 'SELECT id, author_id FROM posts'";
/// A rate that holds nothing up.
const FAST: u64 = 1_000_000;

#[test]
fn a_pattern_warms_what_it_matches_of_the_keys_that_a_query_lists() {
    for base in BASES {
        let world = World::new(base, &posts(ALL, ""));
        let job = world.warmed(&json!({"pattern": "post:1?", "rate": FAST}));
        assert_eq!((&job["state"], &job["total"]), (&json!("done"), &json!(POSTS)), "{base:?}: {job}");
        assert_eq!(counts(&job), [POSTS, 10, 0, 0, 0], "{base:?}: {job}");
        let job = world.warmed(&json!({"pattern": "post:*", "rate": FAST}));
        assert_eq!(counts(&job), [POSTS, POSTS - 10, 10, 0, 0], "{base:?}: {job}");
        // No literal prefix is needed, and classes mean what they mean in KEYS.
        let job = world.warmed(&json!({"pattern": "*[49]99", "refresh": true, "rate": FAST}));
        let (mut raw, expected) =
            (world.raw(), (1..=POSTS).filter(|n| n % 1000 == 499 || n % 1000 == 999).count());
        assert_eq!(counts(&job), [POSTS, expected as u64, 0, 0, 0], "{base:?}: {job}");
        let listed = String::from_utf8(raw.call(&["KEYS", "*[49]99"])).expect("text");
        assert!(listed.starts_with(&format!("*{expected}\r\n")), "the same pattern, the same keys: {listed}");
        assert_eq!(raw.call(&["GET", "post:1200"]), b"$9\r\npost 1200\r\n");
    }
}

#[test]
fn a_tag_warms_the_keys_that_carry_it() {
    for base in BASES {
        let world = World::new(base, &posts(ALL, ""));
        let job = world.warmed(&json!({"tags": ["author:3"], "rate": FAST}));
        assert_eq!(counts(&job), [POSTS, POSTS / 10, 0, 0, 0], "{base:?}: {job}");
        let mut raw = world.raw();
        let invalidated =
            String::from_utf8(raw.call(&["CW.INVALIDATE", "TAGS", "1", "author:3"])).expect("text");
        assert!(invalidated.starts_with("*6\r\n$7\r\nreached\r\n:120\r\n"), "{invalidated}");
        // Just invalidated: nothing in memory carries it any more, and the query still tells.
        let job = world.warmed(&json!({"tags": ["author:3"], "rate": FAST}));
        assert_eq!(counts(&job), [POSTS, POSTS / 10, 0, 0, 0], "{base:?}: {job}");
        let both =
            json!({"tags": ["author:3"], "keys": ["post:1", "nothing"], "pattern": "post:2", "rate": FAST});
        let job = world.warmed(&both);
        assert_eq!(counts(&job), [2 + 2 * POSTS, 2, 120, 0, 0], "{base:?}: {job}");
        assert_eq!(job["withoutSource"], 1);
    }
}

#[test]
fn what_no_query_lists_is_refused_with_what_to_declare() {
    let second = "[[keyspace]]\npattern = 'slug:{slug}'\nsource = 'main'\nunfollowed = 'ok'\n\
                  load = 'SELECT content FROM posts WHERE slug = :slug'\n\
                  [[keyspace]]\npattern = 'front'\nsource = 'main'\nunfollowed = 'ok'\n\
                  load = 'SELECT count(*) FROM posts'\n";
    let keyspaces = format!("{}{second}", posts("keys = 'SELECT id FROM posts'", ""));
    let world = World::new(Base::Sqlite, &keyspaces);
    for (body, told) in [
        (json!({"pattern": "*"}), "declare keys = \"SELECT ..\" in the [[keyspace]] of slug:{slug}, a query"),
        (json!({"pattern": "slug:a*"}), "which keys match pattern \"slug:a*\" is not known: declare keys"),
        (
            json!({"pattern": "page:*"}),
            "matches no key of a keyspace with a source: post:{id:int}, slug:{slug}, front",
        ),
        (json!({"tags": ["author:3"]}), "keys of keyspace post:{id:int} returns no column author_id"),
        (json!({"tags": ["Author:3"]}), "tag \"Author:3\" is made by the tags of no keyspace with a source"),
    ] {
        let (status, code, detail) = world.warm(&body).problem();
        assert_eq!((status, &*code), (400, "keys-unknown"), "{body}: {detail}");
        assert!(detail.contains(told), "{body}: {detail}");
    }
    // A keyspace that is one key lists itself.
    assert_eq!(counts(&world.warmed(&json!({"pattern": "f*"}))), [1, 1, 0, 0, 0]);
}

#[test]
fn rows_that_make_no_key_are_told() {
    for base in BASES {
        let keys = "keys = 'SELECT CASE WHEN id = 7 THEN NULL ELSE id END AS id FROM posts WHERE id < 11'";
        let world = World::new(base, &posts(keys, ""));
        let job = world.warmed(&json!({"pattern": "*", "rate": FAST}));
        assert_eq!(counts(&job), [10, 9, 0, 0, 1], "{base:?}: {job}");
        assert_eq!(job["errors"][0], "a row of keys of post:{id:int}: id is NULL");
    }
}

#[test]
fn a_query_that_fails_ends_the_job_and_says_why() {
    for base in BASES {
        let world = World::new(base, &posts(ALL, ""));
        world.sql("ALTER TABLE posts RENAME TO articles");
        let job = world.warmed(&json!({"pattern": "*"}));
        assert_eq!(job["state"], "failed", "{base:?}: {job}");
        let error = job["errors"][0].as_str().expect("an error").to_owned();
        assert!(error.starts_with("keys of post:{id:int}: the source refused: "), "{base:?}: {error}");
    }
}

#[test]
fn a_rate_is_obeyed_and_a_cancelled_job_begins_nothing_more() {
    for base in BASES {
        let world = World::new(base, &posts(ALL, ""));
        let began = std::time::Instant::now();
        let job = world.warmed(&json!({"pattern": "post:1?", "rate": 20}));
        assert_eq!(job["loaded"], 10, "{base:?}: {job}");
        // Ten keys at twenty a second: the last is due after nine twentieths.
        assert!(began.elapsed().as_millis() >= 430, "{base:?}: {:?}", began.elapsed());

        let mut raw = world.raw();
        let begun = raw.call(&["CW.WARM", "PATTERN", "post:*", "RATE", "50"]);
        assert_eq!(begun, b":2\r\n");
        world.until("a first load", 2, |job| job["loaded"].as_u64() > Some(0));
        assert_eq!(raw.call(&["CW.WARM", "CANCEL", "2"]), b":1\r\n");
        let job = world.job(2);
        assert_eq!(job["state"], "cancelled", "{base:?}: {job}");
        assert!(counts(&job)[1] < 1_000, "{base:?}: {job}");
        let entries = |raw: &mut crate::support::Raw| raw.call(&["DBSIZE"]);
        let before = entries(&mut raw);
        assert_eq!(counts(&world.warmed(&json!({"keys": ["post:10"]}))), [1, 0, 1, 0, 0]);
        assert_eq!(entries(&mut raw), before, "{base:?}");
        // The listing has ended with it, and another may begin.
        let job = world.warmed(&json!({"pattern": "post:*", "rate": FAST}));
        assert_eq!((&job["state"], counts(&job)[0]), (&json!("done"), POSTS), "{base:?}: {job}");
    }
}
