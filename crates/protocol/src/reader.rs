//! The reply parser, for the client's side: incremental, of bounded depth, and reserving no more than has arrived.

use memchr::memchr;

use crate::number::parse_i64;
use crate::protocol_error::ProtocolError;
use crate::value::Value;

/// Aggregates within aggregates that a reader accepts.
const MAX_DEPTH: usize = 32;
/// The longest string of a reply, in bytes.
const MAX_BULK: i64 = 512 << 20;
/// The longest line, in bytes: simple strings, errors, numbers.
const MAX_LINE: usize = 1 << 20;
/// Elements reserved before any has arrived.
const RESERVED: usize = 1024;

/// Parses replies, and remembers how far it came within an incomplete one.
#[derive(Debug, Default)]
pub struct Reader {
    open: Vec<OpenAggregate>,
    /// Bytes of the input that are parsed into `open`.
    at: usize,
    /// Bytes of the input known to hold no end of the line at `at`; may lie before it.
    scanned: usize,
}

/// An aggregate whose elements are arriving.
#[derive(Debug)]
struct OpenAggregate {
    kind: ReplyKind,
    /// Elements to come.
    missing: usize,
    items: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReplyKind {
    Array,
    Map,
    Set,
    Push,
    /// Attributes: the value that follows them is their last element.
    Attributes,
}

/// What stands at the front of the input.
enum ReplyToken {
    Value(Value),
    Opens(ReplyKind, usize),
}

impl Reader {
    /// A reader at the start of a connection.
    pub fn new() -> Self {
        Reader::default()
    }

    /// The reply at the front of `input` and its length in bytes, to be dropped before the next call; `None` while it
    /// is incomplete, when the next call must bring the same input and more.
    ///
    /// # Errors
    /// Bytes that are no reply, or one nested too deep; the connection must then be closed.
    pub fn next(&mut self, input: &[u8]) -> Result<Option<(Value, usize)>, ProtocolError> {
        loop {
            let Some((token, next)) = self.token(input)? else { return Ok(None) };
            self.at = next;
            let value = match token {
                ReplyToken::Value(value) => Some(value),
                ReplyToken::Opens(kind, missing) => self.open(kind, missing)?,
            };
            if let Some(reply) = value.and_then(|value| self.close(value)) {
                self.at = 0;
                self.scanned = 0;
                return Ok(Some((reply, next)));
            }
        }
    }

    /// Opens an aggregate; one without elements is a value already.
    fn open(&mut self, kind: ReplyKind, missing: usize) -> Result<Option<Value>, ProtocolError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(ProtocolError::TooDeep);
        }
        let items = Vec::with_capacity(missing.min(RESERVED));
        let open = OpenAggregate { kind, missing, items };
        if missing == 0 {
            return Ok(Some(open.into_value()));
        }
        self.open.push(open);
        Ok(None)
    }

    /// Gives `value` to the innermost open aggregate, and those that are full to theirs; returns the whole reply.
    fn close(&mut self, mut value: Value) -> Option<Value> {
        while let Some(top) = self.open.last_mut() {
            top.items.push(value);
            top.missing = top.missing.saturating_sub(1);
            if top.missing > 0 {
                return None;
            }
            value = self.open.pop()?.into_value();
        }
        Some(value)
    }

    fn token(&mut self, input: &[u8]) -> Result<Option<(ReplyToken, usize)>, ProtocolError> {
        let Some(&kind) = input.get(self.at) else { return Ok(None) };
        if !b"+-:$*_#,(=!%~>|".contains(&kind) {
            return Err(ProtocolError::InvalidReply(kind));
        }
        let Some((line, next)) = self.line(input, kind)? else { return Ok(None) };
        let bad = ProtocolError::InvalidReply(kind);
        let token = match kind {
            b'+' => ReplyToken::Value(Value::Simple(line.to_vec())),
            b'-' => ReplyToken::Value(Value::Error(line.to_vec())),
            b':' => ReplyToken::Value(Value::Integer(parse_i64(line).ok_or(bad)?)),
            b'_' if line.is_empty() => ReplyToken::Value(Value::Null),
            b'#' if line == b"t" => ReplyToken::Value(Value::Boolean(true)),
            b'#' if line == b"f" => ReplyToken::Value(Value::Boolean(false)),
            b',' => ReplyToken::Value(Value::Double(parse_double(line).ok_or(bad)?)),
            b'(' if is_big_number(line) => ReplyToken::Value(Value::BigNumber(line.to_vec())),
            b'$' | b'=' | b'!' => return text(kind, line, next, input),
            b'*' | b'~' | b'>' | b'%' | b'|' => opens(kind, line)?,
            _ => return Err(bad),
        };
        Ok(Some((token, next)))
    }

    /// The rest of the line at `at`, and where the next begins.
    fn line<'i>(&mut self, input: &'i [u8], kind: u8) -> Result<Option<(&'i [u8], usize)>, ProtocolError> {
        let start = self.at.saturating_add(1);
        let from = start.max(self.scanned);
        let found = memchr(b'\r', input.get(from..).unwrap_or(&[]));
        let end = found.map_or(input.len(), |found| from.saturating_add(found));
        if end.saturating_sub(start) > MAX_LINE {
            return Err(ProtocolError::InvalidReply(kind));
        }
        self.scanned = end;
        match input.get(end..) {
            Some([b'\r', b'\n', ..]) => Ok(Some((&input[start..end], end.saturating_add(2)))),
            Some([b'\r', _, ..]) => Err(ProtocolError::InvalidReply(kind)),
            _ => Ok(None),
        }
    }
}

