//! A walk over option words.

use crate::args::Args;
use crate::error::CommandError;
use crate::number::{parse_f64, parse_i64};

/// The arguments of a request, taken one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    args: Args<'a>,
    at: usize,
}

impl<'a> Words<'a> {
    /// A walk that begins at argument `at`.
    pub fn new(args: Args<'a>, at: usize) -> Self {
        Words { args, at }
    }

    /// The next word, if there is one.
    #[allow(clippy::should_implement_trait)] // It is one, but a `for` would borrow what options need to take.
    #[inline]
    pub fn next(&mut self) -> Option<&'a [u8]> {
        let word = self.args.get(self.at)?;
        self.at = self.at.saturating_add(1);
        Some(word)
    }

    /// The next word without taking it.
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.args.get(self.at)
    }

    /// The next word, which must be there, as Redis's own options say it.
    ///
    /// # Errors
    /// `ERR syntax error`.
    pub fn required(&mut self) -> Result<&'a [u8], CommandError> {
        self.next().ok_or(CommandError::SYNTAX)
    }

    /// The next word as an integer.
    ///
    /// # Errors
    /// `ERR syntax error` without one, `ERR value is not an integer or out of range`.
    pub fn integer(&mut self) -> Result<i64, CommandError> {
        integer(self.required()?)
    }

    /// The value of option `name`, in the words of Clearwell's own commands.
    ///
    /// # Errors
    /// Names the option that lacks its value.
    pub fn value_of(&mut self, name: &str, what: &str) -> Result<&'a [u8], CommandError> {
        self.next().ok_or_else(|| CommandError::new(format!("ERR {name} needs {what} after it")))
    }

    /// A counted list: `n word ...`.
    ///
    /// # Errors
    /// Names the option and what is wrong: no count, none that can be, or fewer words than it says.
    pub fn counted(&mut self, name: &str, width: usize) -> Result<Args<'a>, CommandError> {
        let count = self.value_of(name, "a count")?;
        let number = parse_i64(count).and_then(|n| usize::try_from(n).ok()).ok_or_else(|| {
            let shown = shown(count);
            CommandError::new(format!("ERR {name} needs a count of at least 0, not '{shown}'"))
        })?;
        let rest = self.args.from(self.at);
        let wanted = number.saturating_mul(width);
        if rest.len() < wanted {
            let there = rest.len();
            return Err(CommandError::new(format!("ERR {name} announces {wanted} words and {there} follow")));
        }
        self.at = self.at.saturating_add(wanted);
        Ok(rest.take(wanted))
    }
}

/// A float argument; an infinity is one.
///
/// # Errors
/// `ERR value is not a valid float`.
pub fn float(text: &[u8]) -> Result<f64, CommandError> {
    parse_f64(text).ok_or(CommandError::NOT_A_FLOAT)
}

/// An integer argument.
///
/// # Errors
/// `ERR value is not an integer or out of range`.
pub fn integer(text: &[u8]) -> Result<i64, CommandError> {
    parse_i64(text).ok_or(CommandError::NOT_AN_INTEGER)
}

/// A client's word as an error repeats it: readable, and not long.
pub(super) fn shown(word: &[u8]) -> String {
    const LONGEST: usize = 64;
    String::from_utf8_lossy(word.get(..LONGEST).unwrap_or(word)).into_owned()
}

/// Whether an option's word is `name` (upper case), in any case.
#[inline]
pub(super) fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

/// Refuses an option that was given before.
pub(super) fn once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), CommandError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(CommandError::new(format!("ERR {name} was given twice"))),
    }
}

/// Refuses a word that is no option of the command.
pub(super) fn unknown_option(word: &[u8], known: &str) -> CommandError {
    CommandError::new(format!("ERR unknown option '{}'; expected one of {known}", shown(word)))
}
