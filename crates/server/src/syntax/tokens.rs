//! An SQL text as tokens, for what both databases spell alike.

/// A piece of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqlToken {
    /// A word in lower case, as unquoted names are.
    Word(String),
    /// A quoted name.
    Quoted(String),
    /// `:name`.
    Parameter(String),
    /// A quoted text or a number.
    Literal,
    /// An operator, a parenthesis, a comma.
    Symbol(String),
}

impl SqlToken {
    /// Whether it is this word, unquoted.
    pub fn is(&self, word: &str) -> bool {
        matches!(self, SqlToken::Word(it) if it == word)
    }

    /// The name that it is.
    pub fn name(&self) -> Option<&str> {
        match self {
            SqlToken::Word(name) | SqlToken::Quoted(name) => Some(name),
            _ => None,
        }
    }

    /// The name as SQL spells it.
    pub fn sql(&self) -> Option<String> {
        match self {
            SqlToken::Word(name) => Some(name.clone()),
            SqlToken::Quoted(name) => Some(format!("\"{}\"", name.replace('"', "\"\""))),
            _ => None,
        }
    }
}

const OPERATORS: &str = "+-*/<>=~!#%^&|?";

/// Cuts a statement, each token with its place. `None`: something stands in it that the databases read differently, such as
/// an escape or a bracket.
pub fn tokens(sql: &str) -> Option<Vec<(usize, SqlToken)>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = sql[at..].chars().next() {
        let rest = &sql[at..];
        let (token, length) = match c {
            c if c.is_whitespace() => (None, c.len_utf8()),
            ';' if rest[1..].trim().is_empty() => (None, rest.len()),
            '-' if rest.starts_with("--") => (None, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (None, comment(rest)?),
            // E'..', U&'..', B'..': their quotes follow other rules.
            '\'' if at > 0 && sql[..at].ends_with(|c: char| c.is_alphanumeric() || c == '&') => return None,
            '\'' => (Some(SqlToken::Literal), quoted(rest, '\'')?.1),
            '"' | '`' => {
                let (name, length) = quoted(rest, c)?;
                (Some(SqlToken::Quoted(name)), length)
            }
            ':' if rest.starts_with("::") => (Some(SqlToken::Symbol("::".into())), 2),
            ':' => {
                let name = word(&rest[1..]);
                (Some(SqlToken::Parameter(name.into())), 1 + name.len())
            }
            '[' | ']' | '$' | '@' | '{' | '}' | '\\' => return None,
            c if c.is_ascii_digit() => (Some(SqlToken::Literal), number(rest)),
            c if c.is_alphabetic() || c == '_' => {
                let name =
                    &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())];
                (Some(SqlToken::Word(name.to_lowercase())), name.len())
            }
            c if OPERATORS.contains(c) => {
                let length = operator(rest);
                (Some(SqlToken::Symbol(rest[..length].into())), length)
            }
            c => (Some(SqlToken::Symbol(c.into())), c.len_utf8()),
        };
        tokens.extend(token.map(|token| (at, token)));
        at += length;
    }
    Some(tokens)
}

/// A comment's length. One that nests is one text to PostgreSQL and another to SQLite.
fn comment(text: &str) -> Option<usize> {
    let end = text[2..].find("*/")? + 2;
    (!text[2..end].contains("/*")).then_some(end + 2)
}

/// What stands in quotes, a doubled quote for each within, and its length with them.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => return None,
            c if c != quote => name.push(c),
            _ if chars.next_if(|(_, next)| *next == quote).is_some() => name.push(quote),
            _ => return Some((name, at + 1)),
        }
    }
    None
}

fn word(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())]
}

fn number(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(text.len())
}

fn operator(text: &str) -> usize {
    let end = text.find(|c| !OPERATORS.contains(c)).unwrap_or(text.len());
    let comment = ["--", "/*"].iter().filter_map(|begin| text[..end].find(begin)).min();
    comment.filter(|at| *at > 0).unwrap_or(end)
}
