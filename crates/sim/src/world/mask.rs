//! What of a world is left out.

/// Parts of a run that are left out, to find the smallest that still fails.
#[derive(Debug, Clone, Default)]
pub struct Mask {
    /// Faults by number.
    pub faults: Vec<bool>,
    /// Clients by number.
    pub clients: Vec<bool>,
    /// Only the operations from here to there, by the client's own count.
    pub ops: Option<(u32, u32)>,
}

impl Mask {
    pub(super) fn drops_fault(&self, at: usize) -> bool {
        self.faults.get(at).copied().unwrap_or(false)
    }
}
