//! What the query that lists a keyspace's keys returns, as far as its text says it.

use clearwell_source::nearest;

use super::select::{Output, Select};

/// The columns that a plain `SELECT` returns; `None`: only its database knows.
pub fn columns_of(sql: &str) -> Option<Vec<String>> {
    let name = |output: Output| match output {
        Output::Column(_, name) => Some(name),
        Output::Star(_) | Output::Other => None,
    };
    Select::parse(sql)?.outputs.into_iter().map(name).collect()
}

/// Says that a capture is no column of the query.
pub fn lacks(name: &str, columns: &[&str]) -> String {
    format!("it returns no column {name}, which the pattern captures{}", nearest(name, columns))
}
