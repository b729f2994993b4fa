//! One peer: where it is, which process of it is known, and the two directions of its three lanes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use clearwell_words::{Addresses, Millis, NodeId};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use crate::check::Process;
use crate::figures::{LaneFigures, PeerFigures};
use crate::hello::Hello;
use crate::lane::Lane;
use crate::queue::SendQueue;
use crate::receiver::RefusedLink;
use crate::refusal::HelloRefusal;
use crate::settings::Settings;

/// How many addresses of a peer are kept: what was learned last first.
const ADDRESSES_MOST: usize = 4;

/// What is known of a peer. LaneTasks of all lanes share it; each lock is held for some instructions, and none while anything is
/// awaited.
#[derive(Debug)]
pub struct Contact {
    pub node: NodeId,
    process: watch::Sender<Option<Process>>,
    place: Mutex<Whereabouts>,
    /// When something of it arrived, one more; 0 for never.
    heard: AtomicU64,
    tracks: [Track; 3],
}

#[derive(Debug, Default)]
struct Whereabouts {
    addresses: Vec<String>,
    announced: Addresses,
    refused: Option<RefusedLink>,
    unreached: Option<String>,
}

/// One lane of a link.
#[derive(Debug)]
pub struct Track {
    /// What waits to be sent.
    pub queue: Mutex<SendQueue>,
    /// Something waits to be sent.
    pub wake: Notify,
    /// The peer is worth dialing now: it was heard, or is somewhere else.
    pub redial: Notify,
    tasks: Mutex<LaneTasks>,
    pub is_open: AtomicBool,
    pub opened: AtomicU64,
    pub sent_frames: AtomicU64,
    pub sent_bytes: AtomicU64,
    pub received_frames: AtomicU64,
    pub received_bytes: AtomicU64,
    pub unreadable: AtomicU64,
}

#[derive(Debug, Default)]
struct LaneTasks {
    dialer: Option<AbortHandle>,
    /// Who reads what the peer sends, and the incarnation that sends it.
    reader: Option<(u32, AbortHandle)>,
}

impl Contact {
    /// One of which nothing is known but who it is.
    pub fn new(node: NodeId, settings: &Settings) -> Contact {
        Contact {
            node,
            process: watch::Sender::new(None),
            place: Mutex::default(),
            heard: AtomicU64::new(0),
            tracks: Lane::ALL.map(|lane| Track::new(settings.queue_bytes(lane), settings.keep_ms)),
        }
    }

    pub fn track(&self, lane: Lane) -> &Track {
        &self.tracks[lane.index()]
    }

    /// Takes the process of a hello for the latest, unless a later one is known. What an earlier one sends is heard no more.
    ///
    /// # Errors
    /// The process is not the latest.
    pub fn admit(&self, hello: &Hello) -> Result<(), HelloRefusal> {
        let process = Process::of(hello);
        let mut admitted = Ok(());
        let is_new = self.process.send_if_modified(|known| {
            admitted = process.succeed(*known, self.node);
            admitted.is_ok() && known.replace(process) != Some(process)
        });
        if is_new {
            self.tracks.iter().for_each(|track| track.end_readers_before(process.incarnation));
        }
        admitted
    }

    /// The latest process, and word of a later one.
    pub fn process(&self) -> watch::Receiver<Option<Process>> {
        self.process.subscribe()
    }

    /// Learns where it is: what was not known comes first. Returns whether anything was not.
    pub fn learn(&self, addresses: &[String]) -> bool {
        let mut place = self.place.lock();
        let before = place.addresses.len();
        for address in addresses.iter().rev().filter(|address| !address.is_empty()) {
            if !place.addresses.contains(address) {
                place.addresses.insert(0, address.clone());
            }
        }
        let is_news = place.addresses.len() > before;
        place.addresses.truncate(ADDRESSES_MOST);
        is_news
    }

    /// It was reached at an address, which is tried first from now on.
    pub fn reached(&self, address: &str) {
        let mut place = self.place.lock();
        if let Some(at) = place.addresses.iter().position(|known| known == address) {
            place.addresses[..=at].rotate_right(1);
        }
    }

    /// What it says of itself.
    pub fn announces(&self, announced: &Addresses) {
        self.place.lock().announced = announced.clone();
    }

