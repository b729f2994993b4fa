//! Spellings of one row: whether what the feed calls a row is what the keys of a keyspace call it (decision 0024).
//!
//! A load compares as the column does: `citext`, padding, `1.5` and `1.50`, SQLite's affinities. The feed compares bytes. For each
//! table that a load reads and a feed of its source names, this decides from the statement and the catalog what has to reach an entry.

use std::sync::Arc;

use clearwell_source::{ColumnKind, Shape, Source, SourceError, Statement, Table};

use super::cover::{Absent, OwnName, Present, TableCover};
use super::joined::{Joined, Ref};
use super::links::{Links, NameLink};
use crate::syntax::Pattern;

/// What was found of a keyspace.
#[derive(Debug, Clone, Default)]
pub struct Spelling {
    /// What its declared names are not proven to do, by table.
    pub covers: Vec<TableCover>,
    /// Its load with the columns that covers need; `None`: as it is.
    pub load: Option<Statement>,
    /// Whether two of its keys may be one row.
    pub is_ambiguous: bool,
}

/// What is needed to decide.
pub struct Question<'q> {
    /// The keyspace's keys.
    pub pattern: &'q Pattern,
    /// Its load.
    pub load: &'q Statement,
    /// What the source made of it.
    pub shape: &'q Shape,
    /// The source.
    pub source: &'q dyn Source,
    /// Its name.
    pub source_name: &'q str,
    /// For each table that the load reads and a feed names: the table, and how feed and entries are linked.
    pub tables: Vec<(Arc<str>, Links)>,
}

impl Question<'_> {
    /// Decides.
    ///
    /// # Errors
    /// The source cannot be asked.
    pub fn answer(&self) -> Result<Spelling, SourceError> {
        let mut spelling = Spelling::default();
        let Some(joined) = Joined::read(self.source, &self.load.0, self.shape)? else { return Ok(spelling) };
        spelling.is_ambiguous = self.pattern.typed().any(|(name, kind)| !joined.tells_apart(name, kind));
        let mut added: Vec<String> = Vec::new();
        for (table, links) in &self.tables {
            let known = self.source.table(table)?.unwrap_or_default();
            let places = joined.places(&known.id);
            let proof = TableProof { question: self, joined: &joined, places, name: table, table: &known };
            if links.all.iter().any(|link| proof.is_told(link)) {
                continue;
            }
            spelling.covers.push(proof.cover(links, &mut added));
        }
        if !added.is_empty() {
            spelling.load = self.extended(&joined, &added);
        }
        if spelling.load.is_none() {
            for cover in &mut spelling.covers {
                if matches!(cover.present, Present::Own(_)) {
                    cover.present = Present::Changes;
                }
            }
        }
        Ok(spelling)
    }

    /// The load with more columns, if it still means the same.
    fn extended(&self, joined: &Joined, added: &[String]) -> Option<Statement> {
        let sql = joined.select.as_ref()?.with(&self.load.0, &added.join(", "))?;
        let statement = Statement(sql.into());
        // What groups or counts rows takes no further columns.
        let shape = self.source.describe(&statement).ok().flatten()?;
        let (own, more) = shape.columns.split_at_checked(self.shape.columns.len())?;
        (own == self.shape.columns && more.len() == added.len() && !shape.writes).then_some(statement)
    }
}

/// What can be proven of one table.
struct TableProof<'p> {
    question: &'p Question<'p>,
    joined: &'p Joined,
    /// Where the statement names the table.
    places: Vec<usize>,
    name: &'p Arc<str>,
    table: &'p Table,
}

impl TableProof<'_> {
    /// Whether a link reaches each entry that a change of the table can make old, whether its row was there or not: its name is
    /// filled from the key, and the key equals only what is written alike.
    fn is_told(&self, link: &NameLink) -> bool {
        link.slots.iter().all(|(column, slot)| self.is_captured(column, slot))
    }

    fn is_captured(&self, column: &str, slot: &str) -> bool {
        let Some((_, kind)) = self.question.pattern.typed().find(|(name, _)| ***name == *slot) else {
            return false;
        };
        let Some(column) = self.table.column(column) else { return false };
        // One written form in the key as in the column: there is nothing to spell otherwise.
        if kind == column.kind && kind != ColumnKind::Other {
            return true;
        }
        let exact = match kind {
            ColumnKind::Integer => column.exact.integers,
            ColumnKind::Uuid => column.exact.uuids,
            ColumnKind::Other => column.exact.texts,
        };
        let at = |place: &usize| Ref { place: *place, name: column.name.clone() };
        exact
            && !self.places.is_empty()
            && self.places.iter().all(|place| self.joined.is_bound(&at(place), slot))
    }

    /// Whether a link reaches an entry whose row was there.
    fn is_filled(&self, link: &NameLink) -> bool {
        link.slots
            .iter()
            .all(|(column, slot)| self.is_captured(column, slot) || self.is_referred(column, slot))
    }

    /// Whether a column of the load is another table's, and equals only what is written alike here.
    fn is_referred(&self, column: &str, slot: &str) -> bool {
        let Some(column) = self.table.column(column) else { return false };
        let origin = self.joined.origin(slot);
        if origin.as_ref().is_some_and(|origin| self.places.contains(&origin.place)) {
            return false;
        }
        let shape = self.question.shape;
        let place = shape.columns.iter().position(|known| **known == *slot);
        let kind = place.and_then(|place| shape.kinds.get(place)).copied().unwrap_or_default();
        if kind != ColumnKind::Other && kind == column.kind {
            return true;
        }
        let [place] = self.places[..] else { return false };
        let own = Ref { place, name: column.name.clone() };
        column.exact.texts && origin.is_some_and(|origin| self.joined.is_same(&own, &origin))
    }

    fn cover(&self, links: &Links, added: &mut Vec<String>) -> TableCover {
        let (changes, rows) = TableCover::tags(self.question.source_name, self.name);
        let declared =
            links.all.iter().filter(|link| self.is_filled(link)).find_map(|link| link.name.clone());
        let present = match declared {
            Some(name) => Present::Declared(name),
            None => self.own(links, added).map_or(Present::Changes, Present::Own),
        };
        TableCover { table: self.name.clone(), present, absent: self.absent(links), changes, rows }
    }

    /// The row's own name, where there is but one row of the table to a key.
    fn own(&self, links: &Links, added: &mut Vec<String>) -> Option<OwnName> {
        let [place] = self.places[..] else { return None };
        let select = self.joined.select.as_ref()?;
        select.end_of_list?;
        if !self.joined.is_one_row(place, &mut Vec::new()) {
            return None;
        }
        let (name, is_tag) = links.own.first()?;
        let alias = &select.tables.get(place)?.alias;
        let mut columns = Vec::new();
        for slot in name.slots() {
            let own = &self.table.column(slot)?.name;
            let called = format!("clearwell_{}", added.len() + 1);
            added.push(format!("{}.{} AS {called}", quoted(alias), quoted(own)));
            columns.push((slot.clone(), called.into()));
        }
        Some(OwnName { name: name.clone(), columns, is_tag: *is_tag })
    }

    /// What a row that is not there depends on.
    fn absent(&self, links: &Links) -> Absent {
        let [place] = self.places[..] else { return Absent::Changes };
        let named = |name: &str| links.own.iter().any(|(own, _)| own.slots().any(|slot| **slot == *name));
        match () {
            () if self.joined.is_optional(place) => Absent::Nothing,
            () if self.joined.is_only_bound(place, named) => Absent::Rows,
            () => Absent::Changes,
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
