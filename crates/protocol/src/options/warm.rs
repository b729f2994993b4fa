//! CW.WARM.

use super::words::{Words, is, once, unknown_option};
use crate::args::Args;
use crate::error::CommandError;

/// The arguments of a CW.WARM that begins a job: what is given together is one job.
#[derive(Clone, Copy, Debug, Default)]
pub struct WarmOptions<'a> {
    /// These keys.
    pub keys: Option<Args<'a>>,
    /// The keys that a glob matches.
    pub pattern: Option<&'a [u8]>,
    /// The keys that carry one of these.
    pub tags: Option<Args<'a>>,
    /// Keys a second; none takes the server's default.
    pub rate: Option<i64>,
    /// Whether what is fresh is loaded again.
    pub refresh: bool,
    /// Whether the reply waits for the end.
    pub wait: bool,
}

const KNOWN: &str = "KEYS, PATTERN, TAGS, RATE, REFRESH, WAIT";

impl<'a> WarmOptions<'a> {
    /// Parses CW.WARM KEYS, PATTERN and TAGS.
    ///
    /// # Errors
    /// Names what is wrong and what is expected.
    pub fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut words = Words::new(args, 1);
        let mut options = WarmOptions::default();
        while let Some(word) = words.next() {
            options.parse_word(word, &mut words)?;
        }
        Ok(options)
    }

    fn parse_word(&mut self, word: &'a [u8], words: &mut Words<'a>) -> Result<(), CommandError> {
        match () {
            () if is(word, "KEYS") => once(&mut self.keys, "KEYS", words.counted("KEYS", 1)?),
            () if is(word, "TAGS") => once(&mut self.tags, "TAGS", words.counted("TAGS", 1)?),
            () if is(word, "PATTERN") => {
                once(&mut self.pattern, "PATTERN", words.value_of("PATTERN", "a glob")?)
            }
            () if is(word, "RATE") => once(&mut self.rate, "RATE", words.integer()?),
            () if is(word, "REFRESH") => {
                self.refresh = true;
                Ok(())
            }
            () if is(word, "WAIT") => {
                self.wait = true;
                Ok(())
            }
            () => Err(unknown_option(word, KNOWN)),
        }
    }
}
