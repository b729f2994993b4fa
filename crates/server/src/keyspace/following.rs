//! Whether the feeds tell of every change to what a keyspace loads, and whether it writes what it loads.

use std::sync::Arc;

use clearwell_source::Shape;

use super::FeedRules;
use super::feed::Shapes;
use crate::config::KeyspaceConfig;
use crate::syntax::{EventTemplate, Pattern, Template};

/// The names by which a feed can reach a keyspace's entries, without what fills their slots.
#[derive(Debug, Default)]
pub struct Reach {
    key: Vec<u8>,
    tags: Vec<Vec<u8>>,
    dependencies: Vec<Vec<u8>>,
    events: Vec<EventTemplate>,
}

impl Reach {
    /// What the configuration says of a keyspace.
    pub fn of(config: &KeyspaceConfig) -> Reach {
        let shapes = |texts: &[String]| -> Vec<Vec<u8>> {
            texts.iter().filter_map(|text| Some(Template::parse(text).ok()?.shape())).collect()
        };
        Reach {
            key: Pattern::parse(&config.pattern).map(|pattern| pattern.shape()).unwrap_or_default(),
            tags: shapes(&config.tags),
            dependencies: shapes(&config.depends_on),
            events: config.events.iter().filter_map(|text| EventTemplate::parse(text).ok()).collect(),
        }
    }

    /// Whether changes of a table reach its entries: by their key, by a tag of theirs, by a name that they depend on, or by an
    /// event.
    fn is_reached(&self, feed: &Shapes) -> bool {
        feed.keys.iter().any(|name| *name == self.key || self.dependencies.contains(name))
            || feed.tags.iter().any(|name| self.tags.contains(name) || self.dependencies.contains(name))
            || feed.events.iter().any(|told| self.events.iter().any(|own| own.is_met_by(told)))
    }
}

/// How a source names a function among what a statement reads.
const FUNCTION: &str = "the function ";

/// The tables that a statement of a keyspace writes, with the statement's name.
pub type Change = (&'static str, Vec<Arc<str>>);

/// What no feed tells of, among what a load reads, and which statements write what it does not read, in words; `None`: nothing,
/// it is followed.
pub fn unfollowed(
    reach: &Reach,
    changes: &[Change],
    feeds: &FeedRules,
    source: &str,
    shape: Option<&Shape>,
) -> Option<String> {
    let Some(shape) = shape else { return Some("its source does not tell what load reads".into()) };
    let mut reasons: Vec<String> = shape
        .reads
        .iter()
        .filter_map(|table| match feeds.shapes(source, table) {
            _ if table.starts_with(FUNCTION) => Some(format!("{table} may read anything")),
            None => Some(format!("no feed names {table}, which load reads")),
            Some(feed) if reach.is_reached(&feed) => None,
            Some(_) => Some(format!("the feed of {table} has no key, tag or event of this keyspace")),
        })
        .collect();
    // A function may read any table.
    if !shape.reads.iter().any(|table| table.starts_with(FUNCTION)) {
        reasons.extend(changes.iter().filter_map(|change| astray(change, &shape.reads)));
    }
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// That a statement writes none of the tables that `load` reads, which then never returns what was written.
fn astray((what, written): &Change, reads: &[Arc<str>]) -> Option<String> {
    let is_read = |table: &Arc<str>| reads.iter().any(|read| read.eq_ignore_ascii_case(table));
    let first = written.first()?;
    (!written.iter().any(is_read)).then(|| format!("{what} writes {first}, which load does not read"))
}
