//! What is kept with a value comes back as it was given.

use std::num::NonZeroU64;

use clearwell_cluster::{Bytes, Entry, Expiry, Meta};
use clearwell_engine::{Config, Engine, EventPattern, Millis, Version};

use super::{of_view, with_draft};

#[test]
fn an_entry_comes_back_from_the_engine_as_it_was_kept() {
    let engine = Engine::new(Config::default(), 7);
    let ttl_ms = NonZeroU64::new(60_000).expect("it is not zero");
    let whole = Entry {
        key: Bytes::from(&b"post:1"[..]),
        value: Some(Bytes::from(&b"text"[..])),
        version: Version(9),
        tags: [Bytes::from(&b"author:1"[..])].into(),
        dependencies: [Bytes::from(&b"user:1"[..])].into(),
        events: [EventPattern::parse("moved{shop=1}").expect("it is well formed")].into(),
        // It was said twenty seconds ago, on another node.
        expiry: Some(Expiry { at: Millis(41_000), ttl_ms }),
        meta: Meta { grace_ms: 500, priority: 7, content_type: Some("text/plain".into()), load_ms: 3 },
    };
    let plain = Entry {
        key: Bytes::from(&b"k"[..]),
        value: None,
        tags: [].into(),
        dependencies: [].into(),
        events: [].into(),
        expiry: None,
        meta: Meta::default(),
        ..whole.clone()
    };
    let now = Millis(1_000);
    for entry in [whole, plain] {
        with_draft(&entry, |draft| engine.adopt(&entry.key, draft, now)).expect("it fits");
        assert_eq!(engine.peek(&entry.key, now, of_view), Some(entry));
    }
}
