//! The frames in which the nodes and near caches of a Clearwell cluster speak to one another: a message to bytes and back.
//! No sockets, threads or clocks; whoever has those calls [`encode`] before it sends and [`Decoder::decode`] for each frame
//! that [`frame_size`] cuts from what it received.
//!
//! A frame is `u32 length, u8 kind, body`. The layout of every kind, and what may change between two versions that speak to
//! one another, is written down in `docs/wire.md` of the repository, and `tests/data/golden.txt` has bytes of each.
//!
//! What a member keeps on its disk has bytes of the same kind, without a frame: [`encode_persist`], [`decode_persist`].
//!
//! Decoding never panics, and allocates no more than a constant times the bytes that are there, whatever they claim. An
//! [`Error`] says what was wrong and at which byte.
//!
//! ```
//! use clearwell_cluster::{Epoch, Message};
//! use clearwell_wire::{Kind, Wrong, decode, encode, frame_size};
//!
//! let mut buffer = Vec::new();
//! encode(&Message::ViewAsk(Epoch(300)), &mut buffer)?;
//! assert_eq!(buffer, [3, 0, 0, 0, Kind::ViewAsk.byte(), 0xac, 0x02]);
//!
//! // A link reads until a frame is whole.
//! assert_eq!(frame_size(&buffer[..3])?, None);
//! assert_eq!(frame_size(&buffer)?, Some(7));
//! assert_eq!(decode(&buffer)?, Message::ViewAsk(Epoch(300)));
//!
//! // A kind from a newer version: the link counts it and goes on behind the frame.
//! buffer[4] = 200;
//! assert_eq!(decode(&buffer).map_err(|error| error.wrong), Err(Wrong::UnknownKind(200)));
//! # Ok::<(), clearwell_wire::Error>(())
//! ```

#[cfg(test)]
mod docs_tests;
mod envelope;
mod error;
mod feed;
mod frame;
#[cfg(test)]
mod frame_tests;
#[cfg(test)]
mod golden_tests;
mod kind;
mod known;
mod meta;
mod names;
mod persist;
#[cfg(test)]
mod persist_tests;
mod reader;
mod record;
mod request;
mod stream;
mod tags;
mod varint;
mod wire;
mod writer;

pub use error::{Error, Result, Wrong};
pub use frame::{Decoder, HEAD, LONGEST, WANTED, decode, encode, frame_size, kind};
pub use kind::Kind;
pub use persist::{decode_persist, encode_persist};
