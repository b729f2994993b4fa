//! Commands whose keys several nodes serve: each gets its part, side by side, and the replies are put together.

use std::collections::BTreeMap;
use std::sync::Arc;

use clearwell_cluster::Slot;
use clearwell_protocol::{Args, CommandId, Encoder, OwnedArgs, ReplyEnd, Resp, parse_i64};
use clearwell_source::Later;

use super::forward::{Errand, Forwarded, PATIENCE, PAUSE, Tried, unknown};
use super::place::Placement;
use crate::resp::step;

/// How the parts' replies make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scattered {
    /// An array of them, in the order of the keys.
    Values,
    /// Their sum.
    Sum,
    /// OK; each key has a value behind it.
    Pairs,
}

impl Scattered {
    /// For commands that can be carried out in parts.
    pub fn of(id: CommandId) -> Option<Scattered> {
        use CommandId as Id;
        match id {
            Id::Mget => Some(Scattered::Values),
            Id::Del | Id::Unlink | Id::CwDel | Id::Exists | Id::Touch => Some(Scattered::Sum),
            Id::Mset => Some(Scattered::Pairs),
            _ => None,
        }
    }

    /// From one key to the next.
    fn width(self) -> usize {
        if self == Scattered::Pairs { 2 } else { 1 }
    }
}

