//! CW.SET.

use clearwell_words::Strategy;

use super::expire::{Expiry, positive};
use super::words::{Words, integer, is, once, unknown_option};
use crate::args::Args;
use crate::error::CommandError;

/// The arguments of CW.SET.
#[derive(Clone, Copy, Debug)]
pub struct CwSetOptions<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// The fill lease that CW.GET gave: the SET is a fill.
    pub fill_lease: Option<&'a [u8]>,
    /// The time to live.
    pub expiry: Option<Expiry>,
    /// Tags of the entry.
    pub tags: Option<Args<'a>>,
    /// Keys and tags that the entry depends on.
    pub depends: Option<Args<'a>>,
    /// Events that the entry depends on.
    pub events: Option<Args<'a>>,
    /// Weight against eviction.
    pub priority: Option<i64>,
    /// The strategy asked for; none takes the keyspace's.
    pub write: Option<Strategy>,
    /// The value's media type.
    pub content_type: Option<&'a [u8]>,
}

const KNOWN: &str = "LEASE, EX, PX, EXAT, PXAT, TAGS, DEPENDS, EVENTS, PRIORITY, WRITE, TYPE";

impl<'a> CwSetOptions<'a> {
    /// Parses CW.SET. A time is checked for being a positive number; whether it fits is for
    /// [`Expiry::resolve_positive`] with `"cw.set"`.
    ///
    /// # Errors
    /// Names what is wrong and what is expected.
    pub fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut words = Words::new(args, 1);
        let (key, value) = (words.required()?, words.required()?);
        let mut options = CwSetOptions {
            key,
            value,
            fill_lease: None,
            expiry: None,
            tags: None,
            depends: None,
            events: None,
            priority: None,
            write: None,
            content_type: None,
        };
        while let Some(word) = words.next() {
            options.parse_word(word, &mut words)?;
        }
        Ok(options)
    }

    fn parse_word(&mut self, word: &'a [u8], words: &mut Words<'a>) -> Result<(), CommandError> {
        if let Some((unit, absolute)) = Expiry::option(word) {
            let expiry = positive(unit, absolute, words.value_of("the time to live", "a number")?, "cw.set")?;
            return once(&mut self.expiry, "the time to live", expiry);
        }
        match () {
            () if is(word, "LEASE") => {
                once(&mut self.fill_lease, "LEASE", words.value_of("LEASE", "its token")?)
            }
            () if is(word, "TAGS") => once(&mut self.tags, "TAGS", words.counted("TAGS", 1)?),
            () if is(word, "DEPENDS") => once(&mut self.depends, "DEPENDS", words.counted("DEPENDS", 1)?),
            () if is(word, "EVENTS") => once(&mut self.events, "EVENTS", words.counted("EVENTS", 1)?),
            () if is(word, "PRIORITY") => {
                once(&mut self.priority, "PRIORITY", integer(words.value_of("PRIORITY", "a number")?)?)
            }
            () if is(word, "WRITE") => {
                let strategy = Strategy::parse(words.value_of("WRITE", "a strategy")?);
                once(&mut self.write, "WRITE", strategy.map_err(CommandError::of)?)
            }
            () if is(word, "TYPE") => {
                once(&mut self.content_type, "TYPE", words.value_of("TYPE", "a content type")?)
            }
            () => Err(unknown_option(word, KNOWN)),
        }
    }
}
