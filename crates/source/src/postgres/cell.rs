//! Values on their way to PostgreSQL and back.
//!
//! What a load returns and what the feed tells of the same column are the same [`Cell`]: names are made from both.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::Cell;

/// A parameter. Bytes go to `bytea` as they are; everything else goes as text, so that PostgreSQL itself decides what the
/// text means for the parameter's type and refuses what does not fit, in its own words.
#[derive(Debug)]
pub struct Bound(pub Cell);

impl ToSql for Bound {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match &self.0 {
            Cell::Null => return Ok(IsNull::Yes),
            Cell::Text(text) => out.put_slice(text.as_bytes()),
            Cell::Blob(bytes) => out.put_slice(bytes),
            Cell::Integer(n) => out.put_slice(n.to_string().as_bytes()),
            Cell::Real(x) => out.put_slice(x.to_string().as_bytes()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, ty: &Type) -> Format {
        match *ty {
            Type::BYTEA => Format::Binary,
            _ => Format::Text,
        }
    }

    to_sql_checked!();
}

/// Whether a column of this type can be read as it is sent; others are asked for as text.
pub fn is_plain(ty: &Type) -> bool {
    matches!(
        *ty,
        Type::BOOL
            | Type::INT2
            | Type::INT4
            | Type::INT8
            | Type::FLOAT8
            | Type::TEXT
            | Type::VARCHAR
            | Type::BPCHAR
            | Type::NAME
            | Type::BYTEA
            | Type::UUID
            | Type::JSON
            | Type::JSONB
    )
}

/// A value of a row.
pub struct CellText(pub Cell);

impl<'a> FromSql<'a> for CellText {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let text = |raw: &[u8]| Ok::<_, std::str::Utf8Error>(Cell::Text(std::str::from_utf8(raw)?.into()));
        Ok(CellText(match *ty {
            Type::BOOL => Cell::Text(if raw == [0] { "false" } else { "true" }.into()),
            Type::INT2 => Cell::Integer(i16::from_be_bytes(raw.try_into()?).into()),
            Type::INT4 => Cell::Integer(i32::from_be_bytes(raw.try_into()?).into()),
            Type::INT8 => Cell::Integer(i64::from_be_bytes(raw.try_into()?)),
            Type::FLOAT8 => Cell::Real(f64::from_be_bytes(raw.try_into()?)),
            Type::BYTEA => Cell::Blob(raw.into()),
            Type::UUID => Cell::Text(uuid(raw).into()),
            // The first byte is the version of the form.
            Type::JSONB => text(raw.get(1..).unwrap_or_default())?,
            _ => text(raw)?,
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(CellText(Cell::Null))
    }

    fn accepts(ty: &Type) -> bool {
        is_plain(ty)
    }
}

fn uuid(raw: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in raw.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// A value as the feed tells it: in text, with the number of its type.
pub fn told(type_oid: u32, text: &str) -> Cell {
    let number = || text.parse().ok().map(Cell::Integer);
    let known = match Type::from_oid(type_oid) {
        Some(Type::BOOL) => Some(Cell::Text(if text == "t" { "true" } else { "false" }.into())),
        Some(Type::INT2 | Type::INT4 | Type::INT8) => number(),
        Some(Type::FLOAT8) => text.parse().ok().map(Cell::Real),
        Some(Type::BYTEA) => text.strip_prefix("\\x").and_then(hex).map(|bytes| Cell::Blob(bytes.into())),
        _ => None,
    };
    known.unwrap_or_else(|| Cell::Text(text.into()))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_feed_tells_is_what_a_load_returns() {
        let read = |ty, raw: &[u8]| CellText::from_sql(&ty, raw).map(|read| read.0).unwrap();
        assert_eq!(read(Type::INT4, &[0, 0, 0, 7]), told(23, "7"));
        assert_eq!(read(Type::INT2, &[0xff, 0xff]), told(21, "-1"));
        assert_eq!(read(Type::INT8, &7_i64.to_be_bytes()), told(20, "7"));
        assert_eq!(read(Type::BOOL, &[1]), told(16, "t"));
        assert_eq!(read(Type::FLOAT8, &1.5_f64.to_be_bytes()), told(701, "1.5"));
        assert_eq!(read(Type::BYTEA, &[0, 255]), told(17, "\\x00ff"));
        assert_eq!(read(Type::TEXT, "ü".as_bytes()), told(25, "ü"));
        assert_eq!(read(Type::JSONB, b"\x01{}"), told(3802, "{}"));
        let id = "123e4567-e89b-12d3-a456-426614174000";
        let raw = hex(&id.replace('-', "")).unwrap();
        assert_eq!(read(Type::UUID, &raw), told(2950, id));
    }
}
