//! What must be: answers, and where things are.

use super::book::{Book, Who};
use super::words::{LineWords, Wrong};
use crate::history::{Deed, Found, Got, Op};
use crate::names::KeyId;
use crate::queue::Micros;

/// What an answer may be: one of these.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer(Vec<One>);

#[derive(Debug, Clone, PartialEq)]
enum One {
    Value(ValueShape),
    Not(String),
    NotDone,
    Done,
    Refused,
    Unknown,
}

/// What a value must be like.
#[derive(Debug, Clone, PartialEq)]
struct ValueShape {
    /// `None`: there is none.
    text: Option<String>,
    marked: Option<bool>,
    local: Option<bool>,
    read_from: Micros,
}

impl Answer {
    /// Reads what stands behind `expect`.
    pub fn read(words: &mut LineWords<'_>) -> Result<Answer, Wrong> {
        let mut all = vec![One::read(words)?];
        while words.takes("or") {
            all.push(One::read(words)?);
        }
        words.ends()?;
        Ok(Answer(all))
    }

    /// Whether an operation was answered like this.
    pub fn fits(&self, book: &Book, op: &Op) -> bool {
        self.0.iter().any(|one| one.fits(book, op))
    }
}

impl One {
    fn read(words: &mut LineWords<'_>) -> Result<One, Wrong> {
        let marked = match words.peek() {
            "done" => return Ok(One::plain(words, One::Done)),
            "refused" => return Ok(One::plain(words, One::Refused)),
            "unknown" => return Ok(One::plain(words, One::Unknown)),
            "not" => {
                words.next();
                return if words.takes("done") { Ok(One::NotDone) } else { words.value().map(One::Not) };
            }
            "fresh" => Some(false),
            "stale" => Some(true),
            _ => None,
        };
        if marked.is_some() {
            words.next();
        }
        let text = match words.peek() {
            "nothing" => {
                words.next();
                None
            }
            word if word.starts_with('"') => Some(words.value()?),
            other => {
                return Err(format!(
                    "after `expect` comes a value in quotes (after `fresh`, `stale` or `not`, if wanted), `nothing`, `done`, \
                     `refused` or `unknown`, not `{other}`"
                ));
            }
        };
        let mut shape = ValueShape { text, marked, local: None, read_from: 0 };
        loop {
            match () {
                () if words.takes("from memory") => shape.local = Some(true),
                () if words.takes("from the owner") => shape.local = Some(false),
                () if words.takes("as of") => shape.read_from = words.time()?,
                () => return Ok(One::Value(shape)),
            }
        }
    }

    fn plain(words: &mut LineWords<'_>, one: One) -> One {
        words.next();
        one
    }

    fn fits(&self, book: &Book, op: &Op) -> bool {
        let text = |found: &Found| found.value.and_then(|value| book.texts.get(&value.write));
        match (self, &op.got) {
            (One::Value(shape), Got::Value(found)) => {
                text(found) == shape.text.as_ref()
                    && shape.marked.is_none_or(|marked| marked == found.is_marked())
                    && shape.local.is_none_or(|local| local == found.local)
                    && found.value.is_none_or(|value| value.read >= shape.read_from)
            }
            (One::Not(old), Got::Value(found)) => text(found) != Some(old),
            (One::Not(_), _) => matches!(op.deed, Deed::Read(_)),
            (One::NotDone, got) => !matches!(got, Got::Done { .. }),
            (One::Done, got) => matches!(got, Got::Done { .. }),
            (One::Refused, got) => matches!(got, Got::Refused { surely: true }),
            (One::Unknown, got) => matches!(got, Got::Refused { surely: false } | Got::Nothing),
            (One::Value(_), _) => false,
        }
    }
}

/// How the world must be at a time.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Whether somebody has a copy, of this value when one is named.
    Holds(Who, KeyId, Option<String>, bool),
    /// Who owns a key, in the view of whoever follows the latest.
    Owner(KeyId, u32),
    /// The source was not asked for a key since then.
    NoLoad(KeyId, Micros),
}

impl State {
    /// Reads what stands behind `expect` on a line of its own.
    pub fn read(book: &Book, words: &mut LineWords<'_>) -> Result<State, Wrong> {
        if words.takes("no load of") {
            let key = book.key(words)?;
            words.needs("since")?;
            return Ok(State::NoLoad(key, words.time()?));
        }
        let who = book.who(words).map_err(|wrong| {
            format!("{wrong}; or `no load of post:1 since 2.0`. An answer's `expect` stands under its line, without `at`")
        })?;
        if words.takes("owns") {
            let Who::Node(node) = who else { return Err("only a node owns a key".into()) };
            return Ok(State::Owner(book.key(words)?, node));
        }
        words.needs("holds")?;
        let holds = !words.takes("no");
        let text = if words.peek().starts_with('"') { Some(words.value()?) } else { None };
        if text.is_some() {
            words.needs("of")?;
        }
        Ok(State::Holds(who, book.key(words)?, text, holds))
    }
}
