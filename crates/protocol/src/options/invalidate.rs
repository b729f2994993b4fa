//! CW.INVALIDATE and CW.EVENT.

use clearwell_words::{Coalesce, Mode};

use super::words::{Words, is, once, shown, unknown_option};
use crate::args::Args;
use crate::error::CommandError;

/// An event of CW.INVALIDATE.
#[derive(Clone, Copy, Debug)]
pub struct InvalidateEvent<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its attributes: name, value, name, value.
    pub attributes: Option<Args<'a>>,
}

/// The arguments of CW.INVALIDATE: what is given together is one request.
#[derive(Clone, Debug, Default)]
pub struct InvalidateOptions<'a> {
    /// Keys.
    pub keys: Option<Args<'a>>,
    /// Tags.
    pub tags: Option<Args<'a>>,
    /// Names whose dependents are meant.
    pub dependencies: Option<Args<'a>>,
    /// Keys that a glob matches.
    pub pattern: Option<&'a [u8]>,
    /// Keys that begin so.
    pub prefix: Option<&'a [u8]>,
    /// An event.
    pub event: Option<InvalidateEvent<'a>>,
    /// Every key.
    pub everything: bool,
    /// Whether what depends on the keys is meant too; none takes the server's default.
    pub cascade: Option<bool>,
    /// When it takes effect.
    pub mode: Option<Mode>,
    /// Which time holds when it is held already; none takes the server's default.
    pub coalesce: Option<Coalesce>,
    /// Only tell what would be reached.
    pub dry_run: bool,
}

const KNOWN: &str =
    "KEYS, TAGS, DEPENDENCIES, PATTERN, PREFIX, EVENT, EVERYTHING, CASCADE, MODE, COALESCE, DRYRUN";

impl<'a> InvalidateOptions<'a> {
    /// Parses CW.INVALIDATE.
    ///
    /// # Errors
    /// Names what is wrong and what is expected; a request without any scope is refused.
    pub fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut words = Words::new(args, 1);
        let mut options = InvalidateOptions::default();
        while let Some(word) = words.next() {
            options.parse_word(word, &mut words)?;
        }
        if options.has_scope() {
            return Ok(options);
        }
        Err(CommandError::literal(
            "ERR nothing to invalidate; give KEYS, TAGS, DEPENDENCIES, PATTERN, PREFIX, EVENT or EVERYTHING",
        ))
    }

    fn has_scope(&self) -> bool {
        let lists = [self.keys, self.tags, self.dependencies];
        let has_list = lists.into_iter().any(|list| list.is_some());
        has_list || self.pattern.is_some() || self.prefix.is_some() || self.event.is_some() || self.everything
    }

    fn parse_word(&mut self, word: &'a [u8], words: &mut Words<'a>) -> Result<(), CommandError> {
        match () {
            () if is(word, "KEYS") => once(&mut self.keys, "KEYS", words.counted("KEYS", 1)?),
            () if is(word, "TAGS") => once(&mut self.tags, "TAGS", words.counted("TAGS", 1)?),
            () if is(word, "DEPENDENCIES") => {
                once(&mut self.dependencies, "DEPENDENCIES", words.counted("DEPENDENCIES", 1)?)
            }
            () if is(word, "PATTERN") => {
                once(&mut self.pattern, "PATTERN", words.value_of("PATTERN", "a glob")?)
            }
            () if is(word, "PREFIX") => {
                once(&mut self.prefix, "PREFIX", words.value_of("PREFIX", "a prefix")?)
            }
            () if is(word, "EVENT") => once(&mut self.event, "EVENT", event(words)?),
            () if is(word, "CASCADE") => once(&mut self.cascade, "CASCADE", cascade(words)?),
            () if is(word, "MODE") => once(&mut self.mode, "MODE", mode(words)?),
            () if is(word, "COALESCE") => {
                let word = words.value_of("COALESCE", "restart or first")?;
                once(&mut self.coalesce, "COALESCE", Coalesce::parse(word).map_err(CommandError::of)?)
            }
            () if is(word, "EVERYTHING") => {
                self.everything = true;
                Ok(())
            }
            () if is(word, "DRYRUN") => {
                self.dry_run = true;
                Ok(())
            }
            () => Err(unknown_option(word, KNOWN)),
        }
    }
}

fn event<'a>(words: &mut Words<'a>) -> Result<InvalidateEvent<'a>, CommandError> {
    let name = words.value_of("EVENT", "its name")?;
    let mut attributes = None;
    if words.peek().is_some_and(|word| is(word, "ATTRIBUTES")) {
        words.next();
        attributes = Some(words.counted("ATTRIBUTES", 2)?);
    }
    Ok(InvalidateEvent { name, attributes })
}

fn cascade(words: &mut Words<'_>) -> Result<bool, CommandError> {
    let word = words.value_of("CASCADE", "yes or no")?;
    match () {
        () if is(word, "YES") => Ok(true),
        () if is(word, "NO") => Ok(false),
        () => Err(CommandError::new(format!("ERR CASCADE is yes or no, not '{}'", shown(word)))),
    }
}

/// Parses the words after MODE. An earlier version wrote `delayed 2s` and `on-event name`, in two words.
///
/// # Errors
/// Names what is wrong and what is expected.
fn mode(words: &mut Words<'_>) -> Result<Mode, CommandError> {
    let word = words.value_of("MODE", "immediate, lazy, delayed:2s or on-event:NAME")?;
    let second = match () {
        () if is(word, "DELAYED") => Some(words.value_of("MODE delayed", "a time, as in delayed:2s")?),
        () if is(word, "ON-EVENT") => {
            Some(words.value_of("MODE on-event", "the event's name, as in on-event:NAME")?)
        }
        () => None,
    };
    let joined = second.map(|second| [word, b":", second].concat());
    Mode::parse(joined.as_deref().unwrap_or(word)).map_err(CommandError::of)
}

/// The arguments of CW.EVENT.
#[derive(Clone, Copy, Debug)]
pub struct EventOptions<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its attributes: name, value, name, value.
    pub attributes: Args<'a>,
}

impl<'a> EventOptions<'a> {
    /// Parses `name [attribute value ...]`.
    ///
    /// # Errors
    /// Names the attribute that lacks its value.
    pub fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let attributes = args.from(2);
        if !attributes.len().is_multiple_of(2) {
            let last = shown(attributes.iter().next_back().unwrap_or(&[]));
            return Err(CommandError::new(format!("ERR attribute '{last}' has no value")));
        }
        Ok(EventOptions { name: args.get(1).ok_or(CommandError::SYNTAX)?, attributes })
    }
}
