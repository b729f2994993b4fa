//! The clock by which everything is written down, in every process of this machine the same.

use rustix::time::{ClockId, clock_gettime};

/// Microseconds of `CLOCK_MONOTONIC`.
pub type Micros = u64;

/// One second.
pub const SECOND: Micros = 1_000_000;

/// Now.
pub fn now() -> Micros {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.cast_unsigned() * SECOND + time.tv_nsec.cast_unsigned() / 1_000
}

/// Seconds, for people.
pub fn seconds(time: Micros) -> f64 {
    time as f64 / SECOND as f64
}
