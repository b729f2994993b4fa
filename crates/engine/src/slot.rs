//! One entry as it is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::codec::Codec;
use crate::history::Made;
use crate::memory::allocated;
use crate::names::{Held, Mark, NameKind};
use crate::{Draft, Millis, Seq, Version};

/// The expiry of an entry that has none.
pub(crate) const NEVER: u64 = u64::MAX;
/// The slot number that is none.
pub(crate) const NONE: u32 = u32::MAX;

const FREQUENCY: u32 = 0b11;
const ACCESS: u32 = 1 << 2;

/// An entry, or a free place for one (with an empty blob).
#[derive(Debug)]
pub(crate) struct EntryPlace {
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
    /// A queue's link, or the entry's number in a ranking; it also chains free places.
    pub next: u32,
    /// A queue's other link; in a ranking the lower half of the count at which the entry was last used.
    previous: AtomicU32,
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
    /// In one of the adaptive policy's queues.
    Small,
    Main,
    /// In a ranking.
    Ranked,
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
    /// How long the entry was to live when that was said, where its other times do not tell; else 0.
    pub ttl_ms: u64,
    /// How the value is compressed, and its plain length.
    pub packed: Option<(Codec, usize)>,
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
            && draft.priority == 0
            && draft.ttl_ms.is_none()
            && draft.packed.is_none();
        (!plain).then(|| {
            Box::new(Extra {
                content_type: draft.content_type.map(Box::from),
                version: draft.version,
                grace_ms: draft.grace_ms,
                load_ms: draft.load_ms,
                priority: draft.priority,
                ttl_ms: draft.expires.and(draft.ttl_ms).unwrap_or(0),
                packed: draft.packed.map(|packed| (packed.codec, draft.value.map_or(0, <[u8]>::len))),
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
    allocated(blob).saturating_add(names as u64).saturating_add(size_of::<EntryPlace>() as u64)
}

/// Key and value in one allocation.
pub(crate) fn blob(key: &[u8], value: Option<&[u8]>) -> Box<[u8]> {
    let value = value.unwrap_or_default();
    let mut blob = Vec::with_capacity(key.len() + value.len());
    blob.extend_from_slice(key);
    blob.extend_from_slice(value);
    blob.into_boxed_slice()
}

impl EntryPlace {
    pub(crate) fn free(next: u32) -> EntryPlace {
        EntryPlace {
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
            next,
            previous: AtomicU32::new(NONE),
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

    /// How its value is compressed, and its plain length; `None`: it is kept as it is.
    #[inline]
    pub(crate) fn packed(&self) -> Option<(Codec, usize)> {
        self.extra.as_ref().and_then(|extra| extra.packed)
    }

    /// The value as it is kept.
    pub(crate) fn kept(&self) -> Option<&[u8]> {
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
    pub(crate) fn names(&self, kind: NameKind) -> impl Iterator<Item = &[u8]> {
        self.held().iter().filter(move |mark| mark.kind() == kind).map(|mark| mark.name())
    }

    pub(crate) fn version(&self) -> Option<Version> {
        self.extra.as_ref().and_then(|extra| extra.version)
    }

    pub(crate) fn priority(&self) -> u8 {
        self.extra.as_ref().map_or(0, |extra| extra.priority)
    }

    pub(crate) fn grace_ms(&self) -> u64 {
        self.extra.as_ref().map_or(0, |extra| extra.grace_ms)
    }

    pub(crate) fn expired(&self, now: Millis) -> bool {
        self.expires != NEVER && now.0 >= self.expires
    }

    /// How long it was to live when that was said last.
    pub(crate) fn ttl_ms(&self) -> Option<u64> {
        let noted = self.extra.as_ref().map_or(0, |extra| extra.ttl_ms);
        let since_value = || self.expires.saturating_sub(self.created.0);
        (self.expires != NEVER).then(|| if noted > 0 { noted } else { since_value() })
    }

    /// Notes how long it was to live, where that is not what lies between its value and its end.
    pub(crate) fn note_ttl(&mut self, ttl_ms: Option<u64>) {
        let told = |ttl_ms: &u64| self.created.0.saturating_add(*ttl_ms) == self.expires;
        let noted = ttl_ms.filter(|ttl_ms| !told(ttl_ms)).unwrap_or(0);
        match &mut self.extra {
            Some(extra) => extra.ttl_ms = noted,
            None if noted > 0 => self.extra = Some(Box::new(Extra { ttl_ms: noted, ..Extra::default() })),
            None => {}
        }
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

    pub(crate) fn previous(&self) -> u32 {
        self.previous.load(Relaxed)
    }

    pub(crate) fn set_previous(&mut self, place: u32) {
        *self.previous.get_mut() = place;
    }

    /// Notes a use for a ranking.
    pub(crate) fn note_use(&self, tick: u32) {
        self.previous.store(tick, Relaxed);
    }

    pub(crate) fn noted_use(&self) -> u32 {
        self.previous.load(Relaxed)
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
