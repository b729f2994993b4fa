//! One entry as it is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::history::Made;
use crate::memory::allocated;
use crate::names::{Held, Kind, Mark};
use crate::{Draft, Millis, Seq, Version};

/// The expiry of an entry that has none.
pub(crate) const NEVER: u64 = u64::MAX;
/// The slot number that is none.
pub(crate) const NONE: u32 = u32::MAX;

const FREQUENCY: u32 = 0b11;
const ACCESS: u32 = 1 << 2;

/// An entry, or a free place for one (with an empty blob).
#[derive(Debug)]
pub(crate) struct Slot {
    pub hash: u64,
    /// Key, then value, in one allocation.
    pub blob: Box<[u8]>,
    pub extra: Option<Box<Extra>>,
    /// In milliseconds, or [`NEVER`].
    pub expires: u64,
    pub began: Seq,
    pub created: Millis,
    /// When the entry came to be; `created` is when it got its last value.
    pub first: Millis,
    pub stamp: u64,
    pub key_len: u32,
    /// Counts the entries that this place has held, so that a timer for an earlier one is known as such.
    pub generation: u32,
    /// The queue's links; `next` also chains free places.
    pub previous: u32,
    pub next: u32,
    /// When it was last read, in seconds.
    accessed: AtomicU32,
    /// Two bits of frequency for eviction, and above them the number of reads.
    reads: AtomicU32,
    /// How often its value was replaced since `first`.
    pub writes: u16,
    /// How its first value came.
    pub made: Made,
    pub state: State,
    /// Extra rounds through the main queue that its priority still grants.
    pub laps: u8,
    /// Whether a client put it: then it is the mark of its key for older fills.
    pub put: bool,
    /// Whether its key, or a pattern over it, was marked stale.
    pub stale: bool,
    /// Whether it says that the source has no such row.
    pub negative: bool,
}

/// Where an entry stands in eviction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Free,
    Small,
    Main,
}

/// What few entries have.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    /// The marks of its tags, dependencies and events.
    pub held: Held,
    pub content_type: Option<Box<str>>,
    pub version: Option<Version>,
    pub grace_ms: u64,
    pub load_ms: u32,
    pub priority: u8,
}

impl Extra {
    /// What of `draft` goes here, without its marks; `None` when nothing does.
    pub(crate) fn of(draft: &Draft<'_>) -> Option<Box<Extra>> {
        let plain = draft.tags.is_empty()
            && draft.dependencies.is_empty()
            && draft.events.is_empty()
            && draft.content_type.is_none()
            && draft.version.is_none()
            && draft.grace_ms == 0
            && draft.load_ms == 0
            && draft.priority == 0;
        (!plain).then(|| {
            Box::new(Extra {
                content_type: draft.content_type.map(Box::from),
                version: draft.version,
                grace_ms: draft.grace_ms,
                load_ms: draft.load_ms,
                priority: draft.priority,
                ..Extra::default()
            })
        })
    }

    fn bytes(&self) -> u64 {
        allocated(size_of::<Extra>())
            + allocated(size_of_val(&*self.held))
            + self.content_type.as_ref().map_or(0, |text| allocated(text.len()))
    }
}

/// Bytes that `draft` will take under `key` beside its slot, marks' names aside.
pub(crate) fn bytes_needed(key: &[u8], draft: &Draft<'_>) -> u64 {
    let blob = key.len().saturating_add(draft.value.map_or(0, <[u8]>::len));
    let names: usize =
        draft.tags.iter().chain(draft.dependencies).map(|name| name.len().saturating_add(64)).sum();
    allocated(blob).saturating_add(names as u64).saturating_add(size_of::<Slot>() as u64)
}

/// Key and value in one allocation.
pub(crate) fn blob(key: &[u8], value: Option<&[u8]>) -> Box<[u8]> {
    let value = value.unwrap_or_default();
    let mut blob = Vec::with_capacity(key.len() + value.len());
    blob.extend_from_slice(key);
    blob.extend_from_slice(value);
    blob.into_boxed_slice()
}

