//! `keys` of a `[[keyspace]]`: the query that lists its keys.

use std::sync::Arc;

use clearwell_source::postgres;

use super::error::ConfigError;
use super::section::Section;
use crate::syntax::{Pattern, columns_of, lacks, parameters};

/// Reads it. `is_postgres` of its source; `None`: it has none.
pub fn read(
    section: &Section<'_>,
    pattern: &Pattern,
    is_postgres: Option<bool>,
) -> Result<Option<String>, ConfigError> {
    let Some(is_postgres) = is_postgres.filter(|_| section.has("keys")) else {
        return match section.has("keys") {
            true => Err(section.error("keys", "keys needs a source in the same [[keyspace]]")),
            false => Ok(None),
        };
    };
    section.read("keys", |sql| check(sql, pattern, is_postgres).map(|()| sql.to_owned()))
}

fn check(sql: &str, pattern: &Pattern, is_postgres: bool) -> Result<(), String> {
    if sql.trim().is_empty() {
        return Err("it cannot be empty".into());
    }
    let given: Vec<Arc<str>> = match is_postgres {
        true => postgres::parameters(sql)?,
        false => parameters(sql)?.into_iter().map(Arc::from).collect(),
    };
    if let Some(given) = given.first() {
        return Err(format!("it lists all keys and takes no parameter, such as :{given}"));
    }
    // What the database makes of the names' case is not known here.
    let Some(columns) = columns_of(sql) else { return Ok(()) };
    let lacking =
        pattern.names().find(|name| !columns.iter().any(|column| column.eq_ignore_ascii_case(name)));
    match lacking {
        None => Ok(()),
        Some(name) => Err(lacks(name, &columns.iter().map(String::as_str).collect::<Vec<_>>())),
    }
}
