//! An entry as it travels, and as the engine keeps it.

use clearwell_cluster::{Bytes, Entry};
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
        ..Draft::default()
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
    }
}
