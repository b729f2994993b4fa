//! What nodes say to one another of a source's feed.

use clearwell_cluster::message::FeedWord;

use crate::error::Result;
use crate::reader::Reader;
use crate::tags::{ByteTag, FeedTag};
use crate::wire::Wire;
use crate::writer::Writer;

impl Wire for FeedWord {
    fn put(&self, w: &mut Writer<'_>) {
        match self {
            FeedWord::Ask { source } => {
                w.byte(FeedTag::Ask.byte());
                source.put(w);
            }
            FeedWord::Told { source, server, position, problem } => {
                w.byte(FeedTag::Told.byte());
                source.put(w);
                server.put(w);
                position.put(w);
                problem.put(w);
            }
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        Ok(match r.tag()? {
            FeedTag::Ask => FeedWord::Ask { source: Wire::get(r)? },
            FeedTag::Told => FeedWord::Told {
                source: Wire::get(r)?,
                server: Wire::get(r)?,
                position: Wire::get(r)?,
                problem: Wire::get(r)?,
            },
        })
    }
}
