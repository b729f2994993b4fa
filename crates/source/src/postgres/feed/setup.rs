//! What a database needs so that its commits can be followed: checked at each start, printed or run by
//! `clearwell feed init`.
//!
//! Partitions and heirs of a watched table are followed as themselves and mapped to it here. Publishing them under their
//! root instead would hide the TRUNCATE of a single partition.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::{Client, Error, Row};

use super::published::Publication;
use super::wire::lsn;
use crate::config::PostgresConfig;
use crate::postgres::database::Database;
use crate::postgres::link::Link;
use crate::{SourceError, Watched, nearest};

/// A database as the feed finds it.
pub struct Setup {
    /// What stands in the way, with what to do about it; the feed begins only when there is none.
    pub problems: Vec<SetupProblem>,
    /// Watched tables, their partitions and heirs, by number.
    pub tables: HashMap<u32, Arc<Watched>>,
    /// The type beneath each domain, by number.
    pub domains: HashMap<u32, u32>,
    /// The slot, if there is one.
    pub slot: Option<ReplicationSlot>,
    /// The end of the log.
    pub here: u64,
    /// Whether nothing keeps a slot that nobody reads from filling the server's disk.
    pub unbounded: bool,
    /// Names the server and the timeline of its log.
    pub server: String,
}

/// Something that keeps the feed from being complete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetupProblem {
    /// What is wrong.
    pub what: String,
    /// The statements that mend it, in their order; none when no statement could.
    pub sql: Vec<String>,
    /// Whether the server must be restarted after it.
    pub restart: bool,
    /// Who has to run them, when the source's user may not.
    pub role: Option<String>,
}

impl SetupProblem {
    /// One that no statement mends.
    fn told(what: String) -> SetupProblem {
        SetupProblem { what, ..SetupProblem::default() }
    }
}

/// A replication slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicationSlot {
    /// What was confirmed to the server.
    pub confirmed: u64,
    /// Whether the log that it needs is gone.
    pub lost: bool,
    /// Bytes of log that it holds back.
    pub held: u64,
}

/// One table, its identity, and what the publication says of it.
pub(super) struct PublishedTable {
    pub place: usize,
    pub oid: u32,
    /// As messages call it.
    pub name: String,
    /// As it must be written in SQL, wherever that is run.
    pub sql: String,
    kind: i8,
    persistence: i8,
    identity: i8,
    identity_columns: Vec<String>,
    columns: Vec<String>,
    generated: Vec<String>,
    /// Whether the publication names it.
    pub is_member: bool,
    /// Whether that is with a row filter.
    pub filtered: bool,
    /// Whether that is with some of its columns only.
    pub narrowed: bool,
    /// Whether the publication names it, or a partitioned table that it is part of.
    pub is_covered: bool,
    /// The schemas of it and of the partitioned tables that it is part of.
    pub schemas: Vec<u32>,
    /// The partitioned tables that it is part of.
    pub ancestors: Vec<u32>,
    /// Its owner, when the source's user may not do what its owner may.
    pub owner: Option<String>,
}

