//! Entries and the records of an owner's log. Both are blocks, so that an older reader skips what a newer writer adds.

use std::sync::Arc;

use clearwell_cluster::record::Change;
use clearwell_cluster::{Bytes, Entry, Planted, Record};

use crate::error::Result;
use crate::meta;
use crate::reader::Reader;
use crate::tags::{ByteTag, ChangeTag};
use crate::wire::{Fixed, Wire};
use crate::writer::Writer;

/// What lies in the log of an owner is one record, whomever it is told.
impl Wire for Arc<Record> {
    fn put(&self, w: &mut Writer<'_>) {
        Record::put(self, w);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        if !r.known.has_records() {
            return Record::get(r).map(Arc::new);
        }
        let bytes = r.next_block()?;
        if let Some(record) = r.known.record(bytes) {
            r.skip(bytes)?;
            return Ok(record);
        }
        let record = Arc::new(Record::get(r)?);
        r.known.keep_record(bytes, &record);
        Ok(record)
    }
}

impl Wire for Entry {
    fn put(&self, w: &mut Writer<'_>) {
        let Entry { key, value, version, tags, dependencies, events, expiry, meta } = self;
        w.block(|w| {
            key.put(w);
            value.put(w);
            version.put(w);
            tags.put(w);
            dependencies.put(w);
            events.put(w);
            meta::put_tail(expiry.as_ref(), meta, w);
        });
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        r.block(|r| {
            let (key, value, version) = (Wire::get(r)?, Wire::get(r)?, Wire::get(r)?);
            let (tags, dependencies, events) = (tags(r)?, Wire::get(r)?, Wire::get(r)?);
            let (expiry, meta) = meta::get_tail(r, |_| false)?;
            Ok(Entry { key, value, version, tags, dependencies, events, expiry, meta })
        })
    }
}

fn tags(r: &mut Reader<'_>) -> Result<Arc<[Bytes]>> {
    let tags = Wire::get(r)?;
    Ok(if r.known.has(Planted::TagsUnread) { Arc::default() } else { tags })
}

impl Wire for Record {
    fn put(&self, w: &mut Writer<'_>) {
        let Record { position, slot, change, version, cause, depth } = self;
        w.block(|w| {
            position.put(w);
            slot.put(w);
            change.put(w);
            version.put(w);
            cause.put(w);
            depth.put(w);
        });
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        r.block(|r| {
            Ok(Record {
                position: Wire::get(r)?,
                slot: Wire::get(r)?,
                change: Wire::get(r)?,
                version: Wire::get(r)?,
                cause: Wire::get(r)?,
                depth: Wire::get(r)?,
            })
        })
    }
}

impl Wire for Change {
    fn put(&self, w: &mut Writer<'_>) {
        match self {
            Change::Invalidate { scope, effect, cascade } => {
                w.byte(ChangeTag::Invalidate.byte());
                scope.put(w);
                effect.put(w);
                cascade.put(w);
            }
            Change::Intent { key } => {
                w.byte(ChangeTag::Intent.byte());
                key.put(w);
            }
            Change::Settle { key, intent } => {
                w.byte(ChangeTag::Settle.byte());
                key.put(w);
                intent.put(w);
            }
            Change::Put { entry, as_of } => {
                w.byte(ChangeTag::Put.byte());
                entry.put(w);
                as_of.put(w);
            }
            Change::Fill { entry, as_of } => {
                w.byte(ChangeTag::Fill.byte());
                entry.put(w);
                as_of.put(w);
            }
            Change::Journal { entry, as_of } => {
                w.byte(ChangeTag::Journal.byte());
                entry.put(w);
                as_of.put(w);
            }
            Change::Flushed { key, up_to, version } => {
                w.byte(ChangeTag::Flushed.byte());
                key.put(w);
                up_to.put(w);
                version.put(w);
            }
            Change::Touch { key, of, expiry } => {
                w.byte(ChangeTag::Touch.byte());
                key.put(w);
                Fixed(*of).put(w);
                expiry.put(w);
            }
            Change::Hold(hold) => {
                w.byte(ChangeTag::Hold.byte());
                hold.put(w);
            }
            Change::Release { id } => {
                w.byte(ChangeTag::Release.byte());
                id.put(w);
            }
            Change::Leave { slots } => {
                w.byte(ChangeTag::Leave.byte());
                slots.put(w);
            }
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        Ok(match r.tag()? {
            ChangeTag::Invalidate => {
                Change::Invalidate { scope: Wire::get(r)?, effect: Wire::get(r)?, cascade: Wire::get(r)? }
            }
            ChangeTag::Intent => Change::Intent { key: Wire::get(r)? },
            ChangeTag::Settle => Change::Settle { key: Wire::get(r)?, intent: Wire::get(r)? },
            ChangeTag::Put => Change::Put { entry: Wire::get(r)?, as_of: Wire::get(r)? },
            ChangeTag::Fill => Change::Fill { entry: Wire::get(r)?, as_of: Wire::get(r)? },
            ChangeTag::Journal => Change::Journal { entry: Wire::get(r)?, as_of: Wire::get(r)? },
            ChangeTag::Flushed => {
                Change::Flushed { key: Wire::get(r)?, up_to: Wire::get(r)?, version: Wire::get(r)? }
            }
            ChangeTag::Touch => {
                let (key, Fixed(of)) = (Wire::get(r)?, Wire::get(r)?);
                Change::Touch { key, of, expiry: Wire::get(r)? }
            }
            ChangeTag::Hold => Change::Hold(Wire::get(r)?),
            ChangeTag::Release => Change::Release { id: Wire::get(r)? },
            ChangeTag::Leave => Change::Leave { slots: Wire::get(r)? },
        })
    }
}
