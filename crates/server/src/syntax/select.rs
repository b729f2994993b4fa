//! What can be seen in a `SELECT` without a database: the tables that it joins and what it equates.
//!
//! It is there to prove things, so it knows the plain form only: tables by their names, joined with `,`, `JOIN` or `LEFT
//! JOIN`, and conditions that all must hold. Of any other statement nothing is known.

use super::tokens::{SqlToken, tokens};

/// A statement of the plain form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// The tables in their order.
    pub tables: Vec<From>,
    /// What it selects, by column.
    pub outputs: Vec<Output>,
    /// What must be equal, of all that must hold.
    pub equal: Vec<Equal>,
    /// Whether `equal` is all that it asks of its rows behind `WHERE`.
    pub is_bare: bool,
    /// Where the list of its columns ends in the text; `None`: another column would change its meaning.
    pub end_of_list: Option<usize>,
}

/// A table as the statement names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// The name, with its schema when that is given.
    pub table: String,
    /// What columns are qualified by.
    pub alias: String,
    /// Joined by `LEFT JOIN`: a row of it may be lacking.
    pub optional: bool,
}

/// A column of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A table's column as it is, under this name.
    Column(SelectColumn, String),
    /// All columns of all tables, or of one.
    Star(Option<String>),
    /// Anything else.
    Other,
}

/// A column, with what it is qualified by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectColumn {
    /// The table's name or alias.
    pub of: Option<String>,
    /// Its own name.
    pub name: String,
}

/// One side of an equality.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// A column.
    Column(SelectColumn),
    /// A parameter.
    Parameter(String),
}

/// Two sides that are equal in each row that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equal {
    /// What is equal.
    pub sides: [Side; 2],
    /// Said in the condition of a `LEFT JOIN`: it restricts the rows of this table only.
    pub only: Option<usize>,
}

/// Words that end a table's name, so that they are no alias.
const ENDS: [&str; 18] = [
    "join", "left", "inner", "cross", "on", "where", "group", "having", "order", "limit", "offset", "fetch",
    "for", "window", "using", "right", "full", "natural",
];
/// Words that end the condition.
const TAILS: [&str; 9] =
    ["group", "having", "order", "limit", "offset", "fetch", "for", "window", "returning"];
/// What ends the condition of a join.
const WORDS_BEHIND: [&str; 15] = [
    "join",
    "left",
    "inner",
    "cross",
    ",",
    "where",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "fetch",
    "for",
    "window",
    "returning",
];
/// Words that make it another form, wherever they stand outside of parentheses.
const OTHER: [&str; 9] =
    ["union", "intersect", "except", "right", "full", "natural", "tablesample", "indexed", "into"];

impl Select {
    /// Reads a statement; `None`: it is not of the plain form.
    pub fn parse(sql: &str) -> Option<Select> {
        let tokens = tokens(sql)?;
        let selects = tokens.iter().filter(|(_, token)| token.is("select")).count();
        let mut parser = SelectParser { tokens: &tokens, at: 0 };
        if selects != 1 || !parser.word("select") || tokens.iter().any(|(_, t)| OTHER.iter().any(|w| t.is(w)))
        {
            return None;
        }
        let distinct = parser.word("distinct");
        let _all = parser.word("all");
        let list = parser.until(&["from"]);
        let end_of_list = parser.place();
        if !parser.word("from") || list.iter().any(|(_, token)| token.is("distinct")) {
            return None;
        }
        let outputs = split(list, |token| *token == SqlToken::Symbol(",".into())).map(Output::of).collect();
        let (mut tables, mut equal) = (Vec::new(), Vec::new());
        parser.tables(&mut tables, &mut equal)?;
        let is_bare = !parser.word("where") || conditions(parser.until(&TAILS), None, &mut equal);
        let narrows = |token: &SqlToken| ["having", "offset", "fetch"].iter().any(|word| token.is(word));
        let is_bare = is_bare && !parser.rest().iter().any(|(_, token)| narrows(token));
        let end_of_list = end_of_list.filter(|_| !distinct);
        Some(Select { tables, outputs, equal, is_bare, end_of_list })
    }

