//! Warming: keys loaded before anybody asks, by a job that can be watched and cancelled (decision 0034).

mod asked;
mod job;
mod jobs;
mod pace;
mod plan;
mod run;
mod width;

pub use asked::{Asked, Numbers, RATE, RATE_MOST};
pub use job::{Job, Report, State};
pub use jobs::{Refused, Totals, Warming};
pub(crate) use plan::Plan;
pub(crate) use run::run;
