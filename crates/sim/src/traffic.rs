//! What goes over the links, counted by kind and size.

use clearwell_cluster::{Entry, Message};

/// How many kinds of messages there are.
const KINDS: usize = 19;

/// The kinds' names.
pub const NAMES: [&str; KINDS] = [
    "gossip",
    "decree",
    "view",
    "view ask",
    "lease ask",
    "lease grant",
    "request",
    "reply",
    "heartbeat",
    "beat",
    "records",
    "applied",
    "enlist",
    "enlisted",
    "state",
    "state taken",
    "digests",
    "differ",
    "operate",
];

/// A message's kind.
pub fn kind(message: &Message) -> usize {
    match message {
        Message::Gossip(_) => 0,
        Message::Decree(_) => 1,
        Message::View(_) => 2,
        Message::ViewAsk(_) => 3,
        Message::LeaseAsk(_) => 4,
        Message::LeaseGrant(_) => 5,
        Message::Request(..) => 6,
        Message::Reply(..) => 7,
        Message::Heartbeat(_) => 8,
        Message::Beat(_) => 9,
        Message::Records(_) => 10,
        Message::Applied(_) => 11,
        Message::Enlist(_) => 12,
        Message::Enlisted(_) => 13,
        Message::State(_) => 14,
        Message::StateTaken(_) => 15,
        Message::Digests(_) => 16,
        Message::Differ(_) => 17,
        Message::Operate(_) => 18,
    }
}

/// Whether a message can make its receiver an owner or none.
pub fn may_change_owner(message: &Message) -> bool {
    matches!(message, Message::Decree(_) | Message::View(_) | Message::LeaseGrant(_))
}

/// Counts by kind.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// Messages.
    pub messages: [u64; KINDS],
    /// Bytes, about as a compact codec would need; counted only when `weigh`.
    pub bytes: [u64; KINDS],
    /// Whether bytes are counted.
    pub weigh: bool,
    /// Whether only bytes of this host's links are counted.
    pub weigh_only: Option<usize>,
    /// Messages by their sender, where there is room for it.
    pub by_host: Vec<u64>,
}

impl Traffic {
    /// Counts one on its way between two hosts.
    pub fn count(&mut self, from: usize, to: usize, message: &Message) {
        let kind = kind(message);
        self.messages[kind] += 1;
        if let Some(count) = self.by_host.get_mut(from) {
            *count += 1;
        }
        if self.weigh || self.weigh_only.is_some_and(|host| host == from || host == to) {
            self.bytes[kind] += weight(message);
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

    /// Messages of the named kinds.
    pub fn of(&self, kinds: &[&str]) -> u64 {
        let named = NAMES.iter().zip(&self.messages).filter(|(name, _)| kinds.contains(name));
        named.map(|(_, count)| count).sum()
    }
}

/// A peer, a position, a subscription or a time takes about this much.
const NUMBER: u64 = 8;
const HEAD: u64 = 16;

fn entry(entry: &Entry) -> u64 {
    let names = entry.tags.iter().chain(entry.dependencies.iter()).map(|name| name.len() as u64 + 2);
    entry.key.len() as u64
        + entry.value.as_ref().map_or(0, |value| value.len() as u64)
        + 2 * NUMBER
        + names.sum::<u64>()
        + 2 * NUMBER * entry.events.len() as u64
}

/// About how many bytes a message takes.
pub fn weight(message: &Message) -> u64 {
    HEAD + match message {
        Message::Gossip(bytes) => bytes.len() as u64,
        Message::View(view) => 2 * NUMBER * view.members().len() as u64,
        Message::Decree(_) | Message::ViewAsk(_) | Message::LeaseAsk(_) | Message::LeaseGrant(_) => {
            4 * NUMBER
        }
        Message::Request(..) | Message::Applied(_) | Message::StateTaken(_) => 6 * NUMBER,
        Message::Reply(_, reply) => match &reply.answer {
            clearwell_cluster::Answer::Value { entry: Some(found), .. } => 8 * NUMBER + entry(found),
            _ => 8 * NUMBER,
        },
        Message::Heartbeat(beat) => {
            4 * NUMBER + beat.released.iter().map(|(name, _)| name.bytes().len() as u64 + NUMBER).sum::<u64>()
        }
        Message::Beat(_) => 6 * NUMBER,
        Message::Records(records) => {
            let each = records.records.iter().map(|record| record_weight(record));
            4 * NUMBER + each.sum::<u64>()
        }
        Message::Enlist(enlist) => {
            3 * NUMBER
                + enlist.names.iter().map(|(name, ..)| name.bytes().len() as u64 + 2 * NUMBER).sum::<u64>()
        }
        Message::Enlisted(enlisted) => 7 * NUMBER + enlisted.clean.len() as u64 / 8,
        Message::State(state) => {
            let all = state.entries.iter().chain(&state.journal);
            6 * NUMBER + all.map(|e| entry(e) + 2 * NUMBER).sum::<u64>()
        }
        Message::Digests(digests) => 2 * NUMBER + 10 * digests.digests.len() as u64,
        Message::Operate(_) => NUMBER,
        Message::Differ(differ) => NUMBER + 2 * differ.slots.len() as u64,
    }
}

fn record_weight(record: &clearwell_cluster::Record) -> u64 {
    use clearwell_cluster::record::Change;
    2 * NUMBER
        + match &record.change {
            Change::Put { entry: e, .. }
            | Change::Journal { entry: e, .. }
            | Change::Fill { entry: e, .. } => entry(e),
            _ => record.makes_old().map_or(NUMBER, |name| name.bytes().len() as u64 + 2),
        }
}
