//! How a feed's names and a keyspace's meet: templates of one shape.

use std::sync::Arc;

use crate::syntax::{EventTemplate, Pattern, Template};

/// A name of the feed that is one of an entry's, when their slots are filled alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameLink {
    /// The table's column and the entry's slot, for each slot.
    pub slots: Vec<(Arc<str>, Arc<str>)>,
    /// The entry's template; `None`: its key, or an event.
    pub name: Option<Template>,
}

/// All between one table and one keyspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// The links.
    pub all: Vec<NameLink>,
    /// What the feed calls the table's rows, with whether it is a tag; linked ones first.
    pub own: Vec<(Template, bool)>,
}

/// The names of a keyspace's entries.
pub struct Named<'n> {
    /// Their keys.
    pub pattern: &'n Pattern,
    /// Their tags.
    pub tags: &'n [Template],
    /// What they depend on.
    pub depends_on: &'n [Template],
    /// The events that they depend on.
    pub events: &'n [EventTemplate],
}

impl Links {
    /// Finds them; keys, tags and events are those of the feed.
    pub fn find(keys: &[Template], tags: &[Template], events: &[EventTemplate], entry: &Named<'_>) -> Links {
        let mut links = Links::default();
        for (feed, is_tag) in keys.iter().map(|key| (key, false)).chain(tags.iter().map(|tag| (tag, true))) {
            let before = links.all.len();
            if !is_tag && feed.shape() == entry.pattern.shape() {
                let slots = feed.slots().cloned().zip(entry.pattern.names().cloned()).collect();
                links.all.push(NameLink { slots, name: None });
            }
            let own = if is_tag { entry.tags } else { &[] };
            for name in own.iter().chain(entry.depends_on) {
                links.all.extend(slots(feed, name).map(|slots| NameLink { slots, name: Some(name.clone()) }));
            }
            let place = if links.all.len() > before { 0 } else { links.own.len() };
            links.own.insert(place, (feed.clone(), is_tag));
        }
        for (feed, own) in events.iter().flat_map(|feed| entry.events.iter().map(move |own| (feed, own))) {
            links.all.extend(event_slots(feed, own).map(|slots| NameLink { slots, name: None }));
        }
        links
    }
}

/// The slots of two templates of one shape.
fn slots(feed: &Template, entry: &Template) -> Option<Vec<(Arc<str>, Arc<str>)>> {
    (feed.shape() == entry.shape()).then(|| feed.slots().cloned().zip(entry.slots().cloned()).collect())
}

/// An event reaches an entry when each attribute that the entry asks for is alike.
fn event_slots(feed: &EventTemplate, entry: &EventTemplate) -> Option<Vec<(Arc<str>, Arc<str>)>> {
    if feed.name() != entry.name() {
        return None;
    }
    let alike = entry.templates().map(|(name, own)| {
        let (_, told) = feed.templates().find(|(known, _)| *known == name)?;
        slots(told, own)
    });
    Some(alike.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
}
