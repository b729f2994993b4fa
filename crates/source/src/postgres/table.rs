//! What PostgreSQL knows of a table: types, collations, and what is unique.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_postgres::Error;
use tokio_postgres::types::Type;

use super::link::Link;
use crate::{Column, ColumnKind, Exact, Table};

/// Columns of a table: number, name, the type without its domains, and the collation when equal texts may differ under it.
const COLUMNS: &str = "
WITH RECURSIVE bases AS (
    SELECT a.attnum, a.atttypid AS oid FROM pg_attribute a
    WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT b.attnum, t.typbasetype FROM bases b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
)
SELECT a.attnum, a.attname::text, b.oid, n.nspname || '.' || t.typname,
    CASE WHEN c.collisdeterministic IS FALSE THEN c.oid::text ELSE '' END
FROM pg_attribute a JOIN bases b USING (attnum) JOIN pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_collation c ON c.oid = a.attcollation
WHERE a.attrelid = $1::oid ORDER BY a.attnum";

/// Indexes that keep whole values unique by the columns' own equality. Of a table with heirs each heir has its own.
const UNIQUE: &str = "
SELECT i.indkey::int2[]
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
    AND NOT (c.relkind = 'r' AND EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhparent = c.oid))
    AND NOT EXISTS (
        SELECT 1 FROM generate_series(0, i.indnkeyatts - 1) AS n
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n]
        JOIN pg_opclass o ON o.oid = i.indclass[n]
        WHERE a.attnum IS NULL OR a.attcollation <> i.indcollation[n] OR NOT o.opcdefault)
    AND i.indnatts = i.indnkeyatts";

/// Looks a table up by its name as SQL spells it.
pub async fn table(link: &Link, name: &str) -> Result<Table, Error> {
    let found = "SELECT c.oid FROM pg_class c WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p')";
    let Some(found) = link.client.query_opt(found, &[&name]).await? else { return Ok(Table::default()) };
    let oid: u32 = found.try_get(0)?;
    let mut names: BTreeMap<i16, Arc<str>> = BTreeMap::new();
    let mut columns = Vec::new();
    for row in link.client.query(COLUMNS, &[&oid]).await? {
        let (name, base, ty): (&str, u32, &str) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        names.insert(row.try_get(0)?, name.into());
        columns.push(column(name, base, ty, row.try_get(4)?));
    }
    let mut unique = Vec::new();
    for row in link.client.query(UNIQUE, &[&oid]).await? {
        let places: Vec<i16> = row.try_get(0)?;
        unique.extend(places.iter().map(|place| names.get(place).cloned()).collect::<Option<Vec<_>>>());
    }
    Ok(Table { id: oid.to_string().into(), columns, unique })
}

fn column(name: &str, base: u32, ty: &str, collation: &str) -> Column {
    let known = Type::from_oid(base);
    let family = known.as_ref().map_or_else(|| ty.into(), family);
    let kind = known.as_ref().map_or(ColumnKind::Other, kind);
    let exact = match &*family {
        "integer" => Exact { integers: true, ..Exact::default() },
        // Bytes are bound as they are, whatever they look like.
        "pg_catalog.bytea" => Exact::BYTES,
        "text" if collation.is_empty() => Exact::BYTES,
        "pg_catalog.uuid" => Exact { uuids: true, ..Exact::default() },
        _ => Exact::default(),
    };
    Column { name: name.into(), family, collation: collation.into(), kind, exact }
}

/// See [`Column::family`]: types that are compared with each other by one equality.
pub fn family(ty: &Type) -> Arc<str> {
    match *ty {
        Type::INT2 | Type::INT4 | Type::INT8 => "integer".into(),
        Type::TEXT | Type::VARCHAR => "text".into(),
        _ => format!("{}.{}", ty.schema(), ty.name()).into(),
    }
}

/// See [`ColumnKind`].
pub fn kind(ty: &Type) -> ColumnKind {
    match *ty {
        Type::INT2 | Type::INT4 | Type::INT8 => ColumnKind::Integer,
        Type::UUID => ColumnKind::Uuid,
        _ => ColumnKind::Other,
    }
}