    /// The statement with more columns behind its own; `None`: that would change its meaning.
    pub fn with(&self, sql: &str, columns: &str) -> Option<String> {
        let (head, tail) = sql.split_at_checked(self.end_of_list?)?;
        // On a line of its own: a comment may stand before it.
        Some(format!("{head}\n, {columns} {tail}"))
    }
}

type Placed = (usize, SqlToken);

struct SelectParser<'t> {
    tokens: &'t [Placed],
    at: usize,
}

impl<'t> SelectParser<'t> {
    fn rest(&self) -> &'t [Placed] {
        self.tokens.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<&'t SqlToken> {
        self.rest().first().map(|(_, token)| token)
    }

    fn place(&self) -> Option<usize> {
        self.rest().first().map(|(place, _)| *place)
    }

    fn word(&mut self, word: &str) -> bool {
        let is = self.peek().is_some_and(|token| token.is(word));
        self.at += usize::from(is);
        is
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let is = self.peek() == Some(&SqlToken::Symbol(symbol.into()));
        self.at += usize::from(is);
        is
    }

    fn name(&mut self) -> Option<String> {
        let name = self.peek()?.name()?.to_owned();
        self.at += 1;
        Some(name)
    }

    /// What stands before one of these words, outside of parentheses.
    fn until(&mut self, words: &[&str]) -> &'t [Placed] {
        let begins = self.at;
        let mut depth = 0_u32;
        while let Some(token) = self.peek() {
            match token {
                SqlToken::Symbol(symbol) if symbol == "(" => depth += 1,
                SqlToken::Symbol(symbol) if symbol == ")" => depth = depth.saturating_sub(1),
                token if depth == 0 && words.iter().any(|word| token.is(word)) => break,
                SqlToken::Symbol(symbol) if depth == 0 && symbol == "," && words.contains(&",") => break,
                _ => {}
            }
            self.at += 1;
        }
        &self.tokens[begins..self.at]
    }

    fn tables(&mut self, tables: &mut Vec<From>, equal: &mut Vec<Equal>) -> Option<()> {
        let mut optional = false;
        loop {
            let table = self.quoted_name()?;
            let mut alias = self.tokens.get(self.at - 1)?.1.name()?.to_owned();
            if self.symbol("(") {
                return None;
            }
            if self.word("as")
                || self.peek().is_some_and(|t| t.name().is_some() && !ENDS.iter().any(|w| t.is(w)))
            {
                alias = self.name()?;
                if self.symbol("(") {
                    return None;
                }
            }
            tables.push(From { table, alias, optional });
            if self.word("using") {
                self.until(&WORDS_BEHIND);
            } else if self.word("on") {
                let only = optional.then_some(tables.len() - 1);
                conditions(self.until(&WORDS_BEHIND), only, equal);
            }
            optional = false;
            if self.symbol(",") {
                continue;
            }
            if self.word("left") {
                optional = true;
                let _outer = self.word("outer");
            } else if !self.word("inner") && !self.word("cross") && !self.peek().is_some_and(|t| t.is("join"))
            {
                return Some(());
            }
            if !self.word("join") {
                return None;
            }
        }
    }

    /// A table's name as SQL spells it.
    fn quoted_name(&mut self) -> Option<String> {
        let mut name = self.peek()?.sql()?;
        self.at += 1;
        while self.symbol(".") {
            name = format!("{name}.{}", self.peek()?.sql()?);
            self.at += 1;
        }
        Some(name)
    }
}

