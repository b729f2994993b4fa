//! What happened lately: the invalidations applied, and sources that became unverified, for the page, SSE and «why is this key gone».

use std::collections::VecDeque;
use std::sync::Arc;

use clearwell_engine::{Glob, Invalidation, Millis, Scope};
use parking_lot::Mutex;
use tokio::sync::broadcast;

use super::Notices;
use super::kept_news::KeptItem;
use super::refusals::Why;
use crate::held::HeldInvalidation;

/// A place in this node's stream of what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct NewsPosition(pub u64);

/// Something that happened.
#[derive(Debug, Clone)]
pub struct NewsItem {
    /// Its place in the stream.
    pub position: NewsPosition,
    /// When.
    pub at: Millis,
    /// What.
    pub happened: Happened,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Happened {
    /// An invalidation was applied.
    Invalidated {
        /// What it covered.
        invalidation: Invalidation,
        /// How many entries it reached.
        reached: u64,
        /// Of them, where keys were named or matched: those that only depend on such a key.
        dependents: u64,
    },
    /// An invalidation is held for a time or an event.
    Held(Box<HeldInvalidation>),
    /// One that was held takes effect: it stands next.
    Released(Box<HeldInvalidation>),
    /// One that was held was taken back.
    Cancelled(Box<HeldInvalidation>),
    /// A source's feed is no longer complete.
    Unverified {
        /// The source.
        source: Arc<str>,
        /// The reason.
        why: Arc<str>,
    },
    /// Commits of a source may have been missed; the invalidation of everything stands before this.
    Gap {
        /// The source.
        source: Arc<str>,
        /// The reason.
        why: Arc<str>,
    },
    /// Something of a source changed that no row event tells; the invalidations of what it can have touched stand before this.
    Altered {
        /// The source.
        source: Arc<str>,
        /// What changed.
        why: Arc<str>,
    },
    /// A client's fill was dropped, because it may have been old.
    Refused {
        /// The key, shortened.
        key: Arc<[u8]>,
        /// The reason.
        why: Why,
        /// The connection.
        client: Arc<str>,
    },
    /// A source's feed is complete again.
    Verified {
        /// The source.
        source: Arc<str>,
        /// How long it was not, in milliseconds.
        after_ms: u64,
    },
}

impl NewsItem {
    /// The invalidation, if it is one, and how many entries it reached.
    pub fn invalidation(&self) -> Option<(&Invalidation, u64)> {
        match &self.happened {
            Happened::Invalidated { invalidation, reached, .. } => Some((invalidation, *reached)),
            Happened::Held(_)
            | Happened::Released(_)
            | Happened::Cancelled(_)
            | Happened::Unverified { .. }
            | Happened::Gap { .. }
            | Happened::Altered { .. }
            | Happened::Verified { .. }
            | Happened::Refused { .. } => None,
        }
    }

    /// What became of an invalidation that is or was held, if it is that.
    pub fn waiting(&self) -> Option<(&'static str, &HeldInvalidation)> {
        match &self.happened {
            Happened::Held(item) => Some(("held", item)),
            Happened::Released(item) => Some(("released", item)),
            Happened::Cancelled(item) => Some(("cancelled", item)),
            _ => None,
        }
    }
}

/// Keys that an invalidation may cover.
pub enum CoveredKeys<'a> {
    /// This one.
    Key(&'a [u8]),
    /// Those that match. Which entries carry a tag, or depend on a name or an event, is not known of keys that are not in memory:
    /// so these may cover any.
    Matching(Glob),
}

impl NewsItem {
    /// The keys that it may cover; `None` when it is no invalidation.
    pub fn covered(&self) -> Option<CoveredKeys<'_>> {
        let Happened::Invalidated { invalidation, dependents, .. } = &self.happened else { return None };
        let any = CoveredKeys::Matching(Glob::beginning(b""));
        Some(match &*invalidation.scope {
            _ if *dependents > 0 => any,
            Scope::Key(key) => CoveredKeys::Key(key),
            Scope::Pattern(glob) => CoveredKeys::Matching(glob.clone()),
            Scope::Prefix(prefix) => CoveredKeys::Matching(Glob::beginning(prefix)),
            Scope::Tag(_) | Scope::Dependents(_) | Scope::Event(_) | Scope::Everything => any,
        })
    }
}

/// A bounded ring of the latest items, and a channel for whoever listens. A listener that falls behind is told
/// how much it missed and must reset.
pub struct NewsStream {
    ring: Mutex<NewsRing>,
    sender: broadcast::Sender<Arc<NewsItem>>,
    notices: Arc<Notices>,
}

struct NewsRing {
    last: NewsPosition,
    items: VecDeque<KeptItem>,
}

const KEPT: usize = 1024;

impl NewsStream {
    /// Nothing yet. Subscribers of `notices` are told of each item in its place.
    pub fn new(notices: Arc<Notices>) -> NewsStream {
        let ring = NewsRing { last: NewsPosition(0), items: VecDeque::with_capacity(KEPT) };
        NewsStream { ring: Mutex::new(ring), sender: broadcast::channel(KEPT).0, notices }
    }

    /// Tells what happened, and gives it its position: whoever listens sees positions without a gap, each only after its
    /// effect.
    pub fn tell(&self, at: Millis, happened: Happened) -> NewsPosition {
        let mut ring = self.ring.lock();
        ring.last = NewsPosition(ring.last.0.saturating_add(1));
        let item = NewsItem { position: ring.last, at, happened };
        self.notices.happened(&item);
        if self.sender.receiver_count() > 0 {
            let _nobody_listens = self.sender.send(Arc::new(item.clone()));
        }
        if ring.items.len() == KEPT {
            ring.items.pop_front();
        }
        ring.items.push_back(KeptItem::of(item));
        ring.last
    }

    /// The position of the latest item.
    pub fn last(&self) -> NewsPosition {
        self.ring.lock().last
    }

    /// The latest `most` items, newest last.
    pub fn latest(&self, most: usize) -> Vec<NewsItem> {
        let ring = self.ring.lock();
        ring.items.iter().skip(ring.items.len().saturating_sub(most)).map(KeptItem::item).collect()
    }

    /// The items after `position` (`None`: some are forgotten, the listener must reset), and a listener for what
    /// follows them without a gap.
    pub fn listen(
        &self,
        after: Option<NewsPosition>,
    ) -> (Option<Vec<Arc<NewsItem>>>, broadcast::Receiver<Arc<NewsItem>>) {
        let ring = self.ring.lock();
        let receiver = self.sender.subscribe();
        let Some(after) = after else { return (Some(Vec::new()), receiver) };
        let first = ring.items.front().map_or(ring.last.0.saturating_add(1), |item| item.position.0);
        let known = first <= after.0.saturating_add(1) && after <= ring.last;
        let later = || ring.items.iter().filter(|item| item.position > after);
        (known.then(|| later().map(|item| Arc::new(item.item())).collect()), receiver)
    }
}
