//! Feed rules: what a changed row invalidates.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use clearwell_engine::{Event, Scope};
use clearwell_source::{Commit, Row, RowChange, Watched};
use clearwell_words::Bytes;

use super::cover::{Absent, TableCover};
use super::links::{Links, Named};
use crate::config::{Config, FeedConfig};
use crate::syntax::{EventTemplate, Template};

/// The feeds of all keyspaces, by source and table.
#[derive(Debug, Default)]
pub struct FeedRules {
    by_source: BTreeMap<String, BTreeMap<TableName, Rules>>,
}

/// Tables are named without regard to case, as SQL does.
type TableName = String;

#[derive(Debug, Default)]
struct Rules {
    /// The table as the configuration spells it.
    table: Arc<str>,
    /// The classes of the keyspaces that name it.
    classes: BTreeSet<u32>,
    keys: Vec<Template>,
    tags: Vec<Template>,
    events: Vec<EventTemplate>,
    /// Tags that each change of the table raises, for entries that no name of its rows is proven to reach.
    changes: Option<Box<[u8]>>,
    /// The same of rows that come to be or get other names.
    rows: Option<Box<[u8]>>,
}

impl FeedRules {
    /// Compiles the feeds of a configuration; says which template is malformed.
    pub fn build(config: &Config) -> Result<FeedRules, String> {
        let mut rules = FeedRules::default();
        for (class, keyspace) in (1..).zip(&config.keyspaces) {
            let Some(source) = &keyspace.source else { continue };
            for feed in &keyspace.feeds {
                let tables = rules.by_source.entry(source.clone()).or_default();
                let table = tables.entry(feed.table.to_ascii_lowercase()).or_default();
                table.classes.insert(class);
                table
                    .add(feed)
                    .map_err(|wrong| format!("feed of {} on {}: {wrong}", keyspace.pattern, feed.table))?;
            }
        }
        Ok(rules)
    }

    /// What a source must tell of.
    pub fn watched(&self, source: &str) -> Vec<Watched> {
        let tables = self.by_source.get(source).into_iter().flat_map(BTreeMap::values);
        tables.map(|rules| Watched { table: rules.table.clone(), columns: rules.columns() }).collect()
    }

    /// What a commit invalidates: for each changed row the names that it had and those that it has now, each scope once. Apply
    /// them with `cascade`, so that what depends on a changed row's key is reached too.
    pub fn scopes(&self, source: &str, commit: &Commit) -> Vec<Scope> {
        let mut scopes = Scopes::default();
        let Some(tables) = self.by_source.get(source) else { return scopes.list };
        for change in &commit.changes {
            let Some(rules) = tables.get(&change.table.to_ascii_lowercase()) else { continue };
            for row in [&change.old, &change.new].into_iter().flatten() {
                rules.tell(row, &mut scopes);
            }
            rules.tell_table(change, &mut scopes);
        }
        scopes.list
    }

    /// The classes of the keyspaces whose feeds name one of these tables.
    pub fn classes<'t>(&self, source: &str, changed: impl Iterator<Item = &'t Arc<str>>) -> BTreeSet<u32> {
        let Some(tables) = self.by_source.get(source) else { return BTreeSet::new() };
        let mut last: Option<&Arc<str>> = None;
        let mut classes = BTreeSet::new();
        for table in changed {
            // A commit's rows are mostly of few tables.
            if last.replace(table).is_none_or(|last| last != table)
                && let Some(rules) = tables.get(&table.to_ascii_lowercase())
            {
                classes.extend(&rules.classes);
            }
        }
        classes
    }

    /// From now on changes of these tables are told by the tags that the covers ask for.
    pub fn tell_for<'c>(&mut self, covers: impl IntoIterator<Item = (&'c str, &'c TableCover)>) {
        for (source, cover) in covers {
            let tables = self.by_source.get_mut(source);
            let Some(rules) = tables.and_then(|tables| tables.get_mut(&cover.table.to_ascii_lowercase()))
            else {
                continue;
            };
            rules.changes = Some(cover.changes.clone());
            if cover.absent == Absent::Rows {
                rules.rows = Some(cover.rows.clone());
            }
        }
    }

    /// How changes of a table meet a keyspace's entries; `None` when no feed names it.
    pub(super) fn links(&self, source: &str, table: &str, entry: &Named<'_>) -> Option<Links> {
        let rules = self.by_source.get(source)?.get(&table.to_ascii_lowercase())?;
        Some(Links::find(&rules.keys, &rules.tags, &rules.events, entry))
    }

    /// The shapes of what changes of a table invalidate; `None` when no feed names it.
    pub(crate) fn shapes(&self, source: &str, table: &str) -> Option<Shapes> {
        let rules = self.by_source.get(source)?.get(&table.to_ascii_lowercase())?;
        Some(Shapes {
            keys: rules.keys.iter().map(Template::shape).collect(),
            tags: rules.tags.iter().map(Template::shape).collect(),
            events: rules.events.clone(),
        })
    }
}

/// See [`Template::shape`].
pub(crate) struct Shapes {
    pub keys: Vec<Vec<u8>>,
    pub tags: Vec<Vec<u8>>,
    pub events: Vec<EventTemplate>,
}

