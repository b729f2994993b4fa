//! What is rare and rich goes by serde and postcard, inside an envelope that bears a version: views, decrees, operations.
//!
//! The types that are written are not the protocol's but copies of them (`first.rs`): those may change from day to day, what a
//! version of the envelope says may not.

mod first;

use std::sync::Arc;

use clearwell_cluster::decree::Decree;
use clearwell_cluster::{Operation, View};
use serde::{Deserialize, Serialize};

use crate::error::{Result, Wrong};
use crate::known::Known;
use crate::reader::Reader;
use crate::wire::Wire;
use crate::writer::Writer;

/// The version of what is in envelopes now.
pub(crate) const VERSION: u64 = 1;

impl Wire for Arc<View> {
    fn put(&self, w: &mut Writer<'_>) {
        seal(w, &view_bytes(self));
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        let (at, contents) = open(r)?;
        view(at, contents, r.known)
    }
}

impl Wire for Decree {
    fn put(&self, w: &mut Writer<'_>) {
        let view = first::brought(self).map(view_bytes).unwrap_or_default();
        seal(w, &packed(&first::Decree::of(self, &view)));
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        let (at, contents) = open(r)?;
        let decree: first::Decree<'_> = unpacked(at, contents)?;
        decree.read(|bytes| view(at + offset(contents, bytes), bytes, r.known))
    }
}

impl Wire for Operation {
    fn put(&self, w: &mut Writer<'_>) {
        seal(w, &packed(&first::Operation::of(*self)));
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        let (at, contents) = open(r)?;
        unpacked(at, contents).map(first::Operation::read)
    }
}

/// The version, and the contents after their length.
fn seal(w: &mut Writer<'_>, contents: &[u8]) {
    w.number(VERSION);
    w.bytes(contents);
}

/// The contents, and where in the frame they begin.
fn open<'a>(r: &mut Reader<'a>) -> Result<(usize, &'a [u8])> {
    let at = r.at();
    let version = r.number()?;
    if version != VERSION {
        return Reader::wrong(at, Wrong::EnvelopeVersion(version));
    }
    let contents = r.bytes()?;
    Ok((r.at() - contents.len(), contents))
}

fn packed(contents: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(contents, Vec::new())
        .expect("numbers, bytes and lists of known length always serialize")
}

/// Reads contents that begin at a byte of the frame. A list grows with its elements; serde makes room for no more than a MiB
/// ahead of them, whatever length is claimed.
fn unpacked<'a, T: Deserialize<'a>>(at: usize, contents: &'a [u8]) -> Result<T> {
    let mut reader = postcard::Deserializer::from_bytes(contents);
    let read = T::deserialize(&mut reader);
    let left = reader.finalize().map_or(0, <[u8]>::len);
    let stopped = at + contents.len() - left;
    match read {
        Err(_) => Reader::wrong(stopped, Wrong::Envelope),
        Ok(_) if left > 0 => Reader::wrong(stopped, Wrong::Trailing(left)),
        Ok(value) => Ok(value),
    }
}

fn view_bytes(view: &Arc<View>) -> Vec<u8> {
    packed(&first::View::of(view))
}

fn view(at: usize, bytes: &[u8], known: &mut Known) -> Result<Arc<View>> {
    if let Some(view) = known.view(bytes) {
        return Ok(view);
    }
    let view = unpacked::<first::View>(at, bytes)?.read();
    let view = Arc::new(view.or_else(|why| Reader::malformed(at, why))?);
    known.keep_view(bytes, &view);
    Ok(view)
}

/// Where `part` begins in what it is a part of.
fn offset(whole: &[u8], part: &[u8]) -> usize {
    (part.as_ptr().addr()).saturating_sub(whole.as_ptr().addr())
}
