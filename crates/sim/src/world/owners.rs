//! Who can acknowledge for which slot: at most one host, at any moment.

use clearwell_cluster::{Message, Slot};

use super::World;
use crate::check::Violation;
use crate::host::State;

impl World {
    /// At most one host may be able to acknowledge for a slot. One that is paused is asked as well: it could, if it went on now.
    pub(super) fn check_owners(&mut self, host: usize) {
        let now = self.hosts[host].clock.read(self.now);
        let mut claims = std::mem::take(&mut self.claims);
        claims.clear();
        if let Some(actor) = self.hosts[host].actor() {
            claims.extend(actor.claims(now));
        }
        for &slot in &claims {
            self.claim(host, slot);
        }
        self.claims = claims;
    }

    fn claim(&mut self, host: usize, slot: Slot) {
        let mut claimants = std::mem::take(&mut self.claimants[usize::from(slot.0)]);
        if claimants != [host as u32] {
            claimants.retain(|&other| other as usize != host && self.could_acknowledge(other as usize, slot));
            for &other in &claimants {
                let text = format!("hosts {host} and {other} both own slot {}", slot.0);
                self.violations.push(Violation {
                    checker: "owners",
                    at: self.now,
                    op: None,
                    key: None,
                    text,
                });
            }
            claimants.push(host as u32);
        }
        self.claimants[usize::from(slot.0)] = claimants;
    }

    fn could_acknowledge(&self, host: usize, slot: Slot) -> bool {
        let host = &self.hosts[host];
        let now = host.clock.read(self.now);
        host.state == State::Up && host.owns(now, slot)
    }

    /// A voter that follows a later view grants no lease in an earlier one. Other defences hide it when one does, so it is
    /// looked at here.
    pub(super) fn check_grant(&mut self, host: usize, message: &Message) {
        let (Message::LeaseGrant(grant), Some(asked)) = (message, self.decided.asked_in) else { return };
        if grant.granted && grant.epoch > asked {
            let text =
                format!("voter {host} follows view {} and grants a lease in view {}", grant.epoch.0, asked.0);
            self.violations.push(Violation { checker: "owners", at: self.now, op: None, key: None, text });
        }
    }
}
