//! A transaction that another node carries out: MULTI, its requests and EXEC, as one.

use clearwell_cluster::Slot;
use clearwell_protocol::{Encoder, Flags, ReplyEnd, Resp};

use super::forward::{Errand, Forwarded};
use crate::resp::session::MultiQueue;

/// Sends a transaction; the reply is that of EXEC.
pub async fn exec(errand: Errand, queue: MultiQueue, slots: Vec<Slot>) -> Vec<u8> {
    last(errand.reply(forwarded(&queue, slots)).await)
}

/// A transaction as it is sent.
pub fn forwarded(queue: &MultiQueue, slots: Vec<Slot>) -> Forwarded {
    let mut bytes = Vec::with_capacity(queue.bytes);
    let mut encoder = Encoder::new(&mut bytes, Resp::V2);
    encoder.bulks(["MULTI"]);
    queue.requests.iter().for_each(|(_, args)| encoder.bulks(args.as_args().iter()));
    encoder.bulks(["EXEC"]);
    Forwarded {
        bytes: bytes.into(),
        replies: queue.requests.len().saturating_add(2),
        slots,
        reads: queue.requests.iter().all(|(command, _)| !command.flags.has(Flags::WRITE)),
    }
}

/// The last of several replies.
pub fn last(mut all: Vec<u8>) -> Vec<u8> {
    match replies(&all).last().map(|last| all.len().saturating_sub(last.len())) {
        Some(start) => all.split_off(start),
        None => all,
    }
}

/// The replies that stand one behind the other.
pub fn replies(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while let Ok(Some(len)) = ReplyEnd::default().next(bytes) {
        let (reply, rest) = bytes.split_at(len);
        all.push(reply);
        bytes = rest;
    }
    all
}
