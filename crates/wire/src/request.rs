//! Requests and their answers.

use clearwell_cluster::message::Reply;
use clearwell_cluster::request::{Ack, Cancel, Done, Fill, Invalidate, Read, Touch, Write};
use clearwell_cluster::{Answer, Awaited, FillLease, Hold, Meta, Request};
use clearwell_words::Invalidation;

use crate::error::Result;
use crate::meta;
use crate::reader::Reader;
use crate::tags::{AnswerTag, AwaitedTag, ByteTag, RequestTag};
use crate::wire::{Wire, layout};
use crate::writer::Writer;

layout! {
    Read { key, level, token, hold }
    FillLease { owner, epoch, position, began }
    Invalidation { scope, effect, cascade, cause, version }
    Invalidate { invalidation, wait, depth }
    Touch { key, ttl_ms }
    Hold { id, scope, effect, cascade, cause, until }
    Cancel { id, scope }
    Done { version, ordered, survives, token }
}

/// The tag of [`Reply::at`] in the tail of a reply's frame.
const AT: u64 = 1;

/// A reply is the last of its frame, so its tail is the frame's.
impl Wire for Reply {
    fn put(&self, w: &mut Writer<'_>) {
        let Reply { answer, as_of, stream, epoch, at } = self;
        answer.put(w);
        as_of.put(w);
        stream.put(w);
        epoch.put(w);
        if let Some(at) = at {
            w.tagged(AT, |w| at.put(w));
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        let (answer, as_of, stream, epoch) = (Wire::get(r)?, Wire::get(r)?, Wire::get(r)?, Wire::get(r)?);
        let mut reply = Reply { answer, as_of, stream, epoch, at: None };
        r.tail(|tag, r| {
            match tag {
                AT => reply.at = Some(Wire::get(r)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(reply)
    }
}

/// The tag of [`Ack::Owner`] in the tail of a write or a fill. Whoever does not know it waits for replicas, which is as good.
const BY_OWNER: u64 = 6;

fn put_ack(ack: Ack, w: &mut Writer<'_>) {
    match ack {
        Ack::Owner => w.tagged(BY_OWNER, |_| {}),
        Ack::Replicas => {}
    }
}

/// Reads the tail of a write or a fill.
fn get_tail<T: Wire>(r: &mut Reader<'_>) -> Result<(Option<T>, Meta, Ack)> {
    let mut ack = Ack::Replicas;
    let (ends, meta) = meta::get_tail(r, |tag| {
        let is_known = tag == BY_OWNER;
        if is_known {
            ack = Ack::Owner;
        }
        is_known
    })?;
    Ok((ends, meta, ack))
}

/// A request is the last of its frame, so its tail is the frame's. So it is with [`Fill`].
impl Wire for Write {
    fn put(&self, w: &mut Writer<'_>) {
        let Write { key, value, tags, dependencies, events, ttl_ms, meta, strategy, ack, id } = self;
        key.put(w);
        value.put(w);
        tags.put(w);
        dependencies.put(w);
        events.put(w);
        strategy.put(w);
        id.put(w);
        meta::put_tail(ttl_ms.as_ref(), meta, w);
        put_ack(*ack, w);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        let (key, value, tags) = (Wire::get(r)?, Wire::get(r)?, Wire::get(r)?);
        let (dependencies, events) = (Wire::get(r)?, Wire::get(r)?);
        let (strategy, id) = (Wire::get(r)?, Wire::get(r)?);
        let (ttl_ms, meta, ack) = get_tail(r)?;
        Ok(Write { key, value, tags, dependencies, events, ttl_ms, meta, strategy, ack, id })
    }
}

impl Wire for Fill {
    fn put(&self, w: &mut Writer<'_>) {
        let Fill { key, value, tags, dependencies, events, ttl_ms, meta, ack, lease } = self;
        key.put(w);
        value.put(w);
        tags.put(w);
        dependencies.put(w);
        events.put(w);
        lease.put(w);
        meta::put_tail(ttl_ms.as_ref(), meta, w);
        put_ack(*ack, w);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        let (key, value, tags) = (Wire::get(r)?, Wire::get(r)?, Wire::get(r)?);
        let (dependencies, events, lease) = (Wire::get(r)?, Wire::get(r)?, Wire::get(r)?);
        let (ttl_ms, meta, ack) = get_tail(r)?;
        Ok(Fill { key, value, tags, dependencies, events, ttl_ms, meta, ack, lease })
    }
}

impl Wire for Request {
    fn put(&self, w: &mut Writer<'_>) {
        match self {
            Request::Read(read) => {
                w.byte(RequestTag::Read.byte());
                read.put(w);
            }
            Request::Write(write) => {
                w.byte(RequestTag::Write.byte());
                write.put(w);
            }
            Request::Fill(fill) => {
                w.byte(RequestTag::Fill.byte());
                fill.put(w);
            }
            Request::Invalidate(invalidate) => {
                w.byte(RequestTag::Invalidate.byte());
                invalidate.put(w);
            }
            Request::Touch(touch) => {
                w.byte(RequestTag::Touch.byte());
                touch.put(w);
            }
            Request::Hold(hold) => {
                w.byte(RequestTag::Hold.byte());
                hold.put(w);
            }
            Request::Cancel(cancel) => {
                w.byte(RequestTag::Cancel.byte());
                cancel.put(w);
            }
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        Ok(match r.tag()? {
            RequestTag::Read => Request::Read(Wire::get(r)?),
            RequestTag::Write => Request::Write(Wire::get(r)?),
            RequestTag::Fill => Request::Fill(Wire::get(r)?),
            RequestTag::Invalidate => Request::Invalidate(Wire::get(r)?),
            RequestTag::Touch => Request::Touch(Wire::get(r)?),
            RequestTag::Hold => Request::Hold(Wire::get(r)?),
            RequestTag::Cancel => Request::Cancel(Wire::get(r)?),
        })
    }
}

impl Wire for Awaited {
    fn put(&self, w: &mut Writer<'_>) {
        match self {
            Awaited::After(ms) => {
                w.byte(AwaitedTag::After.byte());
                ms.put(w);
            }
            Awaited::Event(pattern) => {
                w.byte(AwaitedTag::Event.byte());
                pattern.put(w);
            }
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        Ok(match r.tag()? {
            AwaitedTag::After => Awaited::After(Wire::get(r)?),
            AwaitedTag::Event => Awaited::Event(Wire::get(r)?),
        })
    }
}

impl Wire for Answer {
    fn put(&self, w: &mut Writer<'_>) {
        match self {
            Answer::Value { entry, token, lease } => {
                w.byte(AnswerTag::Value.byte());
                entry.put(w);
                token.put(w);
                lease.put(w);
            }
            Answer::Written(done) => {
                w.byte(AnswerTag::Written.byte());
                done.put(w);
            }
            Answer::Invalidated(done) => {
                w.byte(AnswerTag::Invalidated.byte());
                done.put(w);
            }
            Answer::Refused(refusal) => {
                w.byte(AnswerTag::Refused.byte());
                refusal.put(w);
            }
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        Ok(match r.tag()? {
            AnswerTag::Value => {
                Answer::Value { entry: Wire::get(r)?, token: Wire::get(r)?, lease: Wire::get(r)? }
            }
            AnswerTag::Written => Answer::Written(Wire::get(r)?),
            AnswerTag::Invalidated => Answer::Invalidated(Wire::get(r)?),
            AnswerTag::Refused => Answer::Refused(Wire::get(r)?),
        })
    }
}
