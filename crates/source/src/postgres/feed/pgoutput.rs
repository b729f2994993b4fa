//! The messages of PostgreSQL's `pgoutput` plugin, protocol version 1 with messages, read from bytes.
//!
//! After "Logical Replication Message Formats" in PostgreSQL's manual.

use std::fmt;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LogMessage<'a> {
    Begin {
        commit_lsn: u64,
        /// Microseconds since 1970, by the server's clock.
        at_us: i64,
        xid: u32,
    },
    Commit {
        end_lsn: u64,
    },
    Relation(Relation<'a>),
    Insert {
        relation: u32,
        new: Tuple<'a>,
    },
    Update {
        relation: u32,
        old: Option<Old<'a>>,
        new: Tuple<'a>,
    },
    Delete {
        relation: u32,
        old: Old<'a>,
    },
    Truncate {
        relations: Vec<u32>,
    },
    Told {
        prefix: &'a [u8],
        content: &'a [u8],
    },
    /// An origin or a type: nothing to do here.
    Other,
}

/// A table as the changes that follow have it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Relation<'a> {
    pub id: u32,
    pub schema: &'a str,
    pub name: &'a str,
    pub columns: Vec<LogColumn<'a>>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LogColumn<'a> {
    pub name: &'a str,
    pub type_oid: u32,
    /// Whether it is part of the replica identity.
    pub key: bool,
}

/// What a change says of the row before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Old<'a> {
    /// The columns of the replica identity; the others are told as NULL.
    Key(Tuple<'a>),
    /// All columns.
    Full(Tuple<'a>),
}

/// The values of a row, in the order of its columns.
pub type Tuple<'a> = Vec<LogValue<'a>>;

/// A value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogValue<'a> {
    /// NULL.
    Null,
    /// As it was; too large to be told again.
    Unchanged,
    /// In text.
    Text(&'a str),
}

/// A message that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message of the log cannot be read")
    }
}

/// The time from which PostgreSQL counts, in microseconds since 1970.
const YEAR_2000_US: i64 = 946_684_800_000_000;

/// Reads a message.
pub fn read(bytes: &[u8]) -> Result<LogMessage<'_>, Malformed> {
    let mut input = LogInput(bytes);
    match input.byte()? {
        b'B' => {
            let commit_lsn = input.long()?;
            let since_2000 = input.long()?.cast_signed();
            let at_us = since_2000.saturating_add(YEAR_2000_US);
            Ok(LogMessage::Begin { commit_lsn, at_us, xid: input.int()? })
        }
        b'C' => {
            let _flags = input.byte()?;
            let _commit_lsn = input.long()?;
            Ok(LogMessage::Commit { end_lsn: input.long()? })
        }
        b'R' => relation(&mut input).map(LogMessage::Relation),
        b'I' => {
            let relation = input.int()?;
            match input.byte()? {
                b'N' => Ok(LogMessage::Insert { relation, new: tuple(&mut input)? }),
                _ => Err(Malformed),
            }
        }
        b'U' => update(&mut input),
        b'D' => {
            let relation = input.int()?;
            let kind = input.byte()?;
            Ok(LogMessage::Delete { relation, old: old(kind, &mut input)? })
        }
        b'T' => {
            let count = input.int()?;
            let _options = input.byte()?;
            Ok(LogMessage::Truncate { relations: (0..count).map(|_| input.int()).collect::<Result<_, _>>()? })
        }
        b'M' => {
            let _flags = input.byte()?;
            let _lsn = input.long()?;
            let prefix = input.string()?;
            let length = input.int()?;
            Ok(LogMessage::Told { prefix, content: input.take(length)? })
        }
        b'O' | b'Y' => Ok(LogMessage::Other),
        _ => Err(Malformed),
    }
}

fn relation<'a>(input: &mut LogInput<'a>) -> Result<Relation<'a>, Malformed> {
    let (id, schema, name) = (input.int()?, input.text()?, input.text()?);
    let _identity = input.byte()?;
    let count = input.short()?;
    let column = |_| {
        let key = input.byte()? & 1 == 1;
        let column = LogColumn { key, name: input.text()?, type_oid: input.int()? };
        let _modifier = input.int()?;
        Ok(column)
    };
    let columns = (0..count).map(column).collect::<Result<_, _>>()?;
    Ok(Relation { id, schema, name, columns })
}

