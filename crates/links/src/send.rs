//! Sends what waits on a lane, many frames in one write.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use clearwell_wire::Kind;
use clearwell_words::Peer;
use tokio::io::{AsyncWrite, AsyncWriteExt, WriteHalf};
use tokio::time::timeout;

use crate::contact::{Contact, Track};
use crate::handshake;
use crate::hub::Hub;
use crate::lane::Lane;
use crate::refusal::HelloRefusal;
use crate::transport::LinkStream;

/// How many bytes are handed to the system at once, or one frame if it is longer.
const BATCH: usize = 64 << 10;

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneEnd {
    /// There was nothing to send for long.
    Idle,
    /// It broke, or the other side closed it.
    Broken(String),
    /// The other side told why it closes it.
    Refused(HelloRefusal),
    /// A later process of the peer is known.
    Over,
}

impl fmt::Display for LaneEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LaneEnd::Idle => f.write_str("nothing to send"),
            LaneEnd::Broken(why) => f.write_str(why),
            LaneEnd::Refused(refusal) => refusal.fmt(f),
            LaneEnd::Over => f.write_str("a later process of the node was heard"),
        }
    }
}

/// Sends to one process of a peer until the connection ends. What was being written then is lost, as far as is known.
pub async fn run(hub: &Hub, contact: &Contact, lane: Lane, stream: LinkStream, peer: Peer) -> LaneEnd {
    let track = contact.track(lane);
    let (mut read, mut write) = tokio::io::split(stream);
    let mut process = contact.process();
    let is_later = |latest: u32| latest > peer.incarnation;
    let mut writing = Vec::new();
    let ending = tokio::select! {
        words = handshake::last_words(&mut read) => match words {
            Some(refusal) => LaneEnd::Refused(refusal),
            None => LaneEnd::Broken("the other side closed the connection".into()),
        },
        _ = process.wait_for(|known| known.is_some_and(|known| is_later(known.incarnation))) => LaneEnd::Over,
        ending = empty(hub, track, lane, peer.incarnation, &mut write, &mut writing) => ending,
    };
    track.queue.lock().lost(&writing);
    ending
}

/// Writes what waits, and waits for more.
async fn empty(
    hub: &Hub,
    track: &Track,
    lane: Lane,
    incarnation: u32,
    write: &mut WriteHalf<LinkStream>,
    writing: &mut Vec<Kind>,
) -> LaneEnd {
    let (dead, idle) = (hub.settings.dead_ms, hub.settings.idle_ms);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        *writing = track.queue.lock().take(BATCH, incarnation, hub.now(), &mut buffer);
        if buffer.is_empty() {
            match lane {
                Lane::Control | Lane::Stream => track.wake.notified().await,
                Lane::Bulk => {
                    if timeout(Duration::from_millis(idle), track.wake.notified()).await.is_err() {
                        return LaneEnd::Idle;
                    }
                }
            }
            continue;
        }
        match timeout(Duration::from_millis(dead), put(write, &buffer)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return LaneEnd::Broken(error.to_string()),
            Err(_) => return LaneEnd::Broken(format!("the other side took nothing for {dead} ms")),
        }
        track.sent_frames.fetch_add(writing.len() as u64, Relaxed);
        track.sent_bytes.fetch_add(buffer.len() as u64, Relaxed);
        writing.clear();
        // A long frame leaves no long buffer.
        buffer.shrink_to(2 * BATCH);
    }
}

async fn put(write: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    write.write_all(bytes).await?;
    write.flush().await
}
