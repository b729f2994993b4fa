//! SCAN over all nodes, one after the other. The cursor carries where it is: which node, and that node's own cursor.

use std::collections::BTreeMap;

use clearwell_cluster::NodeId;
use clearwell_protocol::options::ScanOptions;
use clearwell_protocol::{Args, Command, Encoder, OwnedArgs, ReplyEnd};

use super::forward::{Errand, Forwarded, PATIENCE, PAUSE, Tried};
use super::place::{Nodes, Placement};
use crate::resp::dispatch::Context;
use crate::resp::step::Step;

/// The low bits of a cursor are the node's own: a shard's number and a place in it. What is above is the node's [`tag`]; the highest bit is
/// left out, for clients that read a signed number.
const OWN_BITS: u32 = 48;
const TAG_BITS: u32 = 15;

/// SCAN; `None`: it is run here, because its arguments are wrong, or there is nobody else.
pub fn scan(context: &Context<'_>, command: &'static Command, args: Args<'_>) -> Option<Step> {
    let cursor = ScanOptions::parse(args).ok()?.cursor;
    let stops = stops(context);
    if stops.len() == 1 && stops.values().all(|place| *place == Placement::Here) && cursor >> OWN_BITS == 0 {
        return None;
    }
    Some(Step::Wait(Box::pin(toured(Errand::new(context, command), args.to_owned(), cursor))))
}

fn stops(context: &Context<'_>) -> BTreeMap<u64, Placement> {
    tagged(Placement::of_nodes(context.node(), Nodes::Owners).1)
}

/// Asks the node at which the cursor is, or the next one where that is gone.
async fn toured(errand: Errand, args: OwnedArgs, cursor: u64) -> Vec<u8> {
    let (tag, own) = (cursor >> OWN_BITS, cursor & ((1 << OWN_BITS) - 1));
    loop {
        let stops = tagged(Placement::of_nodes(&errand.server().node, Nodes::Owners).1);
        let mut left = stops.range(tag..);
        let (tried, stop) = match left.next() {
            // Who is behind the cursor is all who is left.
            None if !stops.is_empty() => return page(&errand, 0, b"*0\r\n"),
            None => (Tried::Again(None), 0),
            Some((stop, place)) => {
                let own = if *stop == tag { own } else { 0 };
                let own = own.to_string();
                let args = args.as_args();
                let words: OwnedArgs =
                    std::iter::once(&args[0]).chain([own.as_bytes()]).chain(args.from(2).iter()).collect();
                let request = Forwarded::of(words.as_args(), Vec::new(), errand.command);
                (errand.attempt(&request, place).await, *stop)
            }
        };
        match tried {
            Tried::Answered(reply) => {
                let (Some(own), Some(keys)) = (cursor_of(&reply), ReplyEnd::elements(&reply).pop()) else {
                    return reply;
                };
                let next = match own {
                    0 => left.next().map_or(0, |(stop, _)| stop << OWN_BITS),
                    own => stop << OWN_BITS | own,
                };
                return page(&errand, next, keys);
            }
            Tried::Again(why) if errand.began.elapsed() > PATIENCE => return errand.refusal(why),
            Tried::Unknown if errand.began.elapsed() > PATIENCE => return errand.refusal(None),
            Tried::Again(_) | Tried::Unknown => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// The cursor of a reply to SCAN; `None`: it is an error.
fn cursor_of(reply: &[u8]) -> Option<u64> {
    let first = *ReplyEnd::elements(reply).first()?;
    let digits = first.split(|byte| *byte == b'\n').nth(1)?.trim_ascii_end();
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn page(errand: &Errand, cursor: u64, keys: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(keys.len().saturating_add(64));
    let mut encoder = Encoder::new(&mut bytes, errand.resp);
    encoder.array(2);
    encoder.bulk(cursor.to_string());
    encoder.out.extend_from_slice(keys);
    bytes
}

/// The nodes in the order in which they are visited, each by a tag that it keeps while others come and go; never 0. Of two whose tags
/// would be the same, one has the next that is free.
fn tagged(nodes: Vec<(NodeId, Placement)>) -> BTreeMap<u64, Placement> {
    const MASK: u64 = (1 << TAG_BITS) - 1;
    let mut stops = BTreeMap::new();
    for (NodeId(id), place) in nodes {
        let mut tag = (id ^ id >> TAG_BITS ^ id >> (2 * TAG_BITS) ^ id >> (3 * TAG_BITS)) & MASK;
        while tag == 0 || stops.contains_key(&tag) {
            tag = tag.wrapping_add(1) & MASK;
        }
        stops.insert(tag, place);
    }
    stops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_its_tag_while_others_come_and_go() {
        let node = |id| (NodeId(id), Placement::Here);
        let all: Vec<u64> = tagged(vec![node(5), node(9), node(1 << 40)]).into_keys().collect();
        assert_eq!(all, [5, 9, 1 << 10]);
        assert!(tagged(vec![node(9), node(1 << 40)]).into_keys().all(|tag| all.contains(&tag)));
        let same: Vec<u64> = tagged(vec![node(7), node(7 << 15), node(0)]).into_keys().collect();
        assert_eq!(same, [1, 7, 8]);
    }

    #[test]
    fn a_cursor_is_read_from_a_reply() {
        assert_eq!(cursor_of(b"*2\r\n$2\r\n17\r\n*1\r\n$1\r\na\r\n"), Some(17));
        assert_eq!(cursor_of(b"-ERR invalid cursor\r\n"), None);
    }
}
