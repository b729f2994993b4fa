//! What PostgreSQL makes of a statement: its columns, and the tables behind its views.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::catalog::Footprint;
use super::link::Link;
use super::table;
use super::text::Text;
use crate::source::{Shape, Statement, Watched};

/// What the view `clearwell_probe` depends on: relations that hold rows, and functions that are not PostgreSQL's own, are not
/// immutable, and whose body it has not parsed (they may read anything). Views, parsed bodies and policies that hold for this
/// user are seen through. `named` are the watched tables; a partition or heir of one is told of under its name.
const READS: &str = "
WITH RECURSIVE used(class, oid) AS (
    SELECT 'pg_class'::regclass::oid, 'pg_temp.clearwell_probe'::regclass::oid
    UNION
    SELECT d.refclassid, d.refobjid
    FROM used u CROSS JOIN LATERAL (
        SELECT 'pg_rewrite'::regclass::oid AS class, r.oid FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
        WHERE u.class = 'pg_class'::regclass AND r.ev_class = u.oid AND c.relkind = 'v'
        UNION ALL
        SELECT 'pg_policy'::regclass::oid, p.oid FROM pg_policy p
        WHERE u.class = 'pg_class'::regclass AND p.polrelid = u.oid AND row_security_active(u.oid)
        UNION ALL
        SELECT u.class, u.oid WHERE u.class IN ('pg_proc'::regclass, 'pg_operator'::regclass)
    ) via
    JOIN pg_depend d ON d.classid = via.class AND d.objid = via.oid
    WHERE d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass)
), named AS (
    SELECT name, to_regclass(name)::oid AS oid FROM unnest($1::text[]) AS name
), family(oid, root) AS (
    SELECT u.oid, u.oid FROM used u WHERE u.class = 'pg_class'::regclass
    UNION
    SELECT f.oid, i.inhparent FROM family f JOIN pg_inherits i ON i.inhrelid = f.root
)
SELECT coalesce((SELECT n.name FROM family f JOIN named n ON n.oid = f.root WHERE f.oid = c.oid LIMIT 1),
    c.oid::regclass::text)
FROM used u JOIN pg_class c ON u.class = 'pg_class'::regclass AND c.oid = u.oid WHERE c.relkind NOT IN ('v', 'c')
UNION
SELECT 'the function ' || p.oid::regprocedure::text
FROM used u JOIN pg_proc p ON u.class = 'pg_proc'::regclass AND p.oid = u.oid
WHERE p.provolatile <> 'i' AND to_jsonb(p) ->> 'prosqlbody' IS NULL
ORDER BY 1";

/// A statement described.
pub struct Described {
    /// What it looks like.
    pub shape: Shape,
    /// What it rests on in the catalog; nothing for one that writes.
    pub footprint: Footprint,
    /// The print of that.
    pub print: String,
}

/// Describes a statement without running it: it becomes a view for a moment, in a transaction that is rolled back.
pub async fn describe(link: &Link, statement: &Statement, watched: &[Watched]) -> Result<Described, Error> {
    within(link, statement, watched, "", None).await
}

/// The same, in a transaction that begins with these settings. `publication`: it stands for a table whose changes that is to
/// tell.
pub async fn within(
    link: &Link,
    statement: &Statement,
    watched: &[Watched],
    settings: &str,
    publication: Option<&str>,
) -> Result<Described, Error> {
    link.client.batch_execute(&format!("BEGIN; {settings}")).await?;
    let described = probed(link, statement, watched, publication).await;
    link.client.batch_execute("ROLLBACK").await?;
    described
}

async fn probed(
    link: &Link,
    statement: &Statement,
    watched: &[Watched],
    publication: Option<&str>,
) -> Result<Described, Error> {
    let text = Text::parse(&statement.0);
    let prepared = link.client.prepare(&text.sql).await?;
    let columns: Vec<Arc<str>> = prepared.columns().iter().map(|column| column.name().into()).collect();
    let writes = |columns| {
        let shape = Shape { columns, writes: true, ..Shape::default() };
        Ok(Described { shape, footprint: Footprint::default(), print: String::new() })
    };
    if columns.is_empty() {
        return writes(columns);
    }
    let kinds = prepared.columns().iter().map(|column| table::kind(column.type_())).collect();
    let families = prepared.params().iter().map(table::family);
    let parameters = text.names.iter().cloned().zip(families).collect();
    let mut reads = match reads(link, &text, prepared.params(), columns.len(), watched).await {
        Ok(reads) => reads,
        Err(wrong) if cannot_be_a_view(&wrong) => return writes(columns),
        Err(wrong) => return Err(wrong),
    };
    let (footprint, unsteady) = Footprint::of_probe(link).await?;
    reads.extend(unsteady.into_iter().map(Arc::from));
    let footprint = match publication {
        Some(publication) => footprint.published(publication),
        None => footprint,
    };
    let print = footprint.print(link).await?;
    let shape = Shape { columns, kinds, parameters, reads, writes: false };
    Ok(Described { shape, footprint, print })
}

/// What can be prepared and is no view is no plain SELECT.
fn cannot_be_a_view(wrong: &Error) -> bool {
    [SqlState::SYNTAX_ERROR, SqlState::FEATURE_NOT_SUPPORTED].iter().any(|code| wrong.code() == Some(code))
}

async fn reads(
    link: &Link,
    text: &Text,
    params: &[Type],
    columns: usize,
    watched: &[Watched],
) -> Result<Vec<Arc<str>>, Error> {
    let oids: Vec<u32> = params.iter().map(Type::oid).collect();
    let sql = "SELECT oid, format_type(oid, NULL) FROM pg_type WHERE oid = ANY($1)";
    let types = link.client.query(sql, &[&oids]).await?;
    let types: BTreeMap<u32, String> = types.iter().map(|row| (row.get(0), row.get(1))).collect();
    let null = |at: usize| {
        let ty = oids.get(at).and_then(|oid| types.get(oid)).map_or("text", String::as_str);
        format!("(NULL::{ty})")
    };
    let names: Vec<String> = (1..=columns).map(|number| format!("c{number}")).collect();
    let sql = text.with(null);
    let sql = sql.trim_end().trim_end_matches(';');
    let names = names.join(", ");
    link.client.batch_execute(&format!("CREATE TEMP VIEW clearwell_probe ({names}) AS {sql}")).await?;
    let watched: Vec<&str> = watched.iter().map(|watched| &*watched.table).collect();
    let rows = link.client.query(READS, &[&watched]).await?;
    Ok(rows.iter().map(|row| row.get::<_, &str>(0).into()).collect())
}
