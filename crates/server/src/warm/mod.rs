//! Warming: keys loaded before anybody asks, by a job that can be watched and cancelled (decision 0034). What is
//! meant, how fast it goes and how far it has come is said here; the work is the node's.

mod asked;
mod job;
mod jobs;
mod pace;
mod plan;
mod width;

pub use asked::{Asked, Numbers, RATE, RATE_MOST};
pub(crate) use job::Fate;
pub use job::{Job, Report, State};
pub use jobs::{Refused, Totals, Warming};
pub(crate) use pace::Pace;
pub(crate) use plan::{Listed, Part, Plan};
pub(crate) use width::Width;
