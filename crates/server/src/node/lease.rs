//! Fill leases as clients carry them.

use clearwell_engine::Seq;

use super::Node;

impl Node {
    /// The lease for a load that begins now: the count, and the process that counted.
    pub fn lease(&self, began: Seq) -> Box<str> {
        format!("{:x}-{:x}", self.run_id, began.0).into()
    }

    /// The count in a lease; `None` when it is not one that this process gave: written wrongly, of another process,
    /// or from the future.
    pub fn lease_began(&self, lease: &str) -> Option<Seq> {
        let (run_id, began) = lease.split_once('-')?;
        let run_id = u64::from_str_radix(run_id, 16).ok()?;
        let began = Seq(u64::from_str_radix(began, 16).ok()?);
        (run_id == self.run_id && began <= self.engine().seq()).then_some(began)
    }
}
