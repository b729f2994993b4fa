//! What a database needs so that its commits can be followed: checked at each start, printed or run by
//! `clearwell feed init`.
//!
//! Partitions and heirs of a watched table are followed as themselves and mapped to it here. Publishing them under their
//! root instead would hide the TRUNCATE of a single partition.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::{Client, Error, Row};

use super::wire::lsn;
use crate::config::PostgresConfig;
use crate::source::postgres::database::Database;
use crate::source::postgres::link::Link;
use crate::source::{SourceError, Watched};

/// A database as the feed finds it.
pub struct Setup {
    /// What stands in the way, with what to do about it; the feed begins only when there is none.
    pub problems: Vec<Problem>,
    /// Watched tables, their partitions and heirs, by number.
    pub tables: HashMap<u32, Arc<Watched>>,
    /// The slot, if there is one.
    pub slot: Option<Slot>,
    /// The end of the log.
    pub here: u64,
    /// Whether nothing keeps a slot that nobody reads from filling the server's disk.
    pub unbounded: bool,
    /// Names the server and the timeline of its log.
    pub server: String,
}

/// Something that keeps the feed from being complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub what: String,
    /// The SQL that mends it; empty when no statement could.
    pub sql: String,
    /// Whether the server must be restarted after it.
    pub restart: bool,
}

/// A replication slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// What was confirmed to the server.
    pub confirmed: u64,
    /// Whether the log that it needs is gone.
    pub lost: bool,
    /// Bytes of log that it holds back.
    pub held: u64,
}

/// One table, its identity, and whether it is in the publication.
struct Table {
    place: usize,
    oid: u32,
    /// As it must be written in SQL.
    name: String,
    kind: i8,
    persistence: i8,
    identity: i8,
    identity_columns: Vec<String>,
    columns: Vec<String>,
    published: bool,
    filtered: bool,
}