impl Rules {
    fn add(&mut self, feed: &FeedConfig) -> Result<(), String> {
        self.table = feed.table.as_str().into();
        for text in &feed.keys {
            push_new(&mut self.keys, Template::parse(text)?);
        }
        for text in &feed.tags {
            push_new(&mut self.tags, Template::parse(text)?);
        }
        for text in &feed.events {
            push_new(&mut self.events, EventTemplate::parse(text)?);
        }
        Ok(())
    }

    fn columns(&self) -> Vec<Arc<str>> {
        let names = self.keys.iter().chain(&self.tags).flat_map(Template::slots);
        let columns: BTreeSet<_> =
            names.chain(self.events.iter().flat_map(EventTemplate::slots)).cloned().collect();
        columns.into_iter().collect()
    }

    fn tell_table(&self, change: &RowChange, scopes: &mut Scopes) {
        if let Some(changes) = &self.changes {
            scopes.name(changes.clone(), Scope::Tag);
        }
        if let Some(rows) = &self.rows
            && change.new.as_ref().is_some_and(|new| self.is_called_anew(change.old.as_ref(), new))
        {
            scopes.name(rows.clone(), Scope::Tag);
        }
    }

    /// Whether a row has a name that it did not have before.
    fn is_called_anew(&self, old: Option<&Row>, new: &Row) -> bool {
        let Some(old) = old else { return true };
        let mut slots = self.keys.iter().chain(&self.tags).flat_map(Template::slots);
        slots.any(|slot| old.get(slot) != new.get(slot))
    }

    fn tell(&self, row: &Row, scopes: &mut Scopes) {
        for key in self.keys.iter().filter_map(|key| key.render(|column| row.get(column))) {
            scopes.name(key, Scope::Key);
        }
        for tag in self.tags.iter().filter_map(|tag| tag.render(|column| row.get(column))) {
            scopes.name(tag, Scope::Tag);
        }
        for event in self.events.iter().filter_map(|event| event.event(|column| row.get(column))) {
            scopes.event(event);
        }
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Scopes in the order they were first met.
#[derive(Default)]
struct Scopes {
    list: Vec<Scope>,
    seen: HashSet<(std::mem::Discriminant<Scope>, Box<[u8]>)>,
    events: HashSet<Event>,
}

impl Scopes {
    fn name(&mut self, name: Box<[u8]>, scope: fn(Bytes) -> Scope) {
        let scope = scope((*name).into());
        if self.seen.insert((std::mem::discriminant(&scope), name)) {
            self.list.push(scope);
        }
    }

    fn event(&mut self, event: Event) {
        if self.events.insert(event.clone()) {
            self.list.push(Scope::Event(event));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clearwell_source::Cell;

    fn rules() -> FeedRules {
        let text = "
            [source.main]
            url = 'sqlite://x.db'
            [[keyspace]]
            pattern = 'post:{id:int}'
            source = 'main'
            load = 'SELECT 1'
            [[keyspace.feed]]
            table = 'Posts'
            keys = ['post:{id}']
            tags = ['author:{author_id}']
            [[keyspace.feed]]
            table = 'posts'
            keys = ['post:{id}']
            events = ['posted{author={author_id}}']";
        FeedRules::build(&Config::parse(text).unwrap()).unwrap()
    }

    fn row(id: i64, author: Cell) -> Option<Row> {
        Some(Row(vec![("author_id".into(), author), ("id".into(), Cell::Integer(id))]))
    }

    fn commit(changes: Vec<(Option<Row>, Option<Row>)>) -> Commit {
        let changes =
            changes.into_iter().map(|(old, new)| RowChange { table: "posts".into(), old, new }).collect();
        Commit { version: Default::default(), own: false, changes, heard: None }
    }

    #[test]
    fn a_moved_row_reaches_both_authors() {
        let commit = commit(vec![(row(1, Cell::Integer(1)), row(1, Cell::Integer(2)))]);
        let event = |author: &str| {
            Scope::Event(Event::new("posted", vec![("author".into(), author.into())]).expect("a word"))
        };
        let expected = [
            Scope::Key(b"post:1".as_slice().into()),
            Scope::Tag(b"author:1".as_slice().into()),
            event("1"),
            Scope::Tag(b"author:2".as_slice().into()),
            event("2"),
        ];
        assert_eq!(rules().scopes("main", &commit), expected);
        assert_eq!(rules().scopes("other", &commit), []);
    }

    #[test]
    fn a_null_column_gives_no_name() {
        let commit = commit(vec![(None, row(3, Cell::Null)), (row(3, Cell::Null), None)]);
        assert_eq!(rules().scopes("main", &commit), [Scope::Key(b"post:3".as_slice().into())]);
    }

    #[test]
    fn the_columns_that_templates_use_are_watched() {
        let watched = rules().watched("main");
        assert_eq!(watched.len(), 1);
        let columns: Vec<&str> = watched[0].columns.iter().map(|column| &**column).collect();
        assert_eq!(columns, ["author_id", "id"]);
        assert_eq!(rules().watched("other"), []);
    }
}
