//! HELLO, AUTH, SELECT and client names.

use super::words::{Words, integer, is, shown};
use crate::args::Args;
use crate::error::CommandError;
use crate::number::parse_i64;
use crate::reply::Resp;

/// A user name and a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthOptions<'a> {
    /// The user; `default` when AUTH named none.
    pub user: &'a [u8],
    /// The password.
    pub password: &'a [u8],
    /// Whether a user was named.
    pub named: bool,
}

impl<'a> AuthOptions<'a> {
    /// Parses `[username] password`.
    ///
    /// # Errors
    /// `ERR syntax error` for more.
    pub fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        match (args.len(), args.get(1), args.get(2)) {
            (2, Some(password), _) => Ok(AuthOptions { user: b"default", password, named: false }),
            (3, Some(user), Some(password)) => Ok(AuthOptions { user, password, named: true }),
            _ => Err(CommandError::SYNTAX),
        }
    }
}

/// The arguments of HELLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelloOptions<'a> {
    /// The protocol to switch to; none keeps the present one.
    pub resp: Option<Resp>,
    /// Who logs in.
    pub auth: Option<AuthOptions<'a>>,
    /// The connection's name.
    pub name: Option<&'a [u8]>,
}

impl<'a> HelloOptions<'a> {
    /// Parses `[protover [AUTH user password] [SETNAME name]]`. Check the login before the name and switch last: a
    /// refused HELLO changes nothing.
    ///
    /// # Errors
    /// Redis's texts, `NOPROTO` included.
    pub fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut words = Words::new(args, 1);
        let mut options = HelloOptions { resp: None, auth: None, name: None };
        let Some(version) = words.next() else { return Ok(options) };
        options.resp = Some(match parse_i64(version) {
            Some(2) => Resp::V2,
            Some(3) => Resp::V3,
            Some(_) => return Err(CommandError::literal("NOPROTO unsupported protocol version")),
            None => {
                return Err(CommandError::literal("ERR Protocol version is not an integer or out of range"));
            }
        });
        while let Some(word) = words.next() {
            options.parse_word(word, &mut words).ok_or_else(|| {
                let mut text = b"ERR Syntax error in HELLO option '".to_vec();
                text.extend_from_slice(word);
                text.push(b'\'');
                CommandError::new(text)
            })?;
        }
        if let Some(name) = options.name {
            check_client_name(name)?;
        }
        Ok(options)
    }

    fn parse_word(&mut self, word: &[u8], words: &mut Words<'a>) -> Option<()> {
        if is(word, "AUTH") {
            let (user, password) = (words.next()?, words.next()?);
            self.auth = Some(AuthOptions { user, password, named: true });
        } else if is(word, "SETNAME") {
            self.name = Some(words.next()?);
        } else {
            return None;
        }
        Some(())
    }
}

/// Whether a connection may be called that; an empty name takes the old one away.
///
/// # Errors
/// Redis's text for blanks and control characters.
pub fn check_client_name(name: &[u8]) -> Result<(), CommandError> {
    if is_printable(name) {
        return Ok(());
    }
    Err(CommandError::literal("ERR Client names cannot contain spaces, newlines or special characters."))
}

/// The arguments of CLIENT SETINFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetInfo<'a> {
    /// The client library's name.
    LibName(&'a [u8]),
    /// The client library's version.
    LibVersion(&'a [u8]),
}

impl<'a> SetInfo<'a> {
    /// Parses `LIB-NAME name | LIB-VER version`.
    ///
    /// # Errors
    /// Redis's texts.
    pub fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut words = Words::new(args, 2);
        let (word, value) = (words.required()?, words.required()?);
        let info = match () {
            () if is(word, "LIB-NAME") => SetInfo::LibName(value),
            () if is(word, "LIB-VER") => SetInfo::LibVersion(value),
            () => return Err(CommandError::new(format!("ERR Unrecognized option '{}'", shown(word)))),
        };
        if is_printable(value) {
            return Ok(info);
        }
        let word = shown(word);
        let text = format!("ERR {word} cannot contain spaces, newlines or special characters.");
        Err(CommandError::new(text))
    }
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

/// The index of SELECT and COPY, below `databases`.
///
/// # Errors
/// Redis's texts for no number and for one that is no database.
pub fn parse_db_index(text: &[u8], databases: u32) -> Result<u32, CommandError> {
    let index = u32::try_from(integer(text)?).ok().filter(|&index| index < databases);
    index.ok_or(CommandError::DB_OUT_OF_RANGE)
}