const TABLES: &str = "
WITH RECURSIVE named AS (
    SELECT place, to_regclass(name)::oid AS oid FROM unnest($1::text[]) WITH ORDINALITY AS n(name, place)
), family AS (
    SELECT place, oid FROM named WHERE oid IS NOT NULL
    UNION
    SELECT f.place, i.inhrelid FROM family f JOIN pg_inherits i ON i.inhparent = f.oid
)
SELECT f.place::int8, c.oid, c.oid::regclass::text, c.relkind, c.relpersistence, c.relreplident,
    ARRAY(SELECT a.attname::text FROM pg_index x
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(x.indkey)
        WHERE x.indrelid = c.oid
        AND CASE c.relreplident WHEN 'd' THEN x.indisprimary WHEN 'i' THEN x.indisreplident ELSE false END),
    ARRAY(SELECT a.attname::text FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
    p.tablename IS NOT NULL, coalesce(p.rowfilter IS NOT NULL
        OR cardinality(p.attnames) < (SELECT count(*) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), false)
FROM family f JOIN pg_class c ON c.oid = f.oid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_publication_tables p ON p.pubname = $2 AND p.schemaname = n.nspname AND p.tablename = c.relname
ORDER BY f.place, c.oid";

const SERVER: &str = "
SELECT current_setting('wal_level'), (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::int8,
    (SELECT system_identifier::text FROM pg_control_system()) || ' '
        || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
    (SELECT pubinsert AND pubupdate AND pubdelete AND pubtruncate AND NOT pubviaroot
        FROM pg_publication WHERE pubname = $1),
    current_setting('max_slot_wal_keep_size')";

const SLOT: &str = "
SELECT coalesce((confirmed_flush_lsn - '0/0'::pg_lsn)::int8, 0), coalesce(wal_status = 'lost', false),
    coalesce((pg_current_wal_insert_lsn() - restart_lsn)::int8, 0), plugin = 'pgoutput' AND database = current_database()
FROM pg_replication_slots WHERE slot_name = $1";

/// Looks at everything that the feed depends on.
pub async fn look(client: &Client, config: &PostgresConfig, watched: &[Watched]) -> Result<Setup, Error> {
    let server = client.query_one(SERVER, &[&config.publication]).await?;
    let names: Vec<&str> = watched.iter().map(|watched| &*watched.table).collect();
    let rows = client.query(TABLES, &[&names, &config.publication]).await?;
    let tables: Vec<Table> = rows.iter().map(Table::of).collect::<Result<_, _>>()?;
    let slot = client.query_opt(SLOT, &[&config.slot]).await?;
    let mut problems = Vec::new();
    if server.try_get::<_, &str>(0)? != "logical" {
        problems.push(Problem {
            what: "wal_level is not logical: the log does not say which rows changed".into(),
            sql: "ALTER SYSTEM SET wal_level = 'logical'".into(),
            restart: true,
        });
    }
    for (place, watched) in watched.iter().enumerate() {
        let family: Vec<&Table> = tables.iter().filter(|table| table.place == place + 1).collect();
        family_problems(watched, &family, &mut problems);
    }
    publication_problems(config, server.try_get(3)?, &tables, &mut problems);
    if let Some(row) = &slot
        && !row.try_get::<_, bool>(3)?
    {
        let what = format!("the slot {} is another program's or another database's", config.slot);
        problems.push(Problem { what, sql: String::new(), restart: false });
    }
    let family = tables.iter().filter_map(|table| {
        let watched = watched.get(table.place.checked_sub(1)?)?;
        Some((table.oid, Arc::new(watched.clone())))
    });
    let slot = slot.map(|row| {
        Ok::<_, Error>(Slot {
            confirmed: unsigned(&row, 0)?,
            lost: row.try_get(1)?,
            held: unsigned(&row, 2)?,
        })
    });
    Ok(Setup {
        problems,
        tables: family.collect(),
        slot: slot.transpose()?,
        here: unsigned(&server, 1)?,
        server: server.try_get(2)?,
        unbounded: server.try_get::<_, &str>(4)? == "-1",
    })
}

/// An LSN or a length; neither is ever negative.
fn unsigned(row: &Row, column: usize) -> Result<u64, Error> {
    row.try_get::<_, i64>(column).map(|number| u64::try_from(number).unwrap_or(0))
}

impl Table {
    fn of(row: &Row) -> Result<Table, Error> {
        Ok(Table {
            place: usize::try_from(row.try_get::<_, i64>(0)?).unwrap_or(0),
            oid: row.try_get(1)?,
            name: row.try_get(2)?,
            kind: row.try_get(3)?,
            persistence: row.try_get(4)?,
            identity: row.try_get(5)?,
            identity_columns: row.try_get(6)?,
            columns: row.try_get(7)?,
            published: row.try_get(8)?,
            filtered: row.try_get(9)?,
        })
    }

    fn is(&self, letter: u8, what: i8) -> bool {
        u8::try_from(what) == Ok(letter)
    }

    fn is_partitioned(&self) -> bool {
        self.is(b'p', self.kind)
    }
}

fn family_problems(watched: &Watched, family: &[&Table], problems: &mut Vec<Problem>) {
    let mut told = |what: String, sql: String| problems.push(Problem { what, sql, restart: false });
    if family.is_empty() {
        return told(format!("there is no table {}", watched.table), String::new());
    }
    for table in family {
        let name = &table.name;
        if !table.is(b'r', table.kind) && !table.is_partitioned() {
            told(format!("{name} is not a table: the log tells of tables only"), String::new());
            continue;
        }
        if let Some(missing) = watched.columns.iter().find(|c| !table.columns.iter().any(|own| own == &***c))
        {
            let hint =
                crate::config::nearest(missing, &table.columns.iter().map(|c| &**c).collect::<Vec<_>>());
            told(format!("{name} has no column {missing}{hint}"), String::new());
        }
        if table.is_partitioned() {
            continue;
        }
        if !table.is(b'p', table.persistence) {
            told(format!("{name} is not logged"), format!("ALTER TABLE {name} SET LOGGED"));
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
            format!("ALTER TABLE {name} REPLICA IDENTITY FULL"),
        );
    }
}

fn publication_problems(
    config: &PostgresConfig,
    fit: Option<bool>,
    tables: &[Table],
    problems: &mut Vec<Problem>,
) {
    let name = &config.publication;
    let mut told = |what: String, sql: String| problems.push(Problem { what, sql, restart: false });
    let roots = || {
        let mut places: Vec<usize> = tables.iter().map(|table| table.place).collect();
        places.dedup();
        places.into_iter().filter_map(|place| {
            let family = || tables.iter().filter(move |table| table.place == place);
            let root = family().next()?;
            let told = family().filter(|table| !table.is_partitioned()).all(|table| table.published);
            let filtered = family().any(|table| table.filtered);
            Some((root.name.clone(), told, filtered))
        })
    };
    match fit {
        None => {
            let list: Vec<String> = roots().map(|(table, ..)| table).collect();
            let tables =
                if list.is_empty() { String::new() } else { format!(" FOR TABLE {}", list.join(", ")) };
            told(format!("there is no publication {name}"), format!("CREATE PUBLICATION {name}{tables}"));
            return;
        }
        Some(false) => told(
            format!("the publication {name} does not tell of every change, of partitions as themselves"),
            format!(
                "ALTER PUBLICATION {name} SET (publish = 'insert, update, delete, truncate', publish_via_partition_root = false)"
            ),
        ),
        Some(true) => {}
    }
    for (table, all_told, filtered) in roots() {
        if !all_told {
            told(
                format!("the publication {name} does not cover {table}"),
                format!("ALTER PUBLICATION {name} ADD TABLE {table}"),
            );
        } else if filtered {
            told(
                format!("the publication {name} leaves out rows or columns of {table}"),
                format!(
                    "ALTER PUBLICATION {name} DROP TABLE {table}; ALTER PUBLICATION {name} ADD TABLE {table}"
                ),
            );
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)?;
        match (&*self.sql, self.restart) {
            ("", _) => Ok(()),
            (sql, false) => write!(f, "; run: {sql}"),
            (sql, true) => write!(f, "; run: {sql}; then restart the server"),
        }
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
        let mut statements: Vec<String> = before.problems.iter().map(|problem| problem.sql.clone()).collect();
        statements.retain(|sql| !sql.is_empty());
        if before.slot.is_none() {
            statements
                .push(format!("SELECT pg_create_logical_replication_slot('{}', 'pgoutput')", config.slot));
        }
        if !run {
            return Ok((before, statements));
        }
        for statement in &statements {
            client.batch_execute(statement).await.map_err(failed)?;
        }
        Ok((look(client, config, watched).await.map_err(failed)?, statements))
    })
}

/// Where a slot stands, for messages.
impl std::fmt::Display for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "confirmed up to {}, holding back {} bytes", lsn(self.confirmed), self.held)
    }
}
