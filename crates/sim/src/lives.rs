//! How long values are to live: drawn for a world, and then for each of its writes.

use std::num::NonZeroU64;

use clearwell_cluster::Meta;

use crate::rng::{Rng, mix};
use crate::value::WriteId;

/// What a world's clients and its source say of how long values live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lives {
    /// How many of a hundred values expire.
    percent: u32,
    /// After how many milliseconds, at least and at most.
    least_ms: u64,
    most_ms: u64,
    /// How many of a hundred changes by clients are touches.
    touches_percent: u32,
}

impl Lives {
    /// All live for ever.
    pub const NONE: Lives = Lives { percent: 0, least_ms: 0, most_ms: 0, touches_percent: 0 };
    /// Many live for less than a failover takes.
    pub const SHORT: Lives = Lives { percent: 60, least_ms: 200, most_ms: 3_000, touches_percent: 20 };
    /// Many live for longer than a failover takes.
    pub const LONG: Lives = Lives { percent: 60, least_ms: 8_000, most_ms: 30_000, touches_percent: 20 };

    /// The lives in the world of a seed.
    pub fn draw(rng: &mut Rng) -> Lives {
        *rng.pick(&[Lives::NONE, Lives::NONE, Lives::SHORT, Lives::LONG])
    }

    /// How long the value of a write is to live; `None` is for ever.
    pub fn of(&self, write: WriteId) -> Option<NonZeroU64> {
        let mut rng = Rng::new(u64::from(write), 20);
        rng.percent(self.percent).then(|| self.time(&mut rng)).flatten()
    }

    /// Whether a client's next change is a touch, and to which time to live.
    pub fn draw_touch(&self, rng: &mut Rng) -> Option<Option<NonZeroU64>> {
        if self.touches_percent == 0 || !rng.percent(self.touches_percent) {
            return None;
        }
        let persists = rng.percent(30);
        Some(if persists { None } else { self.time(rng) })
    }

    fn time(&self, rng: &mut Rng) -> Option<NonZeroU64> {
        NonZeroU64::new(rng.range(self.least_ms, self.most_ms))
    }
}

/// What else is kept with the value of a write, so that it can be seen whether all of it arrives.
pub fn meta_of(write: WriteId) -> Meta {
    let drawn = mix(u64::from(write));
    Meta {
        grace_ms: drawn % 3 * 1000,
        priority: (drawn >> 8) as u8 % 3,
        content_type: (drawn >> 16).is_multiple_of(3).then(|| "text/plain".into()),
        load_ms: (drawn >> 24) as u32 % 3,
    }
}
