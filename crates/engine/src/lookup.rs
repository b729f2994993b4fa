//! A read's question and the engine's answer.

use crate::{FillLease, Millis, Reader, Seq, Waiting};

/// What a reader asks for.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// The time.
    pub now: Millis,
    /// What the reader puts up with.
    pub tolerate: Tolerate,
    /// What a miss leads to.
    pub on_miss: OnMiss,
    /// XFetch's beta; 0 turns early refresh off. (Vattani, Chierichetti, Lowenstein: «Optimal Probabilistic Cache
    /// Stampede Prevention», VLDB 2015.)
    pub early_refresh: f64,
    /// A uniform random number in (0, 1] for early refresh.
    pub chance: f64,
    /// Whose reads it is counted among ([`Engine::reads`](crate::Engine::reads)): below [`Config::classes`](crate::Config::classes).
    pub class: u32,
}

/// How reads of one class ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reads {
    /// Answered by a fresh entry.
    pub hits: u64,
    /// Answered by a stale one.
    pub stale_hits: u64,
    /// Not answered.
    pub misses: u64,
}

/// What a reader puts up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tolerate {
    /// Only what is fresh.
    Fresh,
    /// Also what was marked stale and is being refreshed.
    Stale,
    /// Also what expired less than its grace ago: the source has failed.
    Grace,
}

/// What a miss leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMiss {
    /// Nothing: just say so.
    Tell,
    /// Nothing, and it does not count: this read was counted as a miss, or asks elsewhere if there is nothing here.
    Pass,
    /// The reader will probably fill it by a plain SET, perhaps on another connection: remember the miss.
    Remember,
    /// The same, and who the reader is.
    RememberFor(Reader),
    /// The caller has a loader: lead a flight, or wait for the one in progress.
    Load,
}

/// The answer.
#[derive(Debug)]
pub enum Lookup<R> {
    /// What the reader made of the entry (which may be negative). A `refresh` lease asks the caller to load
    /// again beside serving this.
    Hit {
        /// What the reader made of it.
        read: R,
        /// Whether what was served is stale.
        stale: bool,
        /// The right, and the request, to refresh it.
        refresh: Option<FillLease>,
    },
    /// Not here. A value that is loaded from now on may be filled with this count.
    Miss {
        /// The count at the miss.
        began: Seq,
    },
    /// Not here; the caller leads the load.
    Lead(FillLease),
    /// Not here; somebody is loading it.
    Wait(Waiting),
}
