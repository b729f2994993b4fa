//! What goes between an owner and those who follow it.

use clearwell_cluster::message::{
    Applied, Differ, Digests, Enlist, Enlisted, Heartbeat, LeaseAsk, LeaseGrant, Records, State, StateTaken,
    Stopping, Stream,
};
use clearwell_cluster::{Part, Position, Slot};

use crate::error::Result;
use crate::reader::Reader;
use crate::wire::{Wire, layout};
use crate::writer::Writer;

layout! {
    LeaseAsk { epoch, sent, ready }
    LeaseGrant { epoch, sent, granted, settled }
    Stopping { peer, lost, left_ms }
    Heartbeat { sent, subscription, watermark, released, epoch }
    Records { subscription, prev, records, reply, epoch }
    Applied { subscription, watermark }
    Enlist { ticket, sent, names, epoch }
    Enlisted { ticket, clean, stream }
    State { subscription, part, base, entries, as_of, intents, journal, ticket, epoch }
    Part { slots, after, end }
    StateTaken { subscription, ticket, taking }
    Differ { subscription, slots }
}

/// The tag of [`Stream::lost`], which hardly ever is there.
pub(crate) const LOST: u64 = 1;

/// The tag of [`Stream::at`].
const AT: u64 = 2;

/// A block.
impl Wire for Stream {
    fn put(&self, w: &mut Writer<'_>) {
        let Stream { subscription, first, last, head, sent, lease_ms, epoch, lost, at } = self;
        w.block(|w| {
            subscription.put(w);
            first.put(w);
            last.put(w);
            head.put(w);
            sent.put(w);
            lease_ms.put(w);
            epoch.put(w);
            if let Some(lost) = lost {
                w.tagged(LOST, |w| lost.put(w));
            }
            if let Some(at) = at {
                w.tagged(AT, |w| at.put(w));
            }
        });
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        r.block(|r| {
            let mut stream = Stream {
                subscription: Wire::get(r)?,
                first: Wire::get(r)?,
                last: Wire::get(r)?,
                head: Wire::get(r)?,
                sent: Wire::get(r)?,
                lease_ms: Wire::get(r)?,
                epoch: Wire::get(r)?,
                lost: None,
                at: None,
            };
            r.tail(|tag, r| {
                match tag {
                    LOST => stream.lost = Some(Position::get(r)?),
                    AT => stream.at = Some(Wire::get(r)?),
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
            Ok(stream)
        })
    }
}

/// Digests are as good as chance: as numbers of variable length they would take ten bytes, not eight.
impl Wire for Digests {
    fn put(&self, w: &mut Writer<'_>) {
        let Digests { subscription, at, digests } = self;
        subscription.put(w);
        at.put(w);
        w.number(digests.len() as u64);
        for (slot, digest) in digests {
            slot.put(w);
            Fixed(*digest).put(w);
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        let (subscription, at) = (Wire::get(r)?, Wire::get(r)?);
        let digests = r.list::<(Slot, Fixed)>()?;
        let digests = digests.into_iter().map(|(slot, Fixed(digest))| (slot, digest)).collect();
        Ok(Digests { subscription, at, digests })
    }
}

/// A number of eight bytes, the low ones first.
struct Fixed(u64);

impl Wire for Fixed {
    fn put(&self, w: &mut Writer<'_>) {
        w.raw(&self.0.to_le_bytes());
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(r.raw(8)?);
        Ok(Fixed(u64::from_le_bytes(bytes)))
    }
}
