//! What goes between an owner and those who follow it.

use clearwell_cluster::message::{
    Applied, Compared, Differ, Difference, Digests, Enlist, Enlisted, Heartbeat, LeaseAsk, LeaseGrant,
    Records, State, StateTaken, Stopping, Stream,
};
use clearwell_cluster::{Part, Planted, Position};

use crate::error::Result;
use crate::reader::Reader;
use crate::tags::{ByteTag, ComparedTag, DifferenceTag};
use crate::wire::{Fixed, Wire, layout};
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
    Part { slots, after, end }
    StateTaken { subscription, ticket, taking }
    Digests { subscription, at, of }
    Differ { subscription, what }
}

/// The tag of [`Stream::lost`], which hardly ever is there.
pub(crate) const LOST: u64 = 1;

/// The tag of [`Stream::at`].
const AT: u64 = 2;

/// The tag of [`State::holds`], where there are any.
const HOLDS: u64 = 1;

/// Contents are the last of their frame, so their tail is the frame's.
impl Wire for State {
    fn put(&self, w: &mut Writer<'_>) {
        let State { subscription, part, base, entries, as_of, intents, journal, holds, ticket, epoch } = self;
        subscription.put(w);
        part.put(w);
        base.put(w);
        entries.put(w);
        as_of.put(w);
        intents.put(w);
        journal.put(w);
        ticket.put(w);
        epoch.put(w);
        if !holds.is_empty() {
            w.tagged(HOLDS, |w| holds.put(w));
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        let mut state = State {
            subscription: Wire::get(r)?,
            part: Wire::get(r)?,
            base: Wire::get(r)?,
            entries: Wire::get(r)?,
            as_of: Wire::get(r)?,
            intents: Wire::get(r)?,
            journal: Wire::get(r)?,
            holds: Vec::new(),
            ticket: Wire::get(r)?,
            epoch: Wire::get(r)?,
        };
        r.tail(|tag, r| {
            match tag {
                HOLDS => state.holds = Wire::get(r)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(state)
    }
}

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
                    LOST => {
                        let lost = Position::get(r)?;
                        stream.lost = (!r.known.has(Planted::TailUnread)).then_some(lost);
                    }
                    AT => stream.at = Some(Wire::get(r)?),
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
            Ok(stream)
        })
    }
}

impl Wire for Compared {
    fn put(&self, w: &mut Writer<'_>) {
        match self {
            Compared::Slots(part, digests) => {
                w.byte(ComparedTag::Slots.byte());
                part.put(w);
                put_digests(digests, w);
            }
            Compared::Keys(digests) => {
                w.byte(ComparedTag::Keys.byte());
                put_digests(digests, w);
            }
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        Ok(match r.tag()? {
            ComparedTag::Slots => Compared::Slots(Wire::get(r)?, digests(r)?),
            ComparedTag::Keys => Compared::Keys(digests(r)?),
        })
    }
}

impl Wire for Difference {
    fn put(&self, w: &mut Writer<'_>) {
        match self {
            Difference::Lacks(slots) => {
                w.byte(DifferenceTag::Lacks.byte());
                slots.put(w);
            }
            Difference::Slots(part) => {
                w.byte(DifferenceTag::Slots.byte());
                part.put(w);
            }
            Difference::Keys(at, keys) => {
                w.byte(DifferenceTag::Keys.byte());
                at.put(w);
                keys.put(w);
            }
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        Ok(match r.tag()? {
            DifferenceTag::Lacks => Difference::Lacks(Wire::get(r)?),
            DifferenceTag::Slots => Difference::Slots(Wire::get(r)?),
            DifferenceTag::Keys => Difference::Keys(Wire::get(r)?, Wire::get(r)?),
        })
    }
}

/// Digests are as good as chance: as numbers of variable length they would take ten bytes, not eight.
fn put_digests<T: Wire>(digests: &[(T, u64)], w: &mut Writer<'_>) {
    w.number(digests.len() as u64);
    for (of, digest) in digests {
        of.put(w);
        Fixed(*digest).put(w);
    }
}

fn digests<T: Wire>(r: &mut Reader<'_>) -> Result<Vec<(T, u64)>> {
    let digests = r.list::<(T, Fixed)>()?;
    Ok(digests.into_iter().map(|(of, Fixed(digest))| (of, digest)).collect())
}
