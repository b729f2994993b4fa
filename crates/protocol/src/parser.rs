//! The request parser: incremental, without copies, and linear in the bytes however they are cut.

use memchr::memchr;

use crate::args::{Args, Span};
use crate::inline;
use crate::number::parse_i64;
use crate::protocol_error::ProtocolError;

/// What a request may take. Sizes are in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest single argument.
    pub max_bulk: usize,
    /// The most arguments of one request.
    pub max_args: usize,
    /// The longest inline request, and the longest line of a length.
    pub max_inline: usize,
    /// The longest whole request.
    pub max_request: usize,
    /// False while a password is required and was not given: then only what AUTH takes is accepted.
    pub authenticated: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_bulk: 512 << 20,
            max_args: 1 << 20,
            max_inline: 64 << 10,
            max_request: 1 << 30,
            authenticated: true,
        }
    }
}

/// Arguments accepted before AUTH.
const UNAUTHENTICATED_ARGS: usize = 10;
/// Bytes of one argument accepted before AUTH.
const UNAUTHENTICATED_BULK: usize = 16384;
/// The least that [`Step::Incomplete`] may ask for however little has arrived.
const RESERVE_FLOOR: usize = 64 << 10;
/// A list of arguments larger than this is given back after its request.
const KEPT_SPANS: usize = 1024;
/// Unquoted inline bytes kept between requests.
const KEPT_INLINE: usize = 4096;

/// How far [`Parser::next`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A request is there: read [`Parser::args`], then drop `consumed` bytes from the front of the input.
    Request {
        /// Bytes that the request took.
        consumed: usize,
    },
    /// Nothing was asked (`*0`, `*-1`, a blank line): drop `consumed` bytes and go on. No reply is due.
    Empty {
        /// Bytes to drop.
        consumed: usize,
    },
    /// More bytes are needed. Call again with the same input and more at its end.
    Incomplete {
        /// Bytes that are missing at least, never more than has arrived already or 64 KiB: room may be reserved for it
        /// without trusting the client's word.
        at_least: usize,
    },
}

/// Parses requests. It remembers how far it came within an incomplete request, so its input must begin at the same byte
/// until a step says what was consumed.
#[derive(Debug, Default)]
pub struct Parser {
    spans: Vec<Span>,
    inline_bytes: Vec<u8>,
    is_inline: bool,
    /// Bytes of the input that are parsed; 0 before a request's first line is.
    at: usize,
    /// Bytes of the input known to hold no end of the line that begins at or before `at`.
    scanned: usize,
    /// Arguments that have not arrived.
    missing: usize,
    /// The announced length of the argument at `at`, once it is known.
    bulk: Option<usize>,
}

impl Parser {
    /// A parser at the start of a connection.
    pub fn new() -> Self {
        Parser::default()
    }

    /// Goes on with the request at the front of `input`.
    ///
    /// # Errors
    /// Input that can never become a request; the connection must then be closed.
    #[inline]
    pub fn next(&mut self, input: &[u8], limits: &Limits) -> Result<Step, ProtocolError> {
        match input.first() {
            None => Ok(Step::Incomplete { at_least: 1 }),
            Some(b'*') => self.multibulk(input, limits),
            Some(_) => self.inline(input, limits),
        }
    }

    /// The arguments of the request that [`Step::Request`] announced; `input` must be the same as it was then.
    #[inline]
    pub fn args<'a>(&'a self, input: &'a [u8]) -> Args<'a> {
        Args::new(if self.is_inline { &self.inline_bytes } else { input }, &self.spans)
    }

    /// Bytes of memory that the parser holds, for a connection's account.
    pub fn memory_bytes(&self) -> usize {
        let spans = self.spans.capacity().saturating_mul(size_of::<Span>());
        self.inline_bytes.capacity().saturating_add(spans)
    }

    #[inline]
    fn multibulk(&mut self, input: &[u8], limits: &Limits) -> Result<Step, ProtocolError> {
        if self.at == 0 {
            let Some((count, next)) = self.length(input, 1, limits.max_inline, &COUNT)? else {
                return Ok(incomplete(input, 1));
            };
            if count <= 0 {
                self.begin_next();
                return Ok(Step::Empty { consumed: next });
            }
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            if count > limits.max_args {
                return Err(ProtocolError::InvalidMultibulkLength);
            }
            if count > UNAUTHENTICATED_ARGS && !limits.authenticated {
                return Err(ProtocolError::UnauthenticatedMultibulkLength);
            }
            self.begin_request(false);
            self.missing = count;
            self.at = next;
        }
        self.bulks(input, limits)
    }

    #[inline]
    fn bulks(&mut self, input: &[u8], limits: &Limits) -> Result<Step, ProtocolError> {
        let mut at = self.at;
        while self.missing > 0 {
            let len = match self.bulk.take() {
                Some(len) => len,
                None => {
                    self.at = at;
                    match input.get(at) {
                        None => return Ok(incomplete(input, 1)),
                        Some(b'$') => {}
                        Some(&byte) => return Err(ProtocolError::ExpectedBulk(byte)),
                    }
                    let line = self.length(input, at.saturating_add(1), limits.max_inline, &BULK)?;
                    let Some((len, next)) = line else { return Ok(incomplete(input, 1)) };
                    at = next;
                    bulk_length(len, limits)?
                }
            };
            let end = at.saturating_add(len);
            let next = end.saturating_add(2);
            if next > input.len() {
                if next > limits.max_request {
                    return Err(ProtocolError::TooBigRequest);
                }
                self.bulk = Some(len);
                self.at = at;
                return Ok(incomplete(input, next.saturating_sub(input.len())));
            }
            self.spans.push(Span { start: at, end });
            at = next;
            self.missing = self.missing.wrapping_sub(1);
        }
        self.begin_next();
        self.guarded(input, at)
    }

