//! What PostgreSQL makes of a statement: its columns, and the tables behind its views.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, SimpleQueryMessage};

use super::catalog::Footprint;
use super::link::Link;
use super::table;
use super::text::Text;
use crate::{Shape, Statement, Watched};

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
pub struct DescribedStatement {
    /// What it looks like.
    pub shape: Shape,
    /// What it rests on in the catalog; nothing for one that writes.
    pub footprint: Footprint,
    /// The print of that.
    pub print: String,
}

/// Describes a statement without running it: it becomes a view for a moment, in a transaction that is rolled back.
pub async fn describe(
    link: &Link,
    statement: &Statement,
    watched: &[Watched],
) -> Result<DescribedStatement, Error> {
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
) -> Result<DescribedStatement, Error> {
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
) -> Result<DescribedStatement, Error> {
    let text = Text::parse(&statement.0);
    let prepared = link.client.prepare(&text.sql).await?;
    let columns: Vec<Arc<str>> = prepared.columns().iter().map(|column| column.name().into()).collect();
    if columns.is_empty() {
        return change(link, &text, prepared.params(), columns, watched).await;
    }
    let kinds = prepared.columns().iter().map(|column| table::kind(column.type_())).collect();
    let families = prepared.params().iter().map(table::family);
    let parameters = text.names.iter().cloned().zip(families).collect();
    let mut reads = match reads(link, &text, prepared.params(), columns.len(), watched).await {
        Ok(reads) => reads,
        Err(wrong) if cannot_be_a_view(&wrong) => {
            return change(link, &text, prepared.params(), columns, watched).await;
        }
        Err(wrong) => return Err(wrong),
    };
    let (footprint, unsteady) = Footprint::of_probe(link).await?;
    reads.extend(unsteady.into_iter().map(Arc::from));
    let footprint = match publication {
        Some(publication) => footprint.published(publication),
        None => footprint,
    };
    let print = footprint.print(link).await?;
    let shape = Shape { columns, kinds, parameters, reads, ..Shape::default() };
    Ok(DescribedStatement { shape, footprint, print })
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
    let sql = without_parameters(link, text, params).await?;
    let names: Vec<String> = (1..=columns).map(|number| format!("c{number}")).collect();
    let names = names.join(", ");
    link.client.batch_execute(&format!("CREATE TEMP VIEW clearwell_probe ({names}) AS {sql}")).await?;
    let watched: Vec<&str> = watched.iter().map(|watched| &*watched.table).collect();
    let rows = link.client.query(READS, &[&watched]).await?;
    Ok(rows.iter().map(|row| row.get::<_, &str>(0).into()).collect())
}

/// A statement with NULL for each parameter, of its type.
async fn without_parameters(link: &Link, text: &Text, params: &[Type]) -> Result<String, Error> {
    let oids: Vec<u32> = params.iter().map(Type::oid).collect();
    let sql = "SELECT oid, format_type(oid, NULL) FROM pg_type WHERE oid = ANY($1)";
    let types = link.client.query(sql, &[&oids]).await?;
    let types: BTreeMap<u32, String> = types.iter().map(|row| (row.get(0), row.get(1))).collect();
    let null = |at: usize| {
        let ty = oids.get(at).and_then(|oid| types.get(oid)).map_or("text", String::as_str);
        format!("(NULL::{ty})")
    };
    let sql = text.with(null);
    Ok(sql.trim_end().trim_end_matches(';').to_owned())
}

/// The relations that rows are written to, all of their family, under all of their names; none when one of them is a view,
/// whose trigger may write anything.
const WRITTEN: &str = "
WITH RECURSIVE target AS (
    SELECT c.oid, c.relkind FROM unnest($1::text[], $2::text[]) AS t(schema, name)
    JOIN pg_namespace n ON n.nspname = t.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.name
), family(oid) AS (
    SELECT oid FROM target
    UNION
    SELECT CASE f.oid WHEN i.inhrelid THEN i.inhparent ELSE i.inhrelid END
    FROM family f JOIN pg_inherits i ON f.oid IN (i.inhrelid, i.inhparent)
)
SELECT f.oid::regclass::text FROM family f WHERE NOT EXISTS (SELECT FROM target WHERE relkind = 'v')
UNION
SELECT name FROM unnest($3::text[]) AS name JOIN family f ON f.oid = to_regclass(name)::oid
WHERE NOT EXISTS (SELECT FROM target WHERE relkind = 'v')";

/// Describes a statement that writes, by its plan: rules and views that can be written are seen through.
async fn change(
    link: &Link,
    text: &Text,
    params: &[Type],
    columns: Vec<Arc<str>>,
    watched: &[Watched],
) -> Result<DescribedStatement, Error> {
    // What was tried before it may have failed.
    link.client.batch_execute("ROLLBACK; BEGIN").await?;
    let sql = without_parameters(link, text, params).await?;
    let written = match link.client.simple_query(&format!("EXPLAIN (VERBOSE, FORMAT JSON) {sql}")).await {
        Ok(plan) => written(link, &plan, watched).await?,
        // What it writes is not known then; whether it can run is known when it does.
        Err(wrong) if wrong.as_db_error().is_some() => Vec::new(),
        Err(wrong) => return Err(wrong),
    };
    let shape = Shape { columns, writes: true, written, ..Shape::default() };
    Ok(DescribedStatement { shape, footprint: Footprint::default(), print: String::new() })
}

async fn written(
    link: &Link,
    plan: &[SimpleQueryMessage],
    watched: &[Watched],
) -> Result<Vec<Arc<str>>, Error> {
    let (mut schemas, mut names) = (Vec::new(), Vec::new());
    for message in plan {
        if let SimpleQueryMessage::Row(row) = message
            && let Some(Ok(plan)) = row.get(0).map(serde_json::from_str::<Value>)
        {
            targets(&plan, &mut schemas, &mut names);
        }
    }
    let watched: Vec<&str> = watched.iter().map(|watched| &*watched.table).collect();
    let rows = link.client.query(WRITTEN, &[&schemas, &names, &watched]).await?;
    Ok(rows.iter().map(|row| row.get::<_, &str>(0).into()).collect())
}

/// The relations that a plan writes to, wherever that stands in it.
fn targets(plan: &Value, schemas: &mut Vec<String>, names: &mut Vec<String>) {
    let within: Box<dyn Iterator<Item = &Value>> = match plan {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => {
            if let (Some("ModifyTable"), Some(schema), Some(name)) =
                (plan["Node Type"].as_str(), plan["Schema"].as_str(), plan["Relation Name"].as_str())
            {
                schemas.push(schema.to_owned());
                names.push(name.to_owned());
            }
            Box::new(fields.values())
        }
        _ => return,
    };
    within.for_each(|inner| targets(inner, schemas, names));
}
