//! CLIENT KILL, LIST, PAUSE, REPLY and the switches.

use super::words::{Words, is, shown};
use crate::args::Args;
use crate::error::CommandError;
use crate::number::parse_i64;

/// What a connection is to this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// An ordinary client.
    Normal,
    /// Where this node replicates from.
    Master,
    /// Who replicates from this node.
    Replica,
    /// A subscriber.
    Pubsub,
}

impl ClientKind {
    fn parse(word: &[u8]) -> Result<Self, CommandError> {
        match () {
            () if is(word, "NORMAL") => Ok(ClientKind::Normal),
            () if is(word, "MASTER") => Ok(ClientKind::Master),
            () if is(word, "SLAVE") || is(word, "REPLICA") => Ok(ClientKind::Replica),
            () if is(word, "PUBSUB") => Ok(ClientKind::Pubsub),
            () => Err(CommandError::new(format!("ERR Unknown client type '{}'", shown(word)))),
        }
    }
}

/// The arguments of CLIENT KILL: all that is said must be true of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillOptions<'a> {
    /// The old form `CLIENT KILL ip:port`: answer OK or `ERR No such client`, not a count, and spare nobody.
    pub old_form: bool,
    /// The connection's number.
    pub id: Option<u64>,
    /// What it is.
    pub kind: Option<ClientKind>,
    /// Who is logged in.
    pub user: Option<&'a [u8]>,
    /// Its remote `ip:port`.
    pub addr: Option<&'a [u8]>,
    /// Its local `ip:port`.
    pub laddr: Option<&'a [u8]>,
    /// Whether the asking connection is spared.
    pub skip_me: bool,
}

impl<'a> KillOptions<'a> {
    /// Parses both forms. Whether `user` exists is for the caller (`ERR No such user 'x'`).
    ///
    /// # Errors
    /// Redis's texts.
    pub fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let mut options = KillOptions {
            old_form: args.len() == 3,
            id: None,
            kind: None,
            user: None,
            addr: None,
            laddr: None,
            skip_me: true,
        };
        let mut words = Words::new(args, 2);
        if options.old_form {
            options.addr = Some(words.required()?);
            options.skip_me = false;
            return Ok(options);
        }
        while let Some(word) = words.next() {
            let value = words.required()?;
            match () {
                () if is(word, "ID") => options.id = Some(client_id(value)?),
                () if is(word, "TYPE") => options.kind = Some(ClientKind::parse(value)?),
                () if is(word, "ADDR") => options.addr = Some(value),
                () if is(word, "LADDR") => options.laddr = Some(value),
                () if is(word, "USER") => options.user = Some(value),
                () if is(word, "SKIPME") && is(value, "YES") => options.skip_me = true,
                () if is(word, "SKIPME") && is(value, "NO") => options.skip_me = false,
                () => return Err(CommandError::SYNTAX),
            }
        }
        Ok(options)
    }
}

fn client_id(text: &[u8]) -> Result<u64, CommandError> {
    let id = parse_i64(text).and_then(|id| u64::try_from(id).ok()).filter(|&id| id > 0);
    id.ok_or(CommandError::literal("ERR client-id should be greater than 0"))
}

/// The arguments of CLIENT LIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListOptions {
    /// Everybody.
    All,
    /// Those of a kind.
    Kind(ClientKind),
    /// Those with these numbers.
    Ids(Vec<i64>),
}

impl ListOptions {
    /// Parses `[TYPE kind | ID id ...]`.
    ///
    /// # Errors
    /// Redis's texts.
    pub fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        match (args.get(2), args.get(3)) {
            (None, _) => Ok(ListOptions::All),
            (Some(word), Some(kind)) if is(word, "TYPE") && args.len() == 4 => {
                ClientKind::parse(kind).map(ListOptions::Kind)
            }
            (Some(word), Some(_)) if is(word, "ID") => {
                let ids: Option<Vec<i64>> = args.from(3).iter().map(parse_i64).collect();
                ids.map(ListOptions::Ids).ok_or(CommandError::literal("ERR Invalid client ID"))
            }
            _ => Err(CommandError::SYNTAX),
        }
    }
}

/// The argument of CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyMode {
    /// Replies are sent.
    On,
    /// Nothing is sent until ON.
    Off,
    /// The next command's reply is not sent.
    Skip,
}

impl ReplyMode {
    /// Parses `ON|OFF|SKIP`.
    ///
    /// # Errors
    /// `ERR syntax error`.
    pub fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        match args.get(2) {
            Some(word) if is(word, "ON") => Ok(ReplyMode::On),
            Some(word) if is(word, "OFF") => Ok(ReplyMode::Off),
            Some(word) if is(word, "SKIP") => Ok(ReplyMode::Skip),
            _ => Err(CommandError::SYNTAX),
        }
    }

    /// Parses the `ON|OFF` of CLIENT NO-EVICT and NO-TOUCH.
    ///
    /// # Errors
    /// `ERR syntax error`.
    pub fn parse_switch(args: Args<'_>) -> Result<bool, CommandError> {
        match Self::parse(args)? {
            ReplyMode::On => Ok(true),
            ReplyMode::Off => Ok(false),
            ReplyMode::Skip => Err(CommandError::SYNTAX),
        }
    }
}

/// The arguments of CLIENT PAUSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseOptions {
    /// How long, in milliseconds.
    pub timeout_ms: u64,
    /// Whether reads go on.
    pub writes_only: bool,
}

impl PauseOptions {
    /// Parses `timeout [WRITE|ALL]`.
    ///
    /// # Errors
    /// Redis's texts.
    pub fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let writes_only = match args.get(3) {
            None => false,
            Some(word) if is(word, "ALL") => false,
            Some(word) if is(word, "WRITE") => true,
            Some(_) => return Err(CommandError::literal("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        };
        let timeout = args.get(2).and_then(parse_i64);
        let timeout =
            timeout.ok_or(CommandError::literal("ERR timeout is not an integer or out of range"))?;
        let timeout_ms =
            u64::try_from(timeout).map_err(|_| CommandError::literal("ERR timeout is negative"))?;
        Ok(PauseOptions { timeout_ms, writes_only })
    }
}
