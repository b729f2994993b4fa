//! One INSERT of many rows: what a statement for one row becomes when a batch has many of them.

use std::sync::Arc;

use super::text::{Text, token};

/// The most rows of one statement, and how the sizes below it follow: few enough sizes that each is prepared once.
const SIZES: [usize; 5] = [256, 64, 16, 4, 1];
/// The protocol counts parameters in 16 bits.
const PARAMETERS_MOST: usize = 65_535;

/// An `INSERT .. VALUES (..)` whose parameters all stand in its one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    head: String,
    row: Text,
    tail: String,
}

impl Rows {
    /// `None`: the statement is of another kind, and is run row by row.
    pub fn parse(statement: &str) -> Option<Rows> {
        let Text { sql, names } = Text::parse(statement);
        let (mut depth, mut at, mut first) = (0usize, 0, true);
        let open = loop {
            let rest = sql.get(at..).filter(|rest| !rest.is_empty())?;
            let length = token(rest);
            let word = &rest[..length];
            at += length;
            match word {
                "(" => depth += 1,
                ")" => depth = depth.checked_sub(1)?,
                _ if is_space(word) => continue,
                _ if first && !word.eq_ignore_ascii_case("insert") => return None,
                _ if word.starts_with('$') && word != "$" => return None,
                _ if depth == 0 && word.eq_ignore_ascii_case("values") => break at,
                _ => {}
            }
            first = false;
        };
        let close = open + row_length(&sql[open..])?;
        let (head, row, tail) = (&sql[..open], &sql[open..close], &sql[close..]);
        let tail = tail.trim_end().trim_end_matches(';');
        let row = Text { sql: row.to_owned(), names };
        is_tail(tail).then(|| Rows { head: head.to_owned(), row, tail: tail.to_owned() })
    }

    /// The parameters of each row, in their order.
    pub fn names(&self) -> &[Arc<str>] {
        &self.row.names
    }

    /// The statement for so many rows; their parameters follow each other.
    pub fn sql(&self, rows: usize) -> String {
        let width = self.row.names.len();
        let row = |at: usize| self.row.with(|number| format!("${}", at * width + number + 1));
        let rows: Vec<String> = (0..rows).map(row).collect();
        format!("{}{}{}", self.head, rows.join(","), self.tail)
    }

    /// How many of `left` rows the next statement takes.
    pub fn size(&self, left: usize) -> usize {
        let most = left.min(PARAMETERS_MOST / self.row.names.len().max(1));
        SIZES.into_iter().find(|size| *size <= most).unwrap_or(1)
    }
}

fn is_space(word: &str) -> bool {
    word.trim().is_empty() || word.starts_with("--") || word.starts_with("/*")
}

/// The length of the parentheses that follow, with the space before them.
fn row_length(sql: &str) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    loop {
        let rest = sql.get(at..).filter(|rest| !rest.is_empty())?;
        let length = token(rest);
        at += length;
        match &rest[..length] {
            "(" => depth += 1,
            ")" if depth == 1 => return Some(at),
            ")" => depth = depth.checked_sub(1)?,
            word if depth == 0 && !is_space(word) => return None,
            _ => {}
        }
    }
}

/// Whether what follows the row has no parameter and is no second row or statement.
fn is_tail(tail: &str) -> bool {
    let (mut at, mut first) = (0, true);
    while at < tail.len() {
        let length = token(&tail[at..]);
        let word = &tail[at..at + length];
        at += length;
        if is_space(word) {
            continue;
        }
        let second = first && word == ",";
        if second
            || word == ";"
            || (word.starts_with('$') && word[1..].starts_with(|c: char| c.is_ascii_digit()))
        {
            return false;
        }
        first = false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insert_of_one_row_becomes_one_of_many() {
        let upsert = "INSERT INTO \"values\" (id, content) VALUES (:id, upper(:value || ')')) -- the row\n ON CONFLICT (id) DO UPDATE SET content = excluded.content;";
        let rows = Rows::parse(upsert).expect("it fits");
        assert_eq!(rows.names().iter().map(|name| &**name).collect::<Vec<_>>(), ["id", "value"]);
        assert_eq!(
            rows.sql(2),
            "INSERT INTO \"values\" (id, content) VALUES ($1, upper($2 || ')')), ($3, upper($4 || ')')) -- the row\n ON CONFLICT (id) DO UPDATE SET content = excluded.content"
        );
        assert_eq!([1000, 255, 63, 5, 3, 1].map(|left| rows.size(left)), [256, 64, 16, 4, 1, 1]);
        let twice = Rows::parse("insert into t values (:a, :b, :a)").expect("it fits");
        assert_eq!(twice.sql(2), "insert into t values ($1, $2, $1), ($3, $4, $3)");
    }

    #[test]
    fn other_statements_are_left_alone() {
        for other in [
            "UPDATE t SET a = :a WHERE id = :id",
            "DELETE FROM t WHERE id = :id",
            "INSERT INTO t SELECT :a, :b",
            "INSERT INTO t (a) VALUES (:a) ON CONFLICT (a) DO UPDATE SET b = :b",
            "INSERT INTO t (a) VALUES (:a), (:b)",
            "INSERT INTO t DEFAULT VALUES",
            "INSERT INTO t (a) VALUES (:a); DELETE FROM u",
            "WITH x AS (SELECT 1) INSERT INTO t (a) VALUES (:a)",
            "INSERT INTO t (a) VALUES (:a",
            "",
        ] {
            assert_eq!(Rows::parse(other), None, "{other}");
        }
    }
}
