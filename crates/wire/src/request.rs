//! Requests and their answers.

use clearwell_cluster::message::Reply;
use clearwell_cluster::request::{Done, Fill, Invalidate, Read, Write};
use clearwell_cluster::{Answer, FillLease, Request};

use crate::error::Result;
use crate::reader::Reader;
use crate::tags::{AnswerTag, RequestTag, Tag};
use crate::wire::{Wire, layout};
use crate::writer::Writer;

layout! {
    Read { key, level, token, hold }
    Write { key, value, tags, dependencies, events, strategy, id }
    Fill { key, value, tags, dependencies, events, lease }
    FillLease { owner, epoch, position, began }
    Invalidate { scope, effect, cascade, cause, version, wait, depth }
    Done { version, ordered, survives, token }
    Reply { answer, as_of, stream, epoch }
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
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        Ok(match r.tag()? {
            RequestTag::Read => Request::Read(Wire::get(r)?),
            RequestTag::Write => Request::Write(Wire::get(r)?),
            RequestTag::Fill => Request::Fill(Wire::get(r)?),
            RequestTag::Invalidate => Request::Invalidate(Wire::get(r)?),
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
