//! Random steps on the engine and on a naive model with the full history; every answer must agree.
//!
//! `CLEARWELL_MODEL_STEPS` sets the number of steps (10,000,000 in a release build unless it says otherwise),
//! `CLEARWELL_SEED` the first seed (1). The same seed takes the same steps.

#[path = "model/drafts.rs"]
mod drafts;
#[path = "model/history.rs"]
mod history;
#[path = "model/invalidations.rs"]
mod invalidations;
#[path = "model/loads.rs"]
mod loads;
#[path = "model/model.rs"]
mod model;
#[path = "model/offers.rs"]
mod offers;
#[path = "model/reads.rs"]
mod reads;
#[path = "model/words.rs"]
mod words;
#[path = "model/world.rs"]
mod world;
#[path = "model/writes.rs"]
mod writes;

use clearwell_engine::Config;

/// Steps on one engine before a new one is begun.
const STEPS_A_WORLD: u64 = 20_000;

#[expect(clippy::disallowed_methods, reason = "how long to run, and from which seed, is the caller's to say")]
fn run(config: &Config, strict: bool) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let steps =
        number("CLEARWELL_MODEL_STEPS").unwrap_or(if cfg!(debug_assertions) { 200_000 } else { 10_000_000 });
    let first = number("CLEARWELL_SEED").unwrap_or(1);
    println!("CLEARWELL_SEED={first} CLEARWELL_MODEL_STEPS={steps}");
    let mut left = steps;
    let mut seed = first;
    while left > 0 {
        let count = left.min(STEPS_A_WORLD);
        let mut world = world::World::new(config.clone(), seed, strict);
        (0..count).for_each(|_| world.step());
        world.end();
        left -= count;
        seed = seed.wrapping_add(1);
    }
}

/// Nothing is evicted or forgotten: the answers are equal.
#[test]
fn the_engine_answers_as_the_model_does() {
    run(&Config { marks: 1 << 20, late_fill_window_ms: 1_000, ..Config::default() }, true);
}

/// Little memory, few marks: the engine may miss more, and never serves what the model forbids.
#[test]
fn an_engine_that_forgets_serves_nothing_old() {
    run(&Config { max_memory: 192 << 10, marks: 64, late_fill_window_ms: 1_000, ..Config::default() }, false);
}
