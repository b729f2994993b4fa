//! What is forgotten of peers that are gone, and how much is remembered.

use super::Member;
use crate::Peer;

/// How long a peer may be silent before its requests are not known again, and how long what is known of a former owner is of use: a copy that
/// its holder has not asked about since then is loaded anew.
const SILENT_MS: u64 = 120_000;

/// How much one member remembers, for tests and measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Footprint {
    /// Names that copies here stand under.
    pub names: usize,
    /// Names of this owner that others have copies under.
    pub interests: usize,
    /// Bytes of records that are kept for holders.
    pub hint_bytes: usize,
    /// Bytes of owners' records that are kept for contents to come.
    pub early_bytes: usize,
    /// Keys of which the last value that was given is known.
    pub shown: usize,
    /// Keys of which it is known what they depend on.
    pub edges: usize,
    /// Peers whose requests would be known again.
    pub seen: usize,
    /// Owners whose marks are kept.
    pub marks: usize,
    /// Owners of whom records were missed.
    pub missed: usize,
}

impl Member {
    /// Forgets what belongs to peers that are gone.
    pub(super) fn trim(&mut self) {
        const OFTEN_MS: u64 = 1000;
        if self.now.since(self.trimmed) < OFTEN_MS {
            return;
        }
        self.trimmed = self.now;
        let now = self.now;
        self.seen.retain(|_, seen| now.since(seen.heard) <= SILENT_MS);
        let former = self.owned.trim_former(now, SILENT_MS);
        let view = self.tenure.view().map(|view| &**view);
        let holder = &mut self.holder;
        let is_needed = |peer: Peer| {
            former.contains(&peer)
                || holder.follows.is_needed(peer)
                || view.is_some_and(|view| view.has(peer))
        };
        holder.marks.retain(|peer, _| is_needed(*peer));
    }

    /// How much it remembers.
    pub fn footprint(&self) -> Footprint {
        let holder = &self.holder;
        Footprint {
            names: holder.names.len(),
            interests: self.subscribers.interests(),
            hint_bytes: self.subscribers.iter().map(|(_, holder)| holder.hint_bytes()).sum(),
            early_bytes: holder.early.values().map(|early| early.bytes()).sum(),
            shown: self.shown.len(),
            edges: self.edges.len(),
            seen: self.seen.len(),
            marks: holder.marks.len(),
            missed: holder.missed.len(),
        }
    }
}
