//! Loads that run: what each may have seen at least.

use std::collections::BTreeMap;

use clearwell_cluster::Job;
use clearwell_engine::Seq;

/// How many are remembered. A load that is not remembered counts as begun before all invalidations.
const MOST: usize = 16_384;

/// The engine's count at the beginning of each load that was asked of a source.
#[derive(Debug, Default)]
pub(crate) struct Loads(BTreeMap<Job, Seq>);

impl Loads {
    /// A load begins. Jobs are numbered as they come, so the first is the oldest.
    pub fn begin(&mut self, job: Job, at: Seq) {
        self.0.insert(job, at);
        if self.0.len() > MOST {
            self.0.pop_first();
        }
    }

    /// What a load brought is to be kept.
    pub fn end(&mut self, job: Job) -> Seq {
        self.0.remove(&job).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_that_is_forgotten_began_before_everything() {
        let mut loads = Loads::default();
        (0..=MOST as u64).for_each(|n| loads.begin(Job(n), Seq(n + 1)));
        assert_eq!((loads.end(Job(0)), loads.end(Job(1)), loads.end(Job(1))), (Seq(0), Seq(2), Seq(0)));
    }
}
