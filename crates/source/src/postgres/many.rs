//! One statement for many keys at once: each key's own rows, by one query.
//!
//! The statement stands unchanged inside of a query over the keys, where its parameters are the key's columns:
//! whatever it selects, it is run for each key by itself. Values go as text and become the parameter's type there, in
//! the words of the type, as they would as parameters.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error};

use super::link::LinkFault;
use super::prepared::{Prepared, aliases, bare, bound, read, readable};
use super::text::Text;
use crate::{Cell, Param, Row};

/// A statement, prepared for many keys.
pub struct Many {
    statement: tokio_postgres::Statement,
    columns: Vec<Arc<str>>,
    names: Vec<Arc<str>>,
    /// Which of the parameters are bytes.
    hex: Vec<bool>,
}

impl Many {
    /// Prepares it. `None`: what can be run for one key cannot be run inside of a query, or has no parameters.
    pub async fn prepare(client: &Client, statement: &str, single: &Prepared) -> Result<Option<Many>, Error> {
        let text = Text::parse(statement);
        if text.names.is_empty() {
            return Ok(None);
        }
        let sql = query(&text, single.statement.params(), &single.types);
        let types = vec![Type::TEXT_ARRAY; text.names.len()];
        match client.prepare_typed(&sql, &types).await {
            Ok(statement) => {
                let hex = single.statement.params().iter().map(|ty| *ty == Type::BYTEA).collect();
                let columns = single.columns.clone();
                Ok(Some(Many { statement, columns, names: text.names, hex }))
            }
            Err(wrong) if wrong.as_db_error().is_some() && !super::error::is_broken(&wrong) => Ok(None),
            Err(wrong) => Err(wrong),
        }
    }

    /// Runs it. A fault of all is that of the query: one key's values may be to blame.
    pub async fn rows(
        &self,
        client: &Client,
        params: &[&[Param]],
    ) -> Result<Vec<Result<Option<Row>, LinkFault>>, LinkFault> {
        let mut rows: Vec<Result<Option<Row>, LinkFault>> = Vec::with_capacity(params.len());
        let mut values: Vec<ParameterValues<'_>> = self
            .hex
            .iter()
            .map(|hex| ParameterValues { hex: *hex, cells: Vec::with_capacity(params.len()) })
            .collect();
        for params in params {
            let cells: Result<Vec<&Cell>, LinkFault> =
                self.names.iter().map(|name| bound(params, name)).collect();
            // One that lacks a parameter keeps its place, with values that nobody looks at.
            for (at, values) in values.iter_mut().enumerate() {
                values.cells.push(cells.as_ref().ok().and_then(|cells| cells.get(at).copied()));
            }
            rows.push(cells.map(|_| None));
        }
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|values| values as _).collect();
        for row in client.query(&self.statement, &values).await? {
            let place = usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or(0);
            if let Some(Ok(found)) = place.checked_sub(1).and_then(|at| rows.get_mut(at)) {
                *found = Some(read(&row, 1, &self.columns)?);
            }
        }
        Ok(rows)
    }
}

/// The query over the keys. The first row of each is taken where the statement's own order still holds.
fn query(text: &Text, params: &[Type], types: &[Type]) -> String {
    let key = |at: usize| match params.get(at) {
        Some(ty) if *ty == Type::BYTEA => format!("decode(clearwell_keys.p{at}, 'hex')"),
        Some(ty) => format!("(clearwell_keys.p{at}::{})", type_name(ty)),
        None => format!("clearwell_keys.p{at}"),
    };
    let arrays: Vec<String> = (1..=params.len()).map(|number| format!("${number}::text[]")).collect();
    let names: Vec<String> = (0..params.len()).map(|at| format!("p{at}")).collect();
    let aliases: Vec<String> = aliases(types.len()).collect();
    format!(
        "SELECT clearwell_keys.place, {columns}
        FROM unnest({arrays}) WITH ORDINALITY AS clearwell_keys ({names}, place)
        CROSS JOIN LATERAL (SELECT * FROM ({statement}\n) AS one LIMIT 1) AS loaded ({aliases})",
        columns = readable(&aliases, types),
        arrays = arrays.join(", "),
        names = names.join(", "),
        statement = bare(&text.with(key)),
        aliases = aliases.join(", "),
    )
}

fn type_name(ty: &Type) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    format!("{}.{}", quoted(ty.schema()), quoted(ty.name()))
}

/// One parameter's values, one a key, as an array of texts; of bytes in hexadecimal.
#[derive(Debug)]
struct ParameterValues<'c> {
    hex: bool,
    cells: Vec<Option<&'c Cell>>,
}

impl ToSql for ParameterValues<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let count = i32::try_from(self.cells.len())?;
        // One dimension, NULLs possible, the elements' type, their number, the first one's place.
        for word in [1, 1, i32::try_from(Type::TEXT.oid())?, count, 1] {
            out.put_i32(word);
        }
        for cell in &self.cells {
            let Some(raw) = cell.and_then(Cell::to_bytes) else {
                out.put_i32(-1);
                continue;
            };
            let text = if self.hex { hex(&raw) } else { raw };
            out.put_i32(i32::try_from(text.len())?);
            out.put_slice(&text);
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TEXT_ARRAY
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Binary
    }

    to_sql_checked!();
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}
