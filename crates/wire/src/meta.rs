//! Metadata of entries and of what becomes one: in tails, because most have none. An expiry is nothing that a reader may do without
//! (docs/wire.md, "Two versions").

use std::num::NonZeroU64;
use std::sync::Arc;

use clearwell_cluster::{Expiry, Meta};

use crate::error::Result;
use crate::reader::Reader;
use crate::wire::{Wire, layout};
use crate::writer::Writer;

/// The tags in the tail of an entry, and of a request that gives a value.
const EXPIRY: u64 = 1;
const GRACE: u64 = 2;
const PRIORITY: u64 = 3;
const CONTENT_TYPE: u64 = 4;
const LOAD: u64 = 5;

layout! { Expiry { at, ttl_ms } }

impl Wire for NonZeroU64 {
    fn put(&self, w: &mut Writer<'_>) {
        self.get().put(w);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        let at = r.at();
        NonZeroU64::new(r.number()?).map_or_else(|| Reader::malformed(at, "a time to live of nothing"), Ok)
    }
}

/// Writes to a tail when something ends (an entry's [`Expiry`], or a time to live), and what else is kept with it.
pub(crate) fn put_tail<T: Wire>(ends: Option<&T>, meta: &Meta, w: &mut Writer<'_>) {
    let Meta { grace_ms, priority, content_type, load_ms } = meta;
    if let Some(ends) = ends {
        w.tagged(EXPIRY, |w| ends.put(w));
    }
    if *grace_ms > 0 {
        w.tagged(GRACE, |w| grace_ms.put(w));
    }
    if *priority > 0 {
        w.tagged(PRIORITY, |w| priority.put(w));
    }
    if let Some(content_type) = content_type {
        w.tagged(CONTENT_TYPE, |w| w.raw(content_type.as_bytes()));
    }
    if *load_ms > 0 {
        w.tagged(LOAD, |w| load_ms.put(w));
    }
}

/// Reads that tail. `knows` says whether another tag of it, of nothing but itself, is known.
pub(crate) fn get_tail<T: Wire>(
    r: &mut Reader<'_>,
    mut knows: impl FnMut(u64) -> bool,
) -> Result<(Option<T>, Meta)> {
    let (mut ends, mut meta) = (None, Meta::default());
    r.tail(|tag, r| {
        match tag {
            EXPIRY => ends = Some(T::get(r)?),
            GRACE => meta.grace_ms = Wire::get(r)?,
            PRIORITY => meta.priority = Wire::get(r)?,
            CONTENT_TYPE => meta.content_type = Some(Arc::from(r.rest_as_text()?)),
            LOAD => meta.load_ms = Wire::get(r)?,
            tag => return Ok(knows(tag)),
        }
        Ok(true)
    })?;
    Ok((ends, meta))
}