/// Takes equalities out of conditions that all must hold; whether there was nothing else.
fn conditions(tokens: &[Placed], only: Option<usize>, equal: &mut Vec<Equal>) -> bool {
    let mut depth = 0_u32;
    for (_, token) in tokens {
        match token {
            SqlToken::Symbol(symbol) if symbol == "(" => depth += 1,
            SqlToken::Symbol(symbol) if symbol == ")" => depth = depth.saturating_sub(1),
            token if depth == 0 && ["or", "between", "case", "xor"].iter().any(|word| token.is(word)) => {
                return false;
            }
            _ => {}
        }
    }
    let mut all = true;
    for condition in split(tokens, |token| token.is("and")) {
        match within(condition) {
            Some(inner) => all &= conditions(inner, only, equal),
            None => match sides(condition) {
                Some(sides) => equal.push(Equal { sides, only }),
                None => all = false,
            },
        }
    }
    all
}

/// What stands in the parentheses that enclose all of it.
fn within(tokens: &[Placed]) -> Option<&[Placed]> {
    let [(_, first), inner @ .., (_, last)] = tokens else { return None };
    if *first != SqlToken::Symbol("(".into()) || *last != SqlToken::Symbol(")".into()) {
        return None;
    }
    let mut depth = 0_i32;
    for (_, token) in inner {
        match token {
            SqlToken::Symbol(symbol) if symbol == "(" => depth += 1,
            SqlToken::Symbol(symbol) if symbol == ")" => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    Some(inner)
}

fn sides(tokens: &[Placed]) -> Option<[Side; 2]> {
    let is_equal =
        |token: &SqlToken| matches!(token, SqlToken::Symbol(symbol) if symbol == "=" || symbol == "==");
    let at = tokens.iter().position(|(_, token)| is_equal(token))?;
    let (left, right) = (&tokens[..at], tokens.get(at + 1..)?);
    Some([side(left)?, side(right)?])
}

fn side(tokens: &[Placed]) -> Option<Side> {
    let plain: Vec<&SqlToken> = tokens.iter().map(|(_, token)| token).collect();
    match plain.as_slice() {
        [SqlToken::Parameter(name)] => Some(Side::Parameter(name.clone())),
        // With one cast. The database tells the parameter's type, which is that of the cast.
        [SqlToken::Parameter(name), SqlToken::Symbol(cast), ty] if cast == "::" && ty.name().is_some() => {
            Some(Side::Parameter(name.clone()))
        }
        _ => column(&plain).map(Side::Column),
    }
}

fn column(tokens: &[&SqlToken]) -> Option<SelectColumn> {
    match tokens {
        [name] => Some(SelectColumn { of: None, name: name.name()?.into() }),
        [of, SqlToken::Symbol(dot), name] if dot == "." => {
            Some(SelectColumn { of: Some(of.name()?.into()), name: name.name()?.into() })
        }
        _ => None,
    }
}

impl Output {
    fn of(tokens: &[Placed]) -> Output {
        let tokens: Vec<&SqlToken> = tokens.iter().map(|(_, token)| token).collect();
        let star = SqlToken::Symbol("*".into());
        match tokens.as_slice() {
            [one] if **one == star => return Output::Star(None),
            [of, dot, one] if **one == star && **dot == SqlToken::Symbol(".".into()) => {
                return of.name().map_or(Output::Other, |of| Output::Star(Some(of.into())));
            }
            _ => {}
        }
        let (value, called) = match tokens.as_slice() {
            [value @ .., by, called] if by.is("as") => (value, called.name()),
            [value @ .., called] if value.len() == 1 || value.len() == 3 => match column(&tokens) {
                Some(_) => (tokens.as_slice(), None),
                None => (value, called.name()),
            },
            value => (value, None),
        };
        match column(value) {
            Some(column) => {
                let called = called.unwrap_or(&column.name).to_owned();
                Output::Column(column, called)
            }
            None => Output::Other,
        }
    }
}

fn split<'t>(
    tokens: &'t [Placed],
    mut at: impl FnMut(&SqlToken) -> bool + 't,
) -> impl Iterator<Item = &'t [Placed]> {
    let mut depth = 0_u32;
    tokens.split(move |(_, token)| {
        match token {
            SqlToken::Symbol(symbol) if symbol == "(" => depth += 1,
            SqlToken::Symbol(symbol) if symbol == ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && at(token)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The equalities, each as `left=right`, with `?n` where they restrict one table only.
    fn equal(sql: &str) -> Option<Vec<String>> {
        let side = |side: &Side| match side {
            Side::Parameter(name) => format!(":{name}"),
            Side::Column(SelectColumn { of: Some(of), name }) => format!("{of}.{name}"),
            Side::Column(SelectColumn { of: None, name }) => name.clone(),
        };
        let only = |equal: &Equal| equal.only.map_or_else(String::new, |only| format!("?{only}"));
        let text =
            |equal: &Equal| format!("{}={}{}", side(&equal.sides[0]), side(&equal.sides[1]), only(equal));
        Select::parse(sql).map(|select| select.equal.iter().map(text).collect())
    }

    #[test]
    fn equalities_of_all_that_must_hold_are_found() {
        for (sql, expected) in [
            ("SELECT v FROM u WHERE email = :email", vec!["email=:email"]),
            (
                "select v from public.\"U\" as x where (:a = x.k) and n > 1 and x.b==:b::int;",
                vec![":a=x.k", "x.b=:b"],
            ),
            (
                "SELECT a FROM t JOIN u ON u.id = t.u LEFT JOIN w ON (w.k = u.k AND w.x = :x) WHERE t.id = :id ORDER BY a LIMIT 1",
                vec!["u.id=t.u", "w.k=u.k?2", "w.x=:x?2", "t.id=:id"],
            ),
            ("SELECT v FROM t, u WHERE t.a = u.a -- AND t.b = :b\n AND t.c = :c", vec!["t.a=u.a", "t.c=:c"]),
        ] {
            assert_eq!(equal(sql), Some(expected.into_iter().map(str::to_owned).collect()), "{sql}");
        }
    }

    #[test]
    fn what_may_not_hold_proves_nothing() {
        for sql in [
            "SELECT v FROM t WHERE a = :a OR b = :b",
            "SELECT v FROM t WHERE NOT a = :a",
            "SELECT v FROM t WHERE a BETWEEN 1 AND b = :b",
            "SELECT v FROM t WHERE lower(a) = :a AND a COLLATE nocase = :a AND a = :a COLLATE \"C\"",
            "SELECT v FROM t WHERE a = :a::varchar(3) AND a >= :a AND a = :a IS NOT NULL",
            "SELECT v FROM t WHERE CASE WHEN true THEN 1 AND a = :a END",
        ] {
            assert_eq!(equal(sql), Some(vec![]), "{sql}");
        }
        for sql in [
            "WITH t AS (SELECT 1) SELECT v FROM t WHERE a = :a",
            "SELECT v FROM (SELECT 1 AS a) AS t WHERE a = :a",
            "SELECT v FROM t WHERE a = :a UNION VALUES (1)",
            "SELECT v FROM t RIGHT JOIN u ON true WHERE a = :a",
            "SELECT v FROM f(:a) WHERE a = :a",
            "SELECT v FROM t WHERE x = E'\\'' AND a = :a",
            "SELECT v FROM t AS x(a) WHERE a = :a",
            "VALUES (1)",
        ] {
            assert_eq!(equal(sql), None, "{sql}");
        }
    }

    #[test]
    fn columns_are_added_behind_the_list() {
        let with = |sql: &str| Select::parse(sql).and_then(|select| select.with(sql, "\"u\".\"k\" AS c"));
        assert_eq!(
            with("SELECT v, (1) -- it\nFROM u WHERE k = :k").as_deref(),
            Some("SELECT v, (1) -- it\n\n, \"u\".\"k\" AS c FROM u WHERE k = :k")
        );
        assert_eq!(with("SELECT DISTINCT v FROM u WHERE k = :k"), None);
        assert_eq!(Select::parse("SELECT v FROM t WHERE a = :a").map(|s| s.is_bare), Some(true));
        assert_eq!(Select::parse("SELECT v FROM t WHERE a = :a AND b > 1").map(|s| s.is_bare), Some(false));
    }
}
