//! What ends a connection: bytes that are no request.

use std::fmt;

/// Input that breaks the protocol. The connection must be closed, after the reply where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// `*n` where n is no number, or more than a request may have.
    InvalidMultibulkLength,
    /// `$n` where n is no number, negative, or more than a value may have.
    InvalidBulkLength,
    /// Something else than `$` where an argument should begin.
    ExpectedBulk(u8),
    /// The line of `*n` does not end.
    TooBigMultibulkCount,
    /// The line of `$n` does not end.
    TooBigBulkCount,
    /// An inline request whose line is too long or does not end.
    TooBigInline,
    /// An inline request with a quote that does not close, or closes inside a word.
    UnbalancedQuotes,
    /// Before AUTH: more arguments than authenticating takes.
    UnauthenticatedMultibulkLength,
    /// Before AUTH: a longer argument than authenticating takes.
    UnauthenticatedBulkLength,
    /// All arguments together are longer than a request may be.
    TooBigRequest,
    /// `POST` or `Host:`: a browser was tricked into speaking to this port. Close without a reply.
    CrossProtocol,
    /// A reply nested deeper than a reader accepts.
    TooDeep,
    /// A reply of a type that RESP does not have, or that breaks its own form.
    InvalidReply(u8),
}

impl ProtocolError {
    /// Whether to close without a word (a browser must not be given anything to read).
    pub fn is_silent(self) -> bool {
        self == ProtocolError::CrossProtocol
    }
}

impl fmt::Display for ProtocolError {
    /// The text of the error reply, without its leading `-`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ERR Protocol error: ")?;
        match *self {
            ProtocolError::InvalidMultibulkLength => f.write_str("invalid multibulk length"),
            ProtocolError::InvalidBulkLength => f.write_str("invalid bulk length"),
            ProtocolError::ExpectedBulk(byte) => write!(f, "expected '$', got '{}'", printable(byte)),
            ProtocolError::TooBigMultibulkCount => f.write_str("too big mbulk count string"),
            ProtocolError::TooBigBulkCount => f.write_str("too big bulk count string"),
            ProtocolError::TooBigInline => f.write_str("too big inline request"),
            ProtocolError::UnbalancedQuotes => f.write_str("unbalanced quotes in request"),
            ProtocolError::UnauthenticatedMultibulkLength => f.write_str("unauthenticated multibulk length"),
            ProtocolError::UnauthenticatedBulkLength => f.write_str("unauthenticated bulk length"),
            ProtocolError::TooBigRequest => f.write_str("too big request"),
            ProtocolError::CrossProtocol => f.write_str("this is no HTTP port"),
            ProtocolError::TooDeep => f.write_str("reply nested too deep"),
            ProtocolError::InvalidReply(byte) => write!(f, "invalid reply near '{}'", printable(byte)),
        }
    }
}

impl std::error::Error for ProtocolError {}

/// Keeps the reply on one line and the text UTF-8.
fn printable(byte: u8) -> char {
    if byte.is_ascii_graphic() { char::from(byte) } else { ' ' }
}