impl OpenAggregate {
    fn into_value(self) -> Value {
        match self.kind {
            ReplyKind::Array => Value::Array(self.items),
            ReplyKind::Set => Value::Set(self.items),
            ReplyKind::Push => Value::Push(self.items),
            ReplyKind::Map => Value::Map(pairs(self.items)),
            ReplyKind::Attributes => {
                let mut items = self.items;
                let value = items.pop().unwrap_or(Value::Null);
                Value::Attributed(pairs(items), Box::new(value))
            }
        }
    }
}

fn pairs(items: Vec<Value>) -> Vec<(Value, Value)> {
    let mut items = items.into_iter();
    std::iter::from_fn(|| Some((items.next()?, items.next()?))).collect()
}

fn opens(kind: u8, line: &[u8]) -> Result<ReplyToken, ProtocolError> {
    let bad = ProtocolError::InvalidReply(kind);
    let count = parse_i64(line).ok_or(bad)?;
    if count == -1 && kind == b'*' {
        return Ok(ReplyToken::Value(Value::Null));
    }
    let count = usize::try_from(count).map_err(|_| bad)?;
    let doubled = count.checked_mul(2).ok_or(bad)?;
    Ok(match kind {
        b'*' => ReplyToken::Opens(ReplyKind::Array, count),
        b'~' => ReplyToken::Opens(ReplyKind::Set, count),
        b'>' => ReplyToken::Opens(ReplyKind::Push, count),
        b'%' => ReplyToken::Opens(ReplyKind::Map, doubled),
        _ => ReplyToken::Opens(ReplyKind::Attributes, doubled.checked_add(1).ok_or(bad)?),
    })
}

/// A string with its length before it: bulk, verbatim or error.
fn text(
    kind: u8,
    line: &[u8],
    start: usize,
    input: &[u8],
) -> Result<Option<(ReplyToken, usize)>, ProtocolError> {
    let bad = ProtocolError::InvalidReply(kind);
    let len = parse_i64(line).filter(|&len| len <= MAX_BULK).ok_or(bad)?;
    if len == -1 && kind == b'$' {
        return Ok(Some((ReplyToken::Value(Value::Null), start)));
    }
    let end = start.saturating_add(usize::try_from(len).map_err(|_| bad)?);
    let next = end.saturating_add(2);
    if next > input.len() {
        return Ok(None);
    }
    if &input[end..next] != b"\r\n" {
        return Err(bad);
    }
    let bytes = &input[start..end];
    let value = match (kind, bytes) {
        (b'=', [a, b, c, b':', text @ ..]) => Value::Verbatim([*a, *b, *c], text.to_vec()),
        (b'=', _) => return Err(bad),
        (b'!', _) => Value::Error(bytes.to_vec()),
        _ => Value::Bulk(bytes.to_vec()),
    };
    Ok(Some((ReplyToken::Value(value), next)))
}

fn parse_double(line: &[u8]) -> Option<f64> {
    let is_blank = line.iter().any(|byte| byte.is_ascii_whitespace());
    if is_blank { None } else { std::str::from_utf8(line).ok()?.parse().ok() }
}

fn is_big_number(line: &[u8]) -> bool {
    let digits = line.strip_prefix(b"-").unwrap_or(line);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
