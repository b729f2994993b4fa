//! CW.GET.

use super::words::{Words, is, once, unknown_option};
use crate::args::Args;
use crate::error::CommandError;
use clearwell_words::Level;

/// The arguments of CW.GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CwGetOptions<'a> {
    /// The key.
    pub key: &'a [u8],
    /// On a miss, answer a fill lease.
    pub fill_lease: bool,
    /// The level asked for; none takes the keyspace's.
    pub level: Option<Level>,
    /// Answer what is known about the value with it.
    pub meta: bool,
    /// A stale value will do.
    pub stale: bool,
}

impl<'a> CwGetOptions<'a> {
    /// Parses `key [LEASE] [LEVEL level] [META] [STALE]`.
    ///
    /// # Errors
    /// Names what is wrong and what is expected.
    pub fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut words = Words::new(args, 1);
        let key = words.required()?;
        let mut options = CwGetOptions { key, fill_lease: false, level: None, meta: false, stale: false };
        while let Some(word) = words.next() {
            match () {
                () if is(word, "LEASE") => options.fill_lease = true,
                () if is(word, "META") => options.meta = true,
                () if is(word, "STALE") => options.stale = true,
                () if is(word, "LEVEL") => {
                    let level =
                        Level::parse(words.value_of("LEVEL", "a level")?).map_err(CommandError::of)?;
                    once(&mut options.level, "LEVEL", level)?;
                }
                () => return Err(unknown_option(word, "LEASE, LEVEL, META, STALE")),
            }
        }
        Ok(options)
    }
}
