//! What goes over the links, counted by kind and size.

use clearwell_cluster::Message;
use clearwell_wire::Kind;

/// Whether a message can make its receiver an owner or none.
pub fn may_change_owner(message: &Message) -> bool {
    matches!(message, Message::Decree(_) | Message::View(..) | Message::LeaseGrant(_))
}

/// Counts by kind.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// Messages.
    pub messages: [u64; Kind::COUNT],
    /// Bytes of their frames.
    pub bytes: [u64; Kind::COUNT],
    /// Whether only bytes of this host's links are counted.
    pub weigh_only: Option<usize>,
    /// Messages by their sender, where there is room for it.
    pub by_host: Vec<u64>,
}

impl Traffic {
    /// Counts one on its way between two hosts.
    pub fn count(&mut self, from: usize, to: usize, message: &Message, bytes: usize) {
        let kind = Kind::of(message).index();
        self.messages[kind] += 1;
        if let Some(count) = self.by_host.get_mut(from) {
            *count += 1;
        }
        if self.weigh_only.is_none_or(|host| host == from || host == to) {
            self.bytes[kind] += bytes as u64;
        }
    }

    /// All messages.
    pub fn total(&self) -> u64 {
        self.messages.iter().sum()
    }

    /// All bytes.
    pub fn total_bytes(&self) -> u64 {
        self.bytes.iter().sum()
    }

    /// Each kind with its count.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Kind::all().map(|kind| (kind.name(), self.messages[kind.index()]))
    }

    /// Messages of the named kinds.
    pub fn of(&self, kinds: &[&str]) -> u64 {
        self.kinds().filter(|(name, _)| kinds.contains(name)).map(|(_, count)| count).sum()
    }
}
