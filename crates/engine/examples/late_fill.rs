//! The late fill: a reader loads the old row, the row changes, and the reader stores what it loaded. Refused here.
//!
//! `cargo run -p clearwell-engine --example late_fill`

use clearwell_engine::{
    Ask, Cause, Config, Draft, Effect, Engine, Filled, Invalidation, Lookup, Millis, OnMiss, Scope, Tolerate,
};

fn main() {
    let engine = Engine::new(Config::default(), 42);
    let now = Millis(1_000);
    let ask = Ask {
        now,
        tolerate: Tolerate::Fresh,
        on_miss: OnMiss::Tell,
        early_refresh: 0.0,
        chance: 1.0,
        class: 0,
    };
    let read = || engine.lookup(b"post:1", ask, |view| view.value().map(<[u8]>::to_vec));

    let Lookup::Miss { began } = read() else { panic!("an empty cache has nothing") };
    println!("reader: miss of post:1; reads the old row from the database");

    let changed = Invalidation {
        scope: Scope::Key((*b"post:1").into()).into(),
        effect: Effect::Gone,
        cascade: false,
        version: None,
        cause: Cause::Commit,
    };
    engine.apply(&changed, now);
    println!("writer: commits a new row; post:1 is invalidated");

    let old = Draft { value: Some(b"old"), ..Draft::default() };
    let filled = engine.fill(b"post:1", began, &old, now);
    println!("reader: stores the old row: {filled:?}");
    assert_eq!(filled, Filled::Refused);

    let Lookup::Miss { began } = read() else { panic!("the old row was stored") };
    let new = Draft { value: Some(b"new"), ..Draft::default() };
    println!("next reader: miss; stores the new row: {:?}", engine.fill(b"post:1", began, &new, now));
    println!("everybody after that: {:?}", read());
}