fn update<'a>(input: &mut LogInput<'a>) -> Result<LogMessage<'a>, Malformed> {
    let relation = input.int()?;
    let mut kind = input.byte()?;
    let mut before = None;
    if kind != b'N' {
        before = Some(old(kind, input)?);
        kind = input.byte()?;
    }
    match kind {
        b'N' => Ok(LogMessage::Update { relation, old: before, new: tuple(input)? }),
        _ => Err(Malformed),
    }
}

fn old<'a>(kind: u8, input: &mut LogInput<'a>) -> Result<Old<'a>, Malformed> {
    match kind {
        b'K' => Ok(Old::Key(tuple(input)?)),
        b'O' => Ok(Old::Full(tuple(input)?)),
        _ => Err(Malformed),
    }
}

fn tuple<'a>(input: &mut LogInput<'a>) -> Result<Tuple<'a>, Malformed> {
    let count = input.short()?;
    let value = |_| match input.byte()? {
        b'n' => Ok(LogValue::Null),
        b'u' => Ok(LogValue::Unchanged),
        b't' => {
            let length = input.int()?;
            Ok(LogValue::Text(std::str::from_utf8(input.take(length)?).map_err(|_| Malformed)?))
        }
        _ => Err(Malformed),
    };
    (0..count).map(value).collect()
}

struct LogInput<'a>(&'a [u8]);

impl<'a> LogInput<'a> {
    fn take(&mut self, length: u32) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length as usize).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn short(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    fn int(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    fn long(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(Malformed)?;
        let (text, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).ok_or(Malformed)?;
        Ok(text)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.string()?).map_err(|_| Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read() {
        assert_eq!(
            read(b"B\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x07\0\0\0\x01"),
            Ok(LogMessage::Begin { commit_lsn: 5, at_us: 946_684_800_000_007, xid: 1 })
        );
        let commit = b"C\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x09tttttttt";
        assert_eq!(read(commit), Ok(LogMessage::Commit { end_lsn: 9 }));
        let relation = b"R\0\0\0\x07public\0posts\0d\0\x02\x01id\0\0\0\0\x17\xff\xff\xff\xff\0a\0\0\0\0\x19\xff\xff\xff\xff";
        let Ok(LogMessage::Relation(relation)) = read(relation) else { panic!("a relation") };
        assert_eq!((relation.id, relation.schema, relation.name), (7, "public", "posts"));
        let columns: Vec<_> = relation.columns.iter().map(|c| (c.name, c.type_oid, c.key)).collect();
        assert_eq!(columns, [("id", 23, true), ("a", 25, false)]);
        assert_eq!(read(b"T\0\0\0\x01\0\0\0\0\x07"), Ok(LogMessage::Truncate { relations: vec![7] }));
        let told = LogMessage::Told { prefix: b"p", content: b"ab" };
        assert_eq!(read(b"M\x01\0\0\0\0\0\0\0\x05p\0\0\0\0\x02ab"), Ok(told));
    }

    #[test]
    fn rows_are_read() {
        let new = vec![LogValue::Text("1"), LogValue::Null, LogValue::Unchanged];
        let bytes = b"I\0\0\0\x07N\0\x03t\0\0\0\x011nu";
        assert_eq!(read(bytes), Ok(LogMessage::Insert { relation: 7, new: new.clone() }));
        let update = LogMessage::Update { relation: 7, old: None, new: new.clone() };
        assert_eq!(read(b"U\0\0\0\x07N\0\x03t\0\0\0\x011nu"), Ok(update));
        let old = Some(Old::Key(vec![LogValue::Text("2")]));
        let update = LogMessage::Update { relation: 7, old, new };
        assert_eq!(read(b"U\0\0\0\x07K\0\x01t\0\0\0\x012N\0\x03t\0\0\0\x011nu"), Ok(update));
        let old = Old::Full(vec![LogValue::Null]);
        assert_eq!(read(b"D\0\0\0\x07O\0\x01n"), Ok(LogMessage::Delete { relation: 7, old }));
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        let whole = b"U\0\0\0\x07K\0\x01t\0\0\0\x012N\0\x03t\0\0\0\x011nu";
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), Err(Malformed), "cut at {end}");
        }
        let mut random = fastrand::Rng::with_seed(1);
        let kinds = b"BCRIUDTMOY";
        for _ in 0..20_000 {
            let mut bytes: Vec<u8> = (0..random.usize(..40)).map(|_| random.u8(..)).collect();
            bytes.insert(0, kinds[random.usize(..kinds.len())]);
            let _read_or_refused = read(&bytes);
        }
    }
}