/// Sends each owner its part until all are answered.
pub async fn scatter(errand: Errand, how: Scattered, args: OwnedArgs) -> Vec<u8> {
    let errand = Arc::new(errand);
    let count = args.as_args().len().saturating_sub(1) / how.width();
    let mut whole = PartialReply { how, values: vec![Vec::new(); count], sum: 0, failed: 0, error: None };
    let mut left: Vec<usize> = (0..count).collect();
    let mut said = None;
    loop {
        let (parts, unserved) = parts(&errand, how, args.as_args(), &left);
        left = unserved;
        let (keys, attempts): (Vec<_>, Vec<_>) =
            parts.into_iter().map(|part| part.sent(errand.clone())).unzip();
        for (keys, attempt) in keys.iter().zip(step::all(attempts).await) {
            match attempt {
                Tried::Answered(reply) => whole.take(keys, &reply),
                Tried::Unknown => whole.take(keys, &unknown()),
                Tried::Again(why) => {
                    said = why.or(said);
                    left.extend(keys);
                }
            }
        }
        if left.is_empty() {
            return whole.reply(errand.resp);
        }
        if errand.began.elapsed() > PATIENCE {
            whole.take(&left, &errand.refusal(said));
            return whole.reply(errand.resp);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What one owner gets.
struct OwnerPart {
    /// The places of its keys among all.
    keys: Vec<usize>,
    request: Forwarded,
    to: Placement,
}

impl OwnerPart {
    fn sent(self, errand: Arc<Errand>) -> (Vec<usize>, Later<Tried>) {
        let OwnerPart { keys, request, to } = self;
        (keys, Box::pin(async move { errand.attempt(&request, &to).await }))
    }
}

/// The parts by their owners, and the keys that nobody serves now.
fn parts(errand: &Errand, how: Scattered, args: Args<'_>, keys: &[usize]) -> (Vec<OwnerPart>, Vec<usize>) {
    let node = &errand.server().node;
    let at = |key: usize| key.saturating_mul(how.width()).saturating_add(1);
    let mut groups: BTreeMap<Placement, Vec<(usize, Slot)>> = BTreeMap::new();
    for &key in keys {
        let slot = node.slot_of(&args[at(key)]);
        groups.entry(Placement::of(node, &[slot])).or_default().push((key, slot));
    }
    let unserved = groups.remove(&Placement::Nobody).unwrap_or_default();
    let part = |(to, group): (Placement, Vec<(usize, Slot)>)| {
        let words = |(key, _): &(usize, Slot)| args.from(at(*key)).take(how.width()).iter();
        let words: OwnedArgs = std::iter::once(&args[0]).chain(group.iter().flat_map(words)).collect();
        let (keys, mut slots): (Vec<usize>, Vec<Slot>) = group.into_iter().unzip();
        slots.sort_unstable();
        slots.dedup();
        OwnerPart { keys, request: Forwarded::of(words.as_args(), slots, errand.command), to }
    };
    (groups.into_iter().map(part).collect(), unserved.into_iter().map(|(key, _)| key).collect())
}

/// The reply as far as its parts are there.
struct PartialReply {
    how: Scattered,
    /// By the place of its key.
    values: Vec<Vec<u8>>,
    sum: i64,
    /// Keys that had no reply but an error, and the first of these.
    failed: usize,
    error: Option<Vec<u8>>,
}

impl PartialReply {
    /// Takes the reply to the part of these keys.
    fn take(&mut self, keys: &[usize], reply: &[u8]) {
        if reply.first() == Some(&b'-') {
            self.failed = self.failed.saturating_add(keys.len());
            self.error.get_or_insert_with(|| reply.to_vec());
            keys.iter().for_each(|key| self.values[*key] = reply.to_vec());
            return;
        }
        match self.how {
            Scattered::Values => {
                for (key, value) in keys.iter().zip(ReplyEnd::elements(reply)) {
                    self.values[*key] = value.to_vec();
                }
            }
            Scattered::Sum => {
                let number = reply.strip_prefix(b":").and_then(|rest| parse_i64(rest.trim_ascii_end()));
                self.sum = self.sum.saturating_add(number.unwrap_or(0));
            }
            Scattered::Pairs => {}
        }
    }

    /// An error of one part is that of all; but a value that cannot be read has its error in its own place, as long as another can.
    fn reply(self, resp: Resp) -> Vec<u8> {
        let shows_all = self.how == Scattered::Values && self.failed < self.values.len();
        if let Some(error) = self.error.filter(|_| !shows_all) {
            return error;
        }
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, resp);
        match self.how {
            Scattered::Values => {
                encoder.array(self.values.len());
                self.values.iter().for_each(|value| encoder.out.extend_from_slice(value));
            }
            Scattered::Sum => encoder.integer(self.sum),
            Scattered::Pairs => encoder.ok(),
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(how: Scattered, keys: usize) -> PartialReply {
        PartialReply { how, values: vec![Vec::new(); keys], sum: 0, failed: 0, error: None }
    }

    #[test]
    fn values_stand_in_the_order_of_their_keys_and_errors_in_their_place() {
        let mut values = whole(Scattered::Values, 3);
        values.take(&[0, 2], b"*2\r\n$1\r\na\r\n$-1\r\n");
        values.take(&[1], b"-UNKNOWN gone\r\n");
        assert_eq!(values.reply(Resp::V2), b"*3\r\n$1\r\na\r\n-UNKNOWN gone\r\n$-1\r\n");
        let mut none = whole(Scattered::Values, 2);
        none.take(&[0, 1], b"-CLUSTERDOWN no\r\n");
        assert_eq!(none.reply(Resp::V2), b"-CLUSTERDOWN no\r\n");
    }

    #[test]
    fn sums_add_up_unless_a_part_fails() {
        let mut sum = whole(Scattered::Sum, 5);
        sum.take(&[0, 1], b":2\r\n");
        sum.take(&[2, 3], b":1\r\n");
        assert_eq!(whole(Scattered::Pairs, 1).reply(Resp::V2), b"+OK\r\n");
        let mut failed = whole(Scattered::Sum, 5);
        failed.take(&[0], b":1\r\n");
        failed.take(&[1], b"-UNKNOWN gone\r\n");
        assert_eq!(
            (sum.reply(Resp::V2), failed.reply(Resp::V2)),
            (b":3\r\n".to_vec(), b"-UNKNOWN gone\r\n".to_vec())
        );
    }
}