const TABLES: &str = "
WITH RECURSIVE named AS (
    SELECT place, to_regclass(name)::oid AS oid FROM unnest($1::text[]) WITH ORDINALITY AS n(name, place)
), family AS (
    SELECT place, oid, 0 AS depth FROM named WHERE oid IS NOT NULL
    UNION
    SELECT f.place, i.inhrelid, f.depth + 1 FROM family f JOIN pg_inherits i ON i.inhparent = f.oid
), member AS (
    SELECT r.prrelid AS oid, to_jsonb(r) AS it FROM pg_publication_rel r
    JOIN pg_publication p ON p.oid = r.prpubid WHERE p.pubname = $2
)
SELECT f.place::int8, c.oid, c.oid::regclass::text, format('%I.%I', n.nspname, c.relname),
    c.relkind, c.relpersistence, c.relreplident,
    ARRAY(SELECT a.attname::text FROM pg_index x
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(x.indkey)
        WHERE x.indrelid = c.oid
        AND CASE c.relreplident WHEN 'd' THEN x.indisprimary WHEN 'i' THEN x.indisreplident ELSE false END),
    ARRAY(SELECT a.attname::text FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
    ARRAY(SELECT a.attname::text FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> ''),
    m.oid IS NOT NULL, coalesce(m.it ->> 'prqual' IS NOT NULL, false),
    coalesce(CASE jsonb_typeof(m.it -> 'prattrs') WHEN 'array' THEN jsonb_array_length(m.it -> 'prattrs') END
        < (SELECT count(*) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), false),
    EXISTS (SELECT 1 FROM member o WHERE o.oid = c.oid OR o.oid = ANY(up.oids)),
    ARRAY(SELECT k.relnamespace FROM pg_class k WHERE k.oid = c.oid OR k.oid = ANY(up.oids)), up.oids,
    CASE WHEN NOT pg_has_role(c.relowner, 'USAGE') THEN pg_get_userbyid(c.relowner)::text END
FROM family f JOIN pg_class c ON c.oid = f.oid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN member m ON m.oid = c.oid
CROSS JOIN LATERAL (SELECT ARRAY(SELECT relid::oid FROM pg_partition_ancestors(c.oid) AS a(relid)) AS oids) up
ORDER BY f.place, f.depth, c.oid";

const DOMAINS: &str = "
WITH RECURSIVE beneath AS (
    SELECT oid, typbasetype AS base FROM pg_type WHERE typtype = 'd'
    UNION ALL
    SELECT b.oid, t.typbasetype FROM beneath b JOIN pg_type t ON t.oid = b.base WHERE t.typtype = 'd'
)
SELECT b.oid, b.base FROM beneath b JOIN pg_type t ON t.oid = b.base WHERE t.typtype <> 'd'";

const SERVER: &str = "
SELECT current_setting('wal_level'), (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::int8,
    (SELECT system_identifier::text FROM pg_control_system()) || ' '
        || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
    current_setting('max_slot_wal_keep_size'),
    (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user), quote_ident(current_user)";

const SLOT: &str = "
SELECT coalesce((confirmed_flush_lsn - '0/0'::pg_lsn)::int8, 0), coalesce(wal_status = 'lost', false),
    coalesce((pg_current_wal_insert_lsn() - restart_lsn)::int8, 0), plugin = 'pgoutput' AND database = current_database()
FROM pg_replication_slots WHERE slot_name = $1";

/// Looks at everything that the feed depends on.
pub async fn look(client: &Client, config: &PostgresConfig, watched: &[Watched]) -> Result<Setup, Error> {
    let server = client.query_one(SERVER, &[]).await?;
    let names: Vec<&str> = watched.iter().map(|watched| &*watched.table).collect();
    let rows = client.query(TABLES, &[&names, &config.publication]).await?;
    let tables: Vec<PublishedTable> = rows.iter().map(PublishedTable::of).collect::<Result<_, _>>()?;
    let domains = client.query(DOMAINS, &[]).await?;
    let domains = domains.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let domains = domains.collect::<Result<_, Error>>()?;
    let slot = client.query_opt(SLOT, &[&config.slot]).await?;
    let publication = Publication::look(client, &config.publication, &tables).await?;
    let mut problems = Vec::new();
    if server.try_get::<_, &str>(0)? != "logical" {
        problems.push(SetupProblem {
            sql: vec!["ALTER SYSTEM SET wal_level = 'logical'".into()],
            restart: true,
            ..SetupProblem::told("wal_level is not logical: the log does not say which rows changed".into())
        });
    }
    if !server.try_get::<_, bool>(4)? {
        let user: &str = server.try_get(5)?;
        problems.push(SetupProblem {
            sql: vec![format!("ALTER ROLE {user} REPLICATION")],
            role: Some("a superuser".into()),
            ..SetupProblem::told(format!("the role {user} may not read the log"))
        });
    }
    problems.extend(publication.in_part(&tables));
    for (place, watched) in watched.iter().enumerate() {
        let family: Vec<&PublishedTable> = tables.iter().filter(|table| table.place == place + 1).collect();
        if family.is_empty() {
            let hint = nearest_table(client, &watched.table).await?;
            problems.push(SetupProblem::told(format!("there is no table {}{hint}", watched.table)));
        }
        family_problems(watched, &family, &mut problems);
    }
    problems.extend(publication.missing(&tables));
    // A table that two feeds name, or that is part of another one.
    let mut known = Vec::new();
    problems.retain(|problem| {
        let is_new = !known.contains(problem);
        known.push(problem.clone());
        is_new
    });
    if let Some(row) = &slot
        && !row.try_get::<_, bool>(3)?
    {
        let what = format!("the slot {} is another program's or another database's", config.slot);
        problems.push(SetupProblem::told(what));
    }
    let family = tables.iter().filter_map(|table| {
        let watched = watched.get(table.place.checked_sub(1)?)?;
        Some((table.oid, Arc::new(watched.clone())))
    });
    let slot = slot.map(|row| {
        Ok::<_, Error>(ReplicationSlot {
            confirmed: unsigned(&row, 0)?,
            lost: row.try_get(1)?,
            held: unsigned(&row, 2)?,
        })
    });
    Ok(Setup {
        problems,
        tables: family.collect(),
        domains,
        slot: slot.transpose()?,
        here: unsigned(&server, 1)?,
        server: server.try_get(2)?,
        unbounded: server.try_get::<_, &str>(3)? == "-1",
    })
}

/// The hint with the nearest of the tables that there are, as a feed names it.
async fn nearest_table(client: &Client, name: &str) -> Result<String, Error> {
    let sql = "SELECT CASE WHEN pg_table_is_visible(c.oid) THEN quote_ident(c.relname) ELSE format('%I.%I', n.nspname, c.relname) END
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_|^information_schema$' ORDER BY 1 LIMIT 1000";
    let rows = client.query(sql, &[]).await?;
    let known: Vec<&str> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let hint = nearest(name, &known);
    // A list of a thousand tables helps nobody.
    Ok(if hint.starts_with("; did you mean") { hint.replace("\"\"", "\"") } else { String::new() })
}

/// An LSN or a length; neither is ever negative.
fn unsigned(row: &Row, column: usize) -> Result<u64, Error> {
    row.try_get::<_, i64>(column).map(|number| u64::try_from(number).unwrap_or(0))
}

impl PublishedTable {
    fn of(row: &Row) -> Result<PublishedTable, Error> {
        Ok(PublishedTable {
            place: usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or(0),
            oid: row.try_get(1)?,
            name: row.try_get(2)?,
            sql: row.try_get(3)?,
            kind: row.try_get(4)?,
            persistence: row.try_get(5)?,
            identity: row.try_get(6)?,
            identity_columns: row.try_get(7)?,
            columns: row.try_get(8)?,
            generated: row.try_get(9)?,
            is_member: row.try_get(10)?,
            filtered: row.try_get(11)?,
            narrowed: row.try_get(12)?,
            is_covered: row.try_get(13)?,
            schemas: row.try_get(14)?,
            ancestors: row.try_get(15)?,
            owner: row.try_get(16)?,
        })
    }

    /// Whether it is one of these tables, or part of one.
    pub fn is_told_under(&self, tables: &[u32]) -> bool {
        tables.iter().any(|oid| *oid == self.oid || self.ancestors.contains(oid))
    }

    /// Whether a publication can name it.
    pub fn is_publishable(&self) -> bool {
        self.is(b'r', self.kind) || self.is_partitioned()
    }

    fn is(&self, letter: u8, what: i8) -> bool {
        u8::try_from(what) == Ok(letter)
    }

    /// Whether it holds no rows itself.
    pub fn is_partitioned(&self) -> bool {
        self.is(b'p', self.kind)
    }
}

fn family_problems(watched: &Watched, family: &[&PublishedTable], problems: &mut Vec<SetupProblem>) {
    for table in family {
        let (name, written) = (&table.name, &table.sql);
        let mut told = |what: String, sql: String| {
            let sql = if sql.is_empty() { Vec::new() } else { vec![sql] };
            let role = table.owner.clone().filter(|_| !sql.is_empty());
            problems.push(SetupProblem { what, sql, restart: false, role });
        };
        if !table.is(b'r', table.kind) && !table.is_partitioned() {
            told(format!("{name} is not a table: the log tells of tables only"), String::new());
            continue;
        }
        if let Some(missing) = watched.columns.iter().find(|c| !table.columns.iter().any(|own| own == &***c))
        {
            let hint = nearest(missing, &table.columns.iter().map(|c| &**c).collect::<Vec<_>>());
            told(format!("{name} has no column {missing}{hint}"), String::new());
        }
        for column in watched.columns.iter().filter(|c| table.generated.iter().any(|own| own == &***c)) {
            told(
                format!(
                    "{name}.{column} is a generated column, which PostgreSQL's log does not tell: name the columns that it is \
                     made of in the feed, or make it an ordinary column that a trigger fills"
                ),
                String::new(),
            );
        }
        if table.is_partitioned() {
            continue;
        }
        if !table.is(b'p', table.persistence) {
            told(format!("{name} is not logged"), format!("ALTER TABLE {written} SET LOGGED"));
        }
        let lacking = watched.columns.iter().find(|c| !table.identity_columns.iter().any(|own| own == &***c));
        let full = table.is(b'f', table.identity);
        let why = match lacking {
            _ if full => continue,
            _ if table.identity_columns.is_empty() => "it has no key that names a row".to_string(),
            Some(column) => format!("feeds use {column}, which is not part of its key"),
            None => continue,
        };
        told(
            format!("changes of {name} do not tell the row as it was: {why}"),
            format!("ALTER TABLE {written} REPLICA IDENTITY FULL"),
        );
    }
}

impl std::fmt::Display for SetupProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)?;
        if self.sql.is_empty() {
            return Ok(());
        }
        match &self.role {
            Some(role) => write!(f, "; run as {role}: ")?,
            None => f.write_str("; run: ")?,
        }
        f.write_str(&self.sql.join("; "))?;
        if self.restart { f.write_str("; then restart the server") } else { Ok(()) }
    }
}

