//! Random steps on the engine and on a naive model with the full history; every answer must agree.
//!
//! `CLEARWELL_MODEL_STEPS` sets the number of steps, `CLEARWELL_SEED` the seed. The same seed takes the same steps.

#[path = "model/history.rs"]
mod history;
#[path = "model/model.rs"]
mod model;
#[path = "model/steps.rs"]
mod steps;
#[path = "model/words.rs"]
mod words;

use clearwell_engine::Config;

/// Steps on one engine before a new one is begun.
const STEPS_A_WORLD: u64 = 20_000;

fn run(config: &Config, strict: bool) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let steps = number("CLEARWELL_MODEL_STEPS").unwrap_or(200_000);
    let first = number("CLEARWELL_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("CLEARWELL_SEED={first} CLEARWELL_MODEL_STEPS={steps}");
    let mut left = steps;
    let mut seed = first;
    while left > 0 {
        let count = left.min(STEPS_A_WORLD);
        let mut world = steps::World::new(config.clone(), seed, strict);
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
