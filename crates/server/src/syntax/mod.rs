//! The small languages in which a keyspace is declared: patterns and templates, the parameters and the plain form of SQL, schemas of
//! values. Everything here is text and what can be seen in it; the configuration checks it, keyspaces are compiled from it.

mod columns;
mod event;
pub mod meet;
mod pattern;
mod schema;
pub mod select;
mod sql;
mod template;
pub mod tokens;

use std::sync::Arc;

use clearwell_source::Cell;

pub use columns::{columns_of, lacks};
pub use event::EventTemplate;
pub use pattern::Pattern;
pub use schema::{Invalid, Schema};
pub use sql::parameters;
pub use template::{HOLE, Template};

/// The name of the parameter that `store` is given the value by.
pub const VALUE: &str = "value";

/// What a pattern captured from a key, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Captures(pub Vec<(Arc<str>, Cell)>);

impl Captures {
    /// The captured value of a name.
    pub fn get(&self, name: &str) -> Option<&Cell> {
        self.0.iter().find(|(known, _)| **known == *name).map(|(_, cell)| cell)
    }
}