impl Setup {
    /// All problems in one text; `None` when there is none.
    pub fn problem(&self) -> Option<String> {
        let texts: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }
}

/// Makes a slot that begins now; answers where.
pub(super) async fn create_slot(client: &Client, slot: &str) -> Result<u64, Error> {
    let sql = "SELECT (lsn - '0/0'::pg_lsn)::int8 FROM pg_create_logical_replication_slot($1, 'pgoutput')";
    unsigned(&client.query_one(sql, &[&slot]).await?, 0)
}

/// Takes a slot from whoever else reads it: another node that read it for this one's cluster, and may hang. Its role is ours.
pub(super) async fn free_slot(client: &Client, slot: &str) -> Result<(), Error> {
    const ATTEMPTS: u32 = 100;
    let sql = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NOT NULL";
    for _ in 0..ATTEMPTS {
        if client.query(sql, &[&slot]).await?.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Looks at a database for `clearwell feed init`: what must be done, in its order. With `run` it is done as well, the
/// slot included; what still is a problem afterwards is in [`Setup::problems`].
pub fn setup(
    config: &PostgresConfig,
    watched: &[Watched],
    run: bool,
) -> Result<(Setup, Vec<String>), SourceError> {
    let failed = |wrong: Error| super::super::error::told(&wrong, 0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| SourceError::Unreachable(error.to_string()))?;
    runtime.block_on(async {
        let link = Link::connect(&Database::of(&config.url, 0)?).await.map_err(failed)?;
        let client = &link.client;
        let before = look(client, config, watched).await.map_err(failed)?;
        let mine = before.problems.iter().filter(|problem| problem.role.is_none());
        let mut groups: Vec<Vec<String>> = mine.map(|problem| problem.sql.clone()).collect();
        groups.retain(|sql| !sql.is_empty());
        // A slot can be made once the server has been restarted, and by who may.
        let waits = before
            .problems
            .iter()
            .any(|problem| problem.restart || problem.sql.iter().any(|sql| is_right(sql)));
        if before.slot.is_none() && !waits {
            let slot = format!("SELECT pg_create_logical_replication_slot('{}', 'pgoutput')", config.slot);
            groups.push(vec![slot]);
        }
        let statements = groups.concat();
        if !run {
            return Ok((before, statements));
        }
        for group in &groups {
            // What belongs together is one transaction.
            client.batch_execute(&group.join("; ")).await.map_err(failed)?;
        }
        Ok((look(client, config, watched).await.map_err(failed)?, statements))
    })
}

/// Whether a statement gives the right to read the log.
fn is_right(sql: &str) -> bool {
    sql.starts_with("ALTER ROLE ")
}

/// Where a slot stands, for messages.
impl std::fmt::Display for ReplicationSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "confirmed up to {}, holding back {} bytes", lsn(self.confirmed), self.held)
    }
}
