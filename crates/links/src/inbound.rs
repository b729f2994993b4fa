//! Reads what a peer sends on one lane.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::{Buf, BytesMut};
use clearwell_wire::{Decoder, frame_size};
use clearwell_words::Peer;
use tokio::io::AsyncReadExt;

use crate::contact::Contact;
use crate::handshake::{self, RefusedBy};
use crate::hub::Hub;
use crate::lane::Lane;
use crate::refusal::HelloRefusal;
use crate::transport::LinkStream;

/// How many bytes are read at once. Room for a frame is made as its bytes arrive, not as they are claimed.
const READ: usize = 16 << 10;

/// Gives the receiver what arrives, until the connection ends.
pub async fn run(
    hub: Arc<Hub>,
    contact: Arc<Contact>,
    lane: Lane,
    peer: Peer,
    address: SocketAddr,
    stream: LinkStream,
) {
    let Ok(mut stream) = stream.come_here() else { return };
    let mut inbound =
        Inbound { hub, contact, lane, peer, buffer: BytesMut::new(), decoder: Decoder::default() };
    if let Ok(Err(why)) = inbound.read(&mut stream).await {
        // The connection ends in any case.
        let _ = handshake::tell(&mut stream, &why).await;
        inbound.hub.refused(why, RefusedBy::Here, Some(peer.node), address);
    }
}

struct Inbound {
    hub: Arc<Hub>,
    contact: Arc<Contact>,
    lane: Lane,
    peer: Peer,
    buffer: BytesMut,
    decoder: Decoder,
}

impl Inbound {
    /// Reads until the other side closes the connection, or is refused.
    async fn read(&mut self, stream: &mut LinkStream) -> io::Result<Result<(), HelloRefusal>> {
        loop {
            self.buffer.reserve(READ);
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(Ok(()));
            }
            self.contact.hear(self.hub.now());
            if let Err(why) = self.give() {
                return Ok(Err(why));
            }
            if self.buffer.is_empty() && self.buffer.capacity() > 4 * READ {
                self.buffer = BytesMut::new();
            }
        }
    }

    /// Gives the receiver all frames that are whole. One that cannot be read is counted, and the next one is read: it may be of a newer
    /// version.
    fn give(&mut self) -> Result<(), HelloRefusal> {
        let track = self.contact.track(self.lane);
        loop {
            let size = match frame_size(&self.buffer) {
                Ok(Some(size)) if size <= self.buffer.len() => size,
                Ok(_) => return Ok(()),
                Err(_) => return Err(HelloRefusal::Malformed),
            };
            track.received_frames.fetch_add(1, Relaxed);
            track.received_bytes.fetch_add(size as u64, Relaxed);
            match self.decoder.decode(&self.buffer[..size]) {
                Ok(message) if !message.is_from(self.peer) => return Err(HelloRefusal::Forged),
                Ok(message) => self.hub.receiver.receive(self.peer, message),
                Err(_) => {
                    track.unreadable.fetch_add(1, Relaxed);
                }
            }
            self.buffer.advance(size);
        }
    }
}