    /// Where it is, the likeliest first.
    pub fn addresses(&self) -> Vec<String> {
        self.place.lock().addresses.clone()
    }

    /// A connection with it was refused. Returns whether it was not so the last time.
    pub fn refused(&self, refused: &RefusedLink) -> bool {
        let last = self.place.lock().refused.replace(refused.clone());
        last.is_none_or(|last| !last.is_like(refused))
    }

    /// A connection to it is open.
    pub fn accepted(&self) {
        let mut place = self.place.lock();
        (place.refused, place.unreached) = (None, None);
    }

    /// Nobody was reached where it should be.
    pub fn unreached(&self, why: String) {
        self.place.lock().unreached = Some(why);
    }

    /// Something of it arrived.
    pub fn hear(&self, now: Millis) {
        self.heard.store(now.0 + 1, Relaxed);
    }

    /// It is there: whoever waits now before dialing it anew waits no longer.
    pub fn redial(&self) {
        self.tracks.iter().for_each(|track| track.redial.notify_waiters());
    }

    /// Ends all tasks.
    pub fn end(&self) {
        self.tracks.iter().for_each(Track::end);
    }

    /// How it stands.
    pub fn figures(&self, now: Millis) -> PeerFigures {
        let place = self.place.lock();
        let heard = self.heard.load(Relaxed);
        PeerFigures {
            node: self.node,
            incarnation: self.process.borrow().map(|process| process.incarnation),
            addresses: place.addresses.clone(),
            announced: place.announced.clone(),
            heard_ms_ago: heard.checked_sub(1).map(|at| now.since(Millis(at))),
            refused: place.refused.clone(),
            unreached: place.unreached.clone(),
            lanes: [0, 1, 2].map(|lane: usize| self.tracks[lane].figures()),
        }
    }
}

impl Track {
    fn new(queue_bytes: usize, keep_ms: u64) -> Track {
        Track {
            queue: Mutex::new(SendQueue::new(queue_bytes, keep_ms)),
            wake: Notify::new(),
            redial: Notify::new(),
            tasks: Mutex::default(),
            is_open: AtomicBool::new(false),
            opened: AtomicU64::new(0),
            sent_frames: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            received_frames: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
        }
    }

    /// Who dials.
    pub fn dials(&self, dialer: AbortHandle) {
        self.tasks.lock().dialer = Some(dialer);
    }

    /// Begins to read what the peer sends on a newer connection, which takes the place of the one before it: that one is over first, so that
    /// nothing of it comes behind what is newer. One of an earlier process that comes late is not read.
    pub fn read_with(&self, incarnation: u32, begin: impl FnOnce() -> AbortHandle) {
        let mut tasks = self.tasks.lock();
        if let Some((of, before)) = &tasks.reader {
            if *of > incarnation {
                return;
            }
            before.abort();
        }
        tasks.reader = Some((incarnation, begin()));
    }

    fn end_readers_before(&self, incarnation: u32) {
        let mut tasks = self.tasks.lock();
        if let Some((_, reader)) = tasks.reader.take_if(|(of, _)| *of < incarnation) {
            reader.abort();
        }
    }

    /// Until something waits to be sent.
    pub async fn has_work(&self) {
        while self.queue.lock().is_empty() {
            self.wake.notified().await;
        }
    }

    fn end(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock());
        let reader = tasks.reader.map(|(_, reader)| reader);
        [tasks.dialer, reader].into_iter().flatten().for_each(|task| task.abort());
    }

    fn figures(&self) -> LaneFigures {
        let queue = self.queue.lock();
        let reader = &self.tasks.lock().reader;
        LaneFigures {
            is_open: self.is_open.load(Relaxed),
            is_accepted: reader.as_ref().is_some_and(|(_, reader)| !reader.is_finished()),
            queued_frames: queue.frames() as u64,
            queued_bytes: queue.bytes() as u64,
            sent_frames: self.sent_frames.load(Relaxed),
            sent_bytes: self.sent_bytes.load(Relaxed),
            received_frames: self.received_frames.load(Relaxed),
            received_bytes: self.received_bytes.load(Relaxed),
            unreadable: self.unreadable.load(Relaxed),
            reopened: self.opened.load(Relaxed).saturating_sub(1),
            dropped: queue.dropped().clone(),
        }
    }
}
