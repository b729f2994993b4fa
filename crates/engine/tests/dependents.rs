//! The list of all that depends on something: whole, in bounded pages, while a million stand there.

use std::collections::HashSet;

use clearwell_engine::{Config, Draft, Engine, Millis, PageFrom};

const NOW: Millis = Millis(1);

fn put(engine: &Engine, key: &[u8], below: &[&[u8]]) {
    let draft = Draft { value: Some(b"v"), dependencies: below, ..Draft::default() };
    engine.put(key, &draft, NOW).expect("it fits");
}

#[test]
fn many_dependencies_are_listed_once_each_in_bounded_pages() {
    let count = 100_000u32;
    let engine = Engine::new(Config { max_memory: 1 << 30, ..Config::default() }, 5);
    for n in 0..count {
        put(&engine, &n.to_be_bytes(), &[b"all", &[b"of", &n.to_be_bytes()[..]].concat()]);
        put(&engine, &[b"plain", &n.to_be_bytes()[..]].concat(), &[]);
    }
    let (mut seen, mut from, mut pages) = (HashSet::new(), PageFrom::Entries(0), 0);
    loop {
        let page = engine.dependents(&from, 1_000, NOW);
        pages += 1;
        assert!(page.rows.len() <= 1_000);
        for row in page.rows {
            assert_eq!(row.depends_on.len(), 2);
            assert!(seen.insert(row.key), "told twice");
        }
        match page.next {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!(seen.len(), count as usize);
    assert!((100..200).contains(&pages), "{pages} pages, each of bounded work");
}

#[test]
fn a_circle_and_a_fan_end() {
    let engine = Engine::new(Config::default(), 5);
    put(&engine, b"b", &[b"a"]);
    put(&engine, b"c", &[b"b"]);
    for n in 0..500u32 {
        put(&engine, &n.to_be_bytes(), &[b"c"]);
    }
    let edges = engine.edges(b"a", 10_000, NOW);
    assert_eq!((edges.below.len(), edges.truncated), (502, false));
    let edges = engine.edges(b"a", 100, NOW);
    assert_eq!((edges.below.len(), edges.truncated), (100, true));
    assert_eq!(engine.edges(b"c", 100, NOW).above.len(), 2);
}
