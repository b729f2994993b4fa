//! Statements as PostgreSQL takes them: `:id` becomes `$1`.

use std::sync::Arc;

/// A statement with numbered parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What PostgreSQL is given.
    pub sql: String,
    /// The name behind each number; the first is `$1`. A name has one number wherever it stands.
    pub names: Vec<Arc<str>>,
}

impl Text {
    /// Rewrites a statement. Quoted texts, quoted names, dollar quotes, comments (they nest) and casts stay as they are.
    pub fn parse(statement: &str) -> Text {
        let mut text = Text { sql: String::with_capacity(statement.len()), names: Vec::new() };
        let mut rest = statement;
        while let Some(c) = rest.chars().next() {
            if c == ':' && !rest.starts_with("::") && is_start(rest[1..].chars().next()) {
                let name = word(&rest[1..]);
                text.parameter(name);
                rest = &rest[1 + name.len()..];
                continue;
            }
            let taken = token(rest);
            text.sql.push_str(&rest[..taken]);
            rest = &rest[taken..];
        }
        text
    }

    fn parameter(&mut self, name: &str) {
        let known = self.names.iter().position(|other| **other == *name);
        let place = known.unwrap_or_else(|| {
            self.names.push(name.into());
            self.names.len() - 1
        });
        self.sql.push('$');
        self.sql.push_str(&(place + 1).to_string());
    }

    /// The statement with `put(n)` in the place of `$n`, `n` from 0; for statements that cannot have parameters.
    pub fn with(&self, put: impl Fn(usize) -> String) -> String {
        let mut sql = String::new();
        let mut rest = &*self.sql;
        while !rest.is_empty() {
            let taken = token(rest);
            if let Some(Ok(number @ 1..)) = rest[..taken].strip_prefix('$').map(str::parse::<usize>) {
                sql.push_str(&put(number - 1));
                rest = &rest[taken..];
                continue;
            }
            sql.push_str(&rest[..taken]);
            rest = &rest[taken..];
        }
        sql
    }
}

/// The named parameters of a statement, each once, in order.
///
/// # Errors
/// It has a numbered one: what it is bound to could only be guessed.
pub fn parameters(statement: &str) -> Result<Vec<Arc<str>>, String> {
    let mut rest = statement;
    while !rest.is_empty() {
        let (token, behind) = rest.split_at(token(rest));
        if token.strip_prefix('$').is_some_and(|number| number.parse::<u32>().is_ok()) {
            return Err(format!("parameters are written :name, not {token}"));
        }
        rest = behind;
    }
    Ok(Text::parse(statement).names)
}

/// The length of what a statement begins with: a quoted text or name, a comment, a name, a number, `$1`, `::`, or one
/// character.
pub fn token(rest: &str) -> usize {
    let Some(c) = rest.chars().next() else { return 0 };
    match c {
        '\'' => quoted(rest, '\'', false),
        '"' => quoted(rest, '"', false),
        'e' | 'E' if rest[1..].starts_with('\'') => 1 + quoted(&rest[1..], '\'', true),
        '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
        '/' if rest.starts_with("/*") => comment(rest),
        '$' => dollar_quoted(rest).unwrap_or_else(|| 1 + digits(&rest[1..])),
        ':' if rest.starts_with("::") => 2,
        c if is_start(Some(c)) || c.is_ascii_digit() => name_length(rest),
        c => c.len_utf8(),
    }
}

fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
}

fn is_start(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_alphabetic() || c == '_')
}

fn name_length(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(text.len())
}

fn word(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())]
}

/// Length of a quoted text; its first character is the quote. A doubled quote is two quoted texts side by side, which
/// comes to the same.
fn quoted(text: &str, quote: char, escapes: bool) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if escapes => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// Length of `$tag$ ... $tag$`; `None` when no such text begins here.
fn dollar_quoted(text: &str) -> Option<usize> {
    let tag = word(&text[1..]);
    let opened = &text[..1 + tag.len()];
    let body = text[opened.len()..].strip_prefix('$')?;
    if tag.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let close = &text[..opened.len() + 1];
    Some(close.len() + body.find(close).map_or(body.len(), |at| at + close.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(statement: &str, sql: &str, names: &[&str]) {
        let text = Text::parse(statement);
        assert_eq!(text.sql, sql);
        assert_eq!(text.names.iter().map(|name| &**name).collect::<Vec<_>>(), names);
    }

    #[test]
    fn names_become_numbers() {
        becomes(
            "SELECT a FROM t WHERE id=:id AND b = :b OR c=:id",
            "SELECT a FROM t WHERE id=$1 AND b = $2 OR c=$1",
            &["id", "b"],
        );
        becomes("SELECT :a::int, x::text", "SELECT $1::int, x::text", &["a"]);
        becomes("SELECT 1", "SELECT 1", &[]);
    }

    #[test]
    fn numbered_parameters_are_refused() {
        let names = parameters("SELECT ARRAY[:a, :b], data ? 'k', '$1', $q$ $2 $q$ FROM t$3 WHERE a = :a");
        assert_eq!(names, Ok(vec!["a".into(), "b".into()]));
        let wrong = parameters("SELECT $12 FROM t WHERE id = :id");
        assert_eq!(wrong, Err("parameters are written :name, not $12".into()));
    }

    #[test]
    fn quotes_and_comments_stay() {
        for same in [
            "SELECT 'it''s :no', \":no\"",
            r"SELECT E'it\'s :no'",
            "SELECT $$ :no $$, $a$ :no $$ $a$",
            "SELECT 1 -- :no",
            "SELECT 1 /* a /* :no */ :no */",
            "SELECT 'never closed :no",
            "SELECT 'ü', ü$1, a[1:2]",
        ] {
            becomes(same, same, &[]);
        }
        becomes(r"SELECT '\', :yes", r"SELECT '\', $1", &["yes"]);
        becomes("SELECT type':no' , :yes", "SELECT type':no' , $1", &["yes"]);
    }

    #[test]
    fn numbers_can_be_replaced() {
        let text = Text::parse("SELECT :a, '$1', :b, $$ $1 $$, x$1 -- $1");
        assert_eq!(text.with(|n| format!("<{n}>")), "SELECT <0>, '$1', <1>, $$ $1 $$, x$1 -- $1");
    }
}
