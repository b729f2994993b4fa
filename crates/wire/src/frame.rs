//! Frames: `u32 length, u8 kind, body`, the length's low byte first; it counts the kind and the body.

use std::cmp::Ordering;

use clearwell_cluster::message::{
    Applied, Differ, Digests, Enlist, Enlisted, Heartbeat, LeaseAsk, LeaseGrant, Records, StateTaken, Stream,
};
use clearwell_cluster::{Message, Planted};

use crate::error::{Error, Result, Wrong};
use crate::kind::Kind;
use crate::known::Known;
use crate::reader::Reader;
use crate::wire::Wire;
use crate::writer::Writer;

/// The bytes of the length, before everything that it counts.
pub const HEAD: usize = 4;

/// The longest that a frame may be, its length not counted: a peer that claims more is not believed.
pub const LONGEST: usize = 1 << 20;

/// How long a frame should be at most: what is behind a longer one waits too long.
pub const WANTED: usize = 64 << 10;

/// Appends a message as a frame, and says of how many bytes.
///
/// # Errors
/// A message that is too long for a frame; `out` is then as it was.
pub fn encode(message: &Message, out: &mut Vec<u8>) -> Result<usize> {
    let at = out.len();
    out.extend_from_slice(&[0; HEAD]);
    out.push(Kind::of(message).byte());
    put_body(message, &mut Writer::new(out));
    let length = out.len() - at - HEAD;
    if length > LONGEST {
        out.truncate(at);
        return Err(Error { at: 0, wrong: Wrong::TooLong(length) });
    }
    // `LONGEST` fits into four bytes many times.
    out[at..at + HEAD].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(HEAD + length)
}

/// How many bytes the frame has that `bytes` begin with, its length included; `None` until the length is there.
///
/// # Errors
/// A length that no frame has: nothing that comes after it can be read.
pub fn frame_size(bytes: &[u8]) -> Result<Option<usize>> {
    let Some((head, _)) = bytes.split_first_chunk::<HEAD>() else { return Ok(None) };
    match u32::from_le_bytes(*head) as usize {
        0 => Err(Error { at: 0, wrong: Wrong::Empty }),
        length if length > LONGEST => Err(Error { at: 0, wrong: Wrong::TooLong(length) }),
        length => Ok(Some(HEAD + length)),
    }
}

/// Reads one whole frame.
///
/// # Errors
/// What is wrong with the bytes, and where. The next frame can be read nevertheless: [`frame_size`] says where this one ends.
pub fn decode(frame: &[u8]) -> Result<Message> {
    Decoder::default().decode(frame)
}

/// Reads frames, and remembers views: whoever reads many frames reads each view once.
#[derive(Debug, Default)]
pub struct Decoder {
    known: Known,
}

impl Decoder {
    /// One that remembers records too, for whoever reads in the place of many members, each of whom is told the same.
    pub fn for_many() -> Decoder {
        Decoder { known: Known::with_records() }
    }

    /// The same with a fault, which works with the feature `planted` alone.
    #[must_use]
    pub fn with_fault(mut self, fault: Option<Planted>) -> Decoder {
        self.known.fault = fault;
        self
    }

    /// Reads one whole frame, as [`decode`] does.
    ///
    /// # Errors
    /// As [`decode`].
    pub fn decode(&mut self, frame: &[u8]) -> Result<Message> {
        let here = frame.len();
        let truncated = |whole| Wrong::Truncated { wanted: whole - here, left: 0 };
        let Some(size) = frame_size(frame)? else { return Reader::wrong(here, truncated(HEAD)) };
        match here.cmp(&size) {
            Ordering::Less => return Reader::wrong(here, truncated(size)),
            Ordering::Greater => return Reader::wrong(size, Wrong::Trailing(here - size)),
            Ordering::Equal => {}
        }
        let kind = kind(frame)?;
        let mut r = Reader::new(frame, HEAD + 1, &mut self.known);
        let message = body(kind, &mut r)?;
        r.skip_tail()?;
        Ok(message)
    }
}

/// The kind of a frame that is there up to its kind at least.
///
/// # Errors
/// A kind that this version does not know; a frame that ends before it.
pub fn kind(frame: &[u8]) -> Result<Kind> {
    let Some(&byte) = frame.get(HEAD) else {
        return Reader::wrong(frame.len(), Wrong::Truncated { wanted: HEAD + 1 - frame.len(), left: 0 });
    };
    Kind::from_byte(byte).map_or_else(|| Reader::wrong(HEAD, Wrong::UnknownKind(byte)), Ok)
}

fn put_body(message: &Message, w: &mut Writer<'_>) {
    match message {
        Message::Gossip(bytes) => bytes.put(w),
        Message::Decree(decree) => decree.put(w),
        Message::View(view, stopping) => {
            view.put(w);
            stopping.put(w);
        }
        Message::ViewAsk(epoch) => epoch.put(w),
        Message::LeaseAsk(ask) => ask.put(w),
        Message::LeaseGrant(grant) => grant.put(w),
        Message::Request(ticket, request) => {
            ticket.put(w);
            request.put(w);
        }
        Message::Reply(ticket, reply) => {
            ticket.put(w);
            reply.put(w);
        }
        Message::Heartbeat(heartbeat) => heartbeat.put(w),
        Message::Beat(stream) => stream.put(w),
        Message::Records(records) => records.put(w),
        Message::Applied(applied) => applied.put(w),
        Message::Enlist(enlist) => enlist.put(w),
        Message::Enlisted(enlisted) => enlisted.put(w),
        Message::State(state) => state.put(w),
        Message::StateTaken(taken) => taken.put(w),
        Message::Digests(digests) => digests.put(w),
        Message::Differ(differ) => differ.put(w),
        Message::Operate(operation) => operation.put(w),
        Message::Feed(word) => word.put(w),
    }
}

fn body(kind: Kind, r: &mut Reader<'_>) -> Result<Message> {
    Ok(match kind {
        Kind::Gossip => Message::Gossip(Wire::get(r)?),
        Kind::Decree => Message::Decree(Wire::get(r)?),
        Kind::View => Message::View(Wire::get(r)?, Wire::get(r)?),
        Kind::ViewAsk => Message::ViewAsk(Wire::get(r)?),
        Kind::LeaseAsk => Message::LeaseAsk(LeaseAsk::get(r)?),
        Kind::LeaseGrant => Message::LeaseGrant(LeaseGrant::get(r)?),
        Kind::Request => Message::Request(Wire::get(r)?, Wire::get(r)?),
        Kind::Reply => Message::Reply(Wire::get(r)?, Box::new(Wire::get(r)?)),
        Kind::Heartbeat => Message::Heartbeat(Heartbeat::get(r)?),
        Kind::Beat => Message::Beat(Stream::get(r)?),
        Kind::Records => Message::Records(Records::get(r)?),
        Kind::Applied => Message::Applied(Applied::get(r)?),
        Kind::Enlist => Message::Enlist(Enlist::get(r)?),
        Kind::Enlisted => Message::Enlisted(Enlisted::get(r)?),
        Kind::State => Message::State(Box::new(Wire::get(r)?)),
        Kind::StateTaken => Message::StateTaken(StateTaken::get(r)?),
        Kind::Digests => Message::Digests(Digests::get(r)?),
        Kind::Differ => Message::Differ(Differ::get(r)?),
        Kind::Operate => Message::Operate(Wire::get(r)?),
        Kind::Feed => Message::Feed(Wire::get(r)?),
    })
}
