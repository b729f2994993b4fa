//! The query that lists a keyspace's keys, and what its rows say.

use std::sync::Arc;

use clearwell_engine::Glob;
use clearwell_source::nearest;
use clearwell_source::{Cell, Row, Shape, Statement};

use super::{Keyspace, wide};
use crate::syntax::meet::{literal, meet};
use crate::syntax::{Template, lacks};

/// A keyspace's `keys`.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Returns a row for each key.
    pub statement: Statement,
    /// What it returns; `None`: the source cannot tell.
    pub columns: Option<Vec<Arc<str>>>,
}

impl Listing {
    /// Checks what the database makes of the query.
    pub(super) fn new(
        statement: Statement,
        shape: Option<&Shape>,
        captures: &[&str],
    ) -> Result<Listing, String> {
        let Some(shape) = shape else { return Ok(Listing { statement, columns: None }) };
        if shape.writes || shape.columns.is_empty() {
            return Err("keys only reads: it is a query that returns a row for each key".into());
        }
        let columns: Vec<&str> = shape.columns.iter().map(|column| &**column).collect();
        if let Some(lacking) = captures.iter().find(|name| !columns.contains(name)) {
            return Err(format!("keys: {}", lacks(lacking, &columns)));
        }
        Ok(Listing { statement, columns: Some(shape.columns.clone()) })
    }
}

impl Keyspace {
    /// Whether some key of it may match.
    pub fn meets(&self, glob: &Glob) -> bool {
        match (self.pattern.only(), wide::glob(&self.pattern.shape())) {
            (Some(key), _) => glob.matches(key),
            (None, Some(own)) => own.overlaps(glob),
            // Longer than a pattern may be.
            (None, None) => true,
        }
    }

    /// Its only key, where its pattern captures nothing.
    pub fn only_key(&self) -> Option<&[u8]> {
        self.pattern.only()
    }

    /// The key of a row that [`Keyspace::keys`] returned.
    ///
    /// # Errors
    /// It has none.
    pub fn key_of(&self, row: &Row) -> Result<Box<[u8]>, String> {
        self.pattern.render(|name| row.get(name))
    }

    /// The templates that can make a tag.
    fn making<'k>(&'k self, tag: &'k [u8]) -> impl Iterator<Item = &'k Template> {
        let steps: Vec<_> = literal(tag).collect();
        self.tags.iter().filter(move |template| meet(&template.steps(), &steps))
    }

    /// Whether an entry of it can carry a tag.
    pub fn can_carry(&self, tag: &[u8]) -> bool {
        self.making(tag).next().is_some()
    }

    /// A column that a tag is made of and neither the key nor [`Keyspace::keys`] has, with a hint.
    pub fn lacks_for(&self, tag: &[u8]) -> Option<(String, String)> {
        let listed = self.keys.as_ref().map(|listing| listing.columns.as_deref());
        // What the source cannot tell shows in the rows.
        if listed == Some(None) {
            return None;
        }
        let columns = listed.flatten().unwrap_or_default();
        let known: Vec<&str> = self.pattern.names().chain(columns).map(|name| &**name).collect();
        let mut slots = self.making(tag).flat_map(Template::slots);
        slots.find(|slot| !known.contains(&&***slot)).map(|slot| (slot.to_string(), nearest(slot, &known)))
    }

    /// Whether the entry of a listed row carries a tag.
    pub fn carries(&self, row: &Row, tag: &[u8]) -> bool {
        let value = |slot: &str| -> Option<&Cell> { row.get(slot) };
        self.tags.iter().any(|template| template.render(value).is_some_and(|made| *made == *tag))
    }
}
