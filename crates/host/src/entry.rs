//! An entry as it travels, and as the engine keeps it.

use std::num::NonZeroU64;

use clearwell_cluster::{Bytes, Entry, Expiry, Meta};
use clearwell_engine::{Draft, EventPattern, View};

/// Shows an entry as the engine takes it.
pub(crate) fn with_draft<R>(entry: &Entry, take: impl FnOnce(&Draft<'_>) -> R) -> R {
    let tags: Vec<&[u8]> = entry.tags.iter().map(|tag| &**tag).collect();
    let dependencies: Vec<&[u8]> = entry.dependencies.iter().map(|name| &**name).collect();
    take(&Draft {
        value: entry.value.as_deref(),
        tags: &tags,
        dependencies: &dependencies,
        events: &entry.events,
        version: Some(entry.version),
        expires: entry.expiry.map(|expiry| expiry.at),
        ttl_ms: entry.expiry.map(|expiry| expiry.ttl_ms.get()),
        grace_ms: entry.meta.grace_ms,
        priority: entry.meta.priority,
        content_type: entry.meta.content_type.as_deref(),
        load_ms: entry.meta.load_ms,
        packed: None,
    })
}

/// The entry that is looked at. Its names come back in the engine's order, each once.
pub(crate) fn of_view(view: &View<'_>) -> Entry {
    // The engine made each text of a pattern.
    let events = view.events().filter_map(|text| EventPattern::parse(text).ok()).collect();
    Entry {
        key: view.key().into(),
        value: view.value().map(Bytes::from),
        version: view.version().unwrap_or_default(),
        tags: view.tags().map(Bytes::from).collect(),
        dependencies: view.dependencies().map(Bytes::from).collect(),
        events,
        expiry: view.expires().map(|at| Expiry { at, ttl_ms: ttl_ms(view) }),
        meta: Meta {
            grace_ms: view.grace_ms(),
            priority: view.priority(),
            content_type: view.content_type().map(Into::into),
            load_ms: view.load_ms(),
        },
    }
}

/// How long it was to live. An expiry that came with the value itself has no other time to live than one.
fn ttl_ms(view: &View<'_>) -> NonZeroU64 {
    view.ttl_ms().and_then(NonZeroU64::new).unwrap_or(NonZeroU64::MIN)
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
