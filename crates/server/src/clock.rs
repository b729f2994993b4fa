//! The node's clocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clearwell_engine::Millis;

/// A monotonic clock in milliseconds since the node began, and the wall clock for what clients see (EXPIREAT, TIME).
///
/// `now` is a cached tick (a nanosecond instead of twenty). Whoever begins to work moves it: a batch of commands and an HTTP
/// request by [`NodeClock::advance`], all that happens aside of them by [`NodeClock::tick`]. Nobody moves it while nothing is done.
#[derive(Debug, Clone)]
pub struct NodeClock {
    began: Instant,
    began_unix_ms: i64,
    tick: Arc<AtomicU64>,
    sleep: Arc<Sleep>,
}

/// For how long the machine was suspended since the clock began. The clock that everything is measured by stands still meanwhile, and leases
/// that others granted do not.
#[derive(Debug)]
struct Sleep {
    /// By how much the clock that runs on was ahead at the beginning, in milliseconds.
    ahead_ms: u64,
    slept_ms: AtomicU64,
}

impl Sleep {
    fn new() -> Sleep {
        Sleep { ahead_ms: Sleep::ahead_ms(), slept_ms: AtomicU64::new(0) }
    }

    /// By how much the clock that runs on in a suspended machine is ahead of the one that does not.
    fn ahead_ms() -> u64 {
        let ms = |id| {
            let time = rustix::time::clock_gettime(id);
            let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
            seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000)
        };
        // Read in this order it is never more than it is.
        let runs_on = ms(rustix::time::ClockId::Boottime);
        runs_on.saturating_sub(ms(rustix::time::ClockId::Monotonic))
    }

    fn note(&self) {
        let slept_ms = Sleep::ahead_ms().saturating_sub(self.ahead_ms);
        self.slept_ms.fetch_max(slept_ms, Ordering::Relaxed);
    }
}

impl NodeClock {
    /// A clock that begins now.
    pub fn new() -> NodeClock {
        let began_unix_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
        NodeClock {
            began: Instant::now(),
            began_unix_ms,
            tick: Arc::new(AtomicU64::new(1)),
            sleep: Arc::new(Sleep::new()),
        }
    }

    /// The time as of the last tick: for work that moved the clock when it began.
    pub fn now(&self) -> Millis {
        Millis(self.tick.load(Ordering::Relaxed))
    }

    /// Reads the system's clock and moves the tick.
    pub fn tick(&self) -> Millis {
        self.advance(Instant::now())
    }

    /// Notes for how long the machine was suspended, if it was.
    pub fn note_sleep(&self) {
        self.sleep.note();
    }

    /// The same for who holds a lease: what the machine slept through counts too.
    pub fn tick_awake(&self) -> Millis {
        self.sleep.note();
        self.tick()
    }

    /// Moves the tick to a moment that was read just now, unless it is there already. Answers the time.
    #[inline]
    pub fn advance(&self, real: Instant) -> Millis {
        let Millis(ms) = self.at(real);
        let before = self.tick.load(Ordering::Relaxed);
        if ms <= before {
            return Millis(before);
        }
        Millis(self.tick.fetch_max(ms, Ordering::Relaxed).max(ms))
    }

    /// A moment of the system's clock.
    #[inline]
    pub fn at(&self, real: Instant) -> Millis {
        let ms = real.saturating_duration_since(self.began).as_millis();
        let slept_ms = self.sleep.slept_ms.load(Ordering::Relaxed);
        Millis(u64::try_from(ms).unwrap_or(u64::MAX).saturating_add(slept_ms).saturating_add(1))
    }

    /// Milliseconds since 1970, steady against jumps of the system's clock while the node runs.
    pub fn unix_ms(&self) -> i64 {
        self.unix_ms_of(self.tick())
    }

    /// The wall-clock time of a moment.
    pub fn unix_ms_of(&self, at: Millis) -> i64 {
        self.began_unix_ms.saturating_add(i64::try_from(at.0).unwrap_or(i64::MAX))
    }

    /// The moment of a wall-clock time; those before the node began are its beginning.
    pub fn at_unix_ms(&self, unix_ms: i64) -> Millis {
        Millis(u64::try_from(unix_ms.saturating_sub(self.began_unix_ms)).unwrap_or(0))
    }
}

/// A time in nanoseconds; that of centuries is the longest.
#[inline]
pub fn nanos(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos().into())
}

impl Default for NodeClock {
    fn default() -> Self {
        NodeClock::new()
    }
}
