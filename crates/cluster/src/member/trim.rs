//! What is forgotten of peers that are gone, and how much is remembered.

use std::collections::BTreeSet;

use clearwell_words::Millis;

use super::Member;
use crate::{Peer, Slot};

/// How long a peer may be silent before its requests are not known again, and how long what is known of a former owner is of use: a copy that
/// its holder has not asked about since then is loaded anew.
const SILENT_MS: u64 = 120_000;

/// A round over the slots, some of them each second: there are thousands.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// When some were looked at last.
    looked: Millis,
    /// Where it goes on.
    next: Slot,
    /// Former owners of slots that it has passed, whose marks are needed.
    former: BTreeSet<Peer>,
}

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
        if self.now.since(self.trimming.looked) < OFTEN_MS {
            return;
        }
        self.trimming.looked = self.now;
        let now = self.now;
        self.seen.retain(|_, seen| now.since(seen.heard) <= SILENT_MS);
        if !self.pass_slots() {
            return;
        }
        let former = std::mem::take(&mut self.trimming.former);
        let view = self.tenure.view().map(|view| &**view);
        let holder = &mut self.holder;
        let is_needed = |peer: Peer| {
            former.contains(&peer)
                || holder.follows.is_needed(peer)
                || view.is_some_and(|view| view.has(peer))
        };
        holder.marks.retain(|peer, _| is_needed(*peer));
    }

    /// Forgets from whom some of the slots were inherited, where that is of no use any more. Whether that ends the round.
    fn pass_slots(&mut self) -> bool {
        const SLOTS_MOST: usize = 1024;
        let from = self.trimming.next;
        let (former, next) = self.owned.trim_former(from, SLOTS_MOST, self.now, SILENT_MS);
        self.trimming.former.extend(former);
        self.trimming.next = next.unwrap_or_default();
        next.is_none()
    }

    /// Slots have come, or gone: the round begins anew.
    pub(super) fn trim_anew(&mut self) {
        self.trimming = Round { looked: self.trimming.looked, ..Round::default() };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Input, NodeId, Outbox, Start};

    #[test]
    fn a_second_looks_at_some_of_the_slots_and_the_next_goes_on() {
        let me = Peer { node: NodeId(1), incarnation: 1 };
        let mut member = Member::new(Config::new(me), Start::default(), Millis(0));
        let slots = member.config.slots;
        assert_eq!(member.owned.from(Slot(0)).count(), usize::from(slots));
        let mut passed = Vec::new();
        for second in 1..=17 {
            member.step(Millis(second * 1_000), Input::Tick, &mut Outbox::default());
            passed.push(member.trimming.next.0);
        }
        let expected: Vec<u16> = (1..=17).map(|second| second * 1024 % slots).collect();
        assert_eq!(passed, expected);
    }
}
