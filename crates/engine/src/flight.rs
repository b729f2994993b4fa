//! Single flight (request coalescing): one load of a key is in progress, however many readers wait for it, so that a popular key which
//! falls sends one query to its source and not a thundering herd.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::{Draft, Millis, Seq, Version};

/// The right, and the duty, to fill one key. Dropped without landing, it wakes the waiting readers with
/// [`Landing::Abandoned`] and one of them leads.
#[derive(Debug)]
pub struct FillLease {
    key: Box<[u8]>,
    flight: Arc<Flight>,
    flights: Arc<Flights>,
}

impl FillLease {
    /// The key to load.
    pub fn key(&self) -> &[u8] {
        &self.key
    }
    /// The count when the load began.
    pub fn began(&self) -> Seq {
        self.flight.began
    }
    pub(crate) fn end(&self, ending: Ending) {
        self.flight.end(ending);
    }
}

impl Drop for FillLease {
    fn drop(&mut self) {
        self.flight.end(Ending::Abandoned);
        let mut table = self.flights.0.lock();
        if table.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            table.remove(&self.key);
        }
    }
}

/// How a load ended, as its leader tells it to those who wait.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The source's value.
    Value(Arc<[u8]>),
    /// The source has no such row.
    Absent,
    /// The source failed.
    Failed(Arc<dyn Error + Send + Sync>),
}

/// What a load brought, and what is known of it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it brought.
    pub outcome: Outcome,
    /// As of when it was read: when the load began.
    pub as_of: Millis,
    /// When it expires.
    pub expires: Option<Millis>,
    /// How long it was to live when it was stored, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// The source's order of it.
    pub version: Option<Version>,
}

impl Loaded {
    pub(crate) fn of(outcome: Outcome, draft: &Draft<'_>, now: Millis) -> Loaded {
        Loaded {
            outcome,
            as_of: Millis(now.0.saturating_sub(draft.load_ms.into())),
            expires: draft.expires,
            ttl_ms: draft.expires.map(|at| at.since(now)),
            version: draft.version,
        }
    }
}

/// What a waiting reader is told.
#[derive(Debug, Clone)]
pub enum Landing {
    /// What the load brought; it is no older than this reader's own question.
    Landed(Loaded),
    /// The load was given up, or what it read was invalidated before this reader asked: ask again.
    Abandoned,
}

/// A reader waiting for a load that somebody else leads.
#[derive(Debug)]
pub struct Waiting {
    flight: Arc<Flight>,
    /// The count when this reader joined.
    joined: Seq,
    /// Its place among the flight's wakers, once polled.
    place: Option<usize>,
}

impl Future for Waiting {
    type Output = Landing;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Landing> {
        let joined = self.joined;
        let place = self.place;
        let mut progress = self.flight.progress.lock();
        if let Some(ending) = &progress.ending {
            return Poll::Ready(ending.told_to(joined, self.flight.began));
        }
        let place = place.unwrap_or_else(|| {
            progress.wakers.push(None);
            progress.wakers.len() - 1
        });
        let waker = &mut progress.wakers[place];
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        drop(progress);
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(place) = self.place
            && let Some(waker) = self.flight.progress.lock().wakers.get_mut(place)
        {
            *waker = None;
        }
    }
}

/// How a flight ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Nothing that covers the value was invalidated since the load began (or the source failed).
    Good(Loaded),
    /// Something was.
    Refused(Loaded),
    Abandoned,
}

impl Ending {
    /// What a reader who joined at `joined` is told. A mark remembers only its last invalidation, so an older one
    /// may hide behind what refused the fill: only a reader since whose load's begin nothing at all was
    /// invalidated may be told what a refused load read.
    fn told_to(&self, joined: Seq, began: Seq) -> Landing {
        match self {
            Ending::Good(loaded) => Landing::Landed(loaded.clone()),
            Ending::Refused(loaded) if joined <= began => Landing::Landed(loaded.clone()),
            Ending::Refused(_) | Ending::Abandoned => Landing::Abandoned,
        }
    }
}

/// One load in progress.
#[derive(Debug)]
struct Flight {
    began: Seq,
    progress: Mutex<FlightProgress>,
}

#[derive(Debug, Default)]
struct FlightProgress {
    ending: Option<Ending>,
    wakers: Vec<Option<Waker>>,
}

impl Flight {
    /// Ends it, unless it has ended, and wakes everybody.
    fn end(&self, ending: Ending) {
        let mut progress = self.progress.lock();
        if progress.ending.is_some() {
            return;
        }
        progress.ending = Some(ending);
        let wakers = std::mem::take(&mut progress.wakers);
        drop(progress);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

/// The loads in progress of one shard. Its lock is taken under the shard's, or alone.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<Box<[u8]>, Arc<Flight>>>);

/// What a reader without a servable entry is to do.
#[derive(Debug)]
pub(crate) enum Boarding {
    Lead(FillLease),
    Wait(Waiting),
}

impl Flights {
    /// Joins the flight of `key` if there is one whose load `may_join` (given when it began), or leads one that
    /// begins at `now`.
    pub(crate) fn board(
        self: &Arc<Flights>,
        key: &[u8],
        now: impl Fn() -> Seq,
        may_join: impl FnOnce(Seq) -> bool,
    ) -> Boarding {
        let mut table = self.0.lock();
        if let Some(flight) = table.get(key)
            && flight.progress.lock().ending.is_none()
            && may_join(flight.began)
        {
            return Boarding::Wait(Waiting { flight: flight.clone(), joined: now(), place: None });
        }
        let flight = Arc::new(Flight { began: now(), progress: Mutex::default() });
        table.insert(key.into(), flight.clone());
        Boarding::Lead(FillLease { key: key.into(), flight, flights: self.clone() })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Says so if a flight that has ended is still listed.
    pub(crate) fn check(&self) -> Result<(), String> {
        let table = self.0.lock();
        match table.iter().find(|(_, flight)| flight.progress.lock().ending.is_some()) {
            Some((key, _)) => {
                Err(format!("the flight of {:?} has ended and is still listed", key.escape_ascii()))
            }
            None => Ok(()),
        }
    }
}
