//! What happened, as the stream keeps it for whoever comes later.

use clearwell_engine::{Cause, Effect, Invalidation, Millis, Version};
use clearwell_words::KeptScope;

use super::news::{Happened, NewsItem, NewsPosition};

/// An item of the stream, most often an invalidation of one key: that lies in its place.
pub(super) struct KeptItem {
    pub position: NewsPosition,
    at: Millis,
    happened: KeptHappening,
}

enum KeptHappening {
    Invalidated {
        scope: KeptScope,
        effect: Effect,
        cascade: bool,
        version: Option<Version>,
        cause: Cause,
        reached: u64,
        dependents: u64,
    },
    Other(Happened),
}

impl KeptItem {
    /// Keeps an item.
    pub fn of(item: NewsItem) -> KeptItem {
        let NewsItem { position, at, happened } = item;
        let happened = match happened {
            Happened::Invalidated { invalidation, reached, dependents } => {
                let Invalidation { scope, effect, cascade, version, cause } = invalidation;
                let scope = KeptScope::of(&scope);
                KeptHappening::Invalidated { scope, effect, cascade, version, cause, reached, dependents }
            }
            other => KeptHappening::Other(other),
        };
        KeptItem { position, at, happened }
    }

    /// What was kept.
    pub fn item(&self) -> NewsItem {
        let happened = match &self.happened {
            &KeptHappening::Invalidated {
                ref scope,
                effect,
                cascade,
                version,
                cause,
                reached,
                dependents,
            } => {
                let invalidation = Invalidation { scope: scope.scope(), effect, cascade, version, cause };
                Happened::Invalidated { invalidation, reached, dependents }
            }
            KeptHappening::Other(happened) => happened.clone(),
        };
        NewsItem { position: self.position, at: self.at, happened }
    }
}