impl Slot {
    pub(crate) fn free(next: u32) -> Slot {
        Slot {
            hash: 0,
            blob: Box::default(),
            extra: None,
            expires: NEVER,
            began: Seq(0),
            created: Millis(0),
            first: Millis(0),
            stamp: 0,
            key_len: 0,
            generation: 0,
            previous: NONE,
            next,
            accessed: AtomicU32::new(0),
            reads: AtomicU32::new(0),
            writes: 0,
            made: Made::Put,
            state: State::Free,
            laps: 0,
            put: false,
            stale: false,
            negative: false,
        }
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.blob[..self.key_len as usize]
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        (!self.negative).then(|| &self.blob[self.key_len as usize..])
    }

    /// Bytes allocated for this entry beside its slot.
    pub(crate) fn bytes(&self) -> u64 {
        allocated(self.blob.len()) + self.extra.as_ref().map_or(0, |extra| extra.bytes())
    }

    pub(crate) fn held(&self) -> &[Arc<Mark>] {
        self.extra.as_ref().map_or(&[], |extra| &extra.held)
    }

    /// The names of one kind that it lives by.
    pub(crate) fn names(&self, kind: Kind) -> impl Iterator<Item = &[u8]> {
        self.held().iter().filter(move |mark| mark.kind() == kind).map(|mark| mark.name())
    }

    pub(crate) fn version(&self) -> Option<Version> {
        self.extra.as_ref().and_then(|extra| extra.version)
    }

    pub(crate) fn grace_ms(&self) -> u64 {
        self.extra.as_ref().map_or(0, |extra| extra.grace_ms)
    }

    pub(crate) fn expired(&self, now: Millis) -> bool {
        self.expires != NEVER && now.0 >= self.expires
    }

    /// When its memory may be given back, or [`NEVER`].
    pub(crate) fn deadline(&self) -> u64 {
        if self.expires == NEVER {
            NEVER
        } else {
            self.expires.saturating_add(self.grace_ms()).min(NEVER - 1)
        }
    }

    /// Whether it is past its expiry and its grace.
    pub(crate) fn over(&self, now: Millis) -> bool {
        self.expires != NEVER && now.0 >= self.deadline()
    }

    /// Notes a read. Relaxed loads and stores, not read-modify-write: two readers at once may count as one.
    pub(crate) fn touch(&self, now: Millis) {
        let seconds = (now.0 / 1000) as u32;
        if self.accessed.load(Relaxed) != seconds {
            self.accessed.store(seconds, Relaxed);
        }
        let reads = self.reads.load(Relaxed);
        let counted = if reads > u32::MAX - ACCESS { reads } else { reads + ACCESS };
        let warmer = if reads & FREQUENCY == FREQUENCY { counted } else { counted + 1 };
        if warmer != reads {
            self.reads.store(warmer, Relaxed);
        }
    }

    /// Forgets the reads of an earlier entry in this place.
    pub(crate) fn reset_reads(&mut self, now: Millis) {
        *self.accessed.get_mut() = (now.0 / 1000) as u32;
        *self.reads.get_mut() = 0;
    }

    /// Begins another life in this place: what its reads say of how warm the key is stays.
    pub(crate) fn begin(&mut self, now: Millis) {
        (self.first, self.writes) = (now, 0);
        *self.reads.get_mut() &= FREQUENCY;
    }

    pub(crate) fn frequency(&self) -> u32 {
        self.reads.load(Relaxed) & FREQUENCY
    }

    pub(crate) fn cool(&mut self, frequency: u32) {
        let reads = self.reads.get_mut();
        *reads = *reads & !FREQUENCY | frequency.min(FREQUENCY);
    }

    pub(crate) fn access_count(&self) -> u32 {
        self.reads.load(Relaxed) / ACCESS
    }

    pub(crate) fn accessed(&self) -> Millis {
        Millis(u64::from(self.accessed_s()) * 1000)
    }

    pub(crate) fn accessed_s(&self) -> u32 {
        self.accessed.load(Relaxed)
    }
}
