//! Warming: keys loaded before anybody asks, by a job that can be watched and cancelled (decision 0034). What is
//! meant, how fast it goes and how far it has come is said here; the work is the node's.

mod asked;
mod job;
mod jobs;
mod pace;
mod plan;
mod width;

pub use asked::{AskedWarming, Numbers, RATE, RATE_MOST};
pub(crate) use job::Fate;
pub use job::{Report, State, WarmingJob};
pub use jobs::{Refused, WarmTotals, Warming};
pub(crate) use pace::Pace;
pub(crate) use plan::{Listed, Plan, PlanPart};
pub(crate) use width::Width;