    /// The number on the line that begins at `start`, and where the next line begins; `None` when the line has not
    /// ended. As in Redis a line ends with CR and any one byte.
    #[inline]
    fn length(
        &mut self,
        input: &[u8],
        start: usize,
        max: usize,
        errors: &LengthErrors,
    ) -> Result<Option<(i64, usize)>, ProtocolError> {
        let digit = |byte: u8| i64::from(byte.wrapping_sub(b'0'));
        match *input.get(start..).unwrap_or(&[]) {
            [a @ b'0'..=b'9', b'\r', _, ..] => Ok(Some((digit(a), start.saturating_add(3)))),
            [a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', _, ..] => {
                Ok(Some((digit(a).wrapping_mul(10).wrapping_add(digit(b)), start.saturating_add(4))))
            }
            _ => self.length_slow(input, start, max, errors),
        }
    }

    fn length_slow(
        &mut self,
        input: &[u8],
        start: usize,
        max: usize,
        errors: &LengthErrors,
    ) -> Result<Option<(i64, usize)>, ProtocolError> {
        let from = start.max(self.scanned);
        let Some(found) = memchr(b'\r', input.get(from..).unwrap_or(&[])) else {
            if input.len().saturating_sub(start) > max {
                return Err(errors.endless);
            }
            self.scanned = input.len();
            return Ok(None);
        };
        let end = from.saturating_add(found);
        if end.saturating_sub(start) > max {
            return Err(errors.endless);
        }
        let next = end.saturating_add(2);
        if next > input.len() {
            self.scanned = end;
            return Ok(None);
        }
        let value = parse_i64(&input[start..end]).ok_or(errors.invalid)?;
        Ok(Some((value, next)))
    }

    fn inline(&mut self, input: &[u8], limits: &Limits) -> Result<Step, ProtocolError> {
        let Some(found) = memchr(b'\n', &input[self.scanned..]) else {
            if input.len() > limits.max_inline {
                return Err(ProtocolError::TooBigInline);
            }
            self.scanned = input.len();
            return Ok(incomplete(input, 1));
        };
        let end = self.scanned.saturating_add(found);
        if end > limits.max_inline {
            return Err(ProtocolError::TooBigInline);
        }
        let consumed = end.saturating_add(1);
        self.begin_request(true);
        let line = &input[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        inline::split(line, &mut self.inline_bytes, &mut self.spans)?;
        self.begin_next();
        if self.spans.is_empty() {
            return Ok(Step::Empty { consumed });
        }
        self.guarded(input, consumed)
    }

    /// Refuses what a browser sends when a page makes it POST to this port.
    #[inline]
    fn guarded(&self, input: &[u8], consumed: usize) -> Result<Step, ProtocolError> {
        let args = self.args(input);
        let name = args.get(0).unwrap_or(&[]);
        let is_http = match name.len() {
            4 => name.eq_ignore_ascii_case(b"post"),
            5 => name.eq_ignore_ascii_case(b"host:"),
            _ => false,
        };
        if is_http { Err(ProtocolError::CrossProtocol) } else { Ok(Step::Request { consumed }) }
    }

    #[inline]
    fn begin_request(&mut self, is_inline: bool) {
        if self.spans.capacity() > KEPT_SPANS {
            self.spans = Vec::new();
        }
        if self.inline_bytes.capacity() > KEPT_INLINE {
            self.inline_bytes = Vec::new();
        }
        self.spans.clear();
        self.inline_bytes.clear();
        self.is_inline = is_inline;
    }

    #[inline]
    fn begin_next(&mut self) {
        self.at = 0;
        self.scanned = 0;
        self.bulk = None;
    }
}

/// What a bad line of a length is called.
struct LengthErrors {
    invalid: ProtocolError,
    endless: ProtocolError,
}

const COUNT: LengthErrors = LengthErrors {
    invalid: ProtocolError::InvalidMultibulkLength,
    endless: ProtocolError::TooBigMultibulkCount,
};
const BULK: LengthErrors =
    LengthErrors { invalid: ProtocolError::InvalidBulkLength, endless: ProtocolError::TooBigBulkCount };

#[inline]
fn bulk_length(len: i64, limits: &Limits) -> Result<usize, ProtocolError> {
    let len = usize::try_from(len).map_err(|_| ProtocolError::InvalidBulkLength)?;
    if len > limits.max_bulk {
        return Err(ProtocolError::InvalidBulkLength);
    }
    if len > UNAUTHENTICATED_BULK && !limits.authenticated {
        return Err(ProtocolError::UnauthenticatedBulkLength);
    }
    Ok(len)
}

fn incomplete(input: &[u8], missing: usize) -> Step {
    Step::Incomplete { at_least: missing.min(input.len().max(RESERVE_FLOOR)) }
}
