//! The database as others than the node use it: what changes it, and what is true in it.

use std::path::Path;

use super::tables::{Base, Spelling, Table};

/// A session of a stranger.
pub enum Database {
    Postgres(tokio_postgres::Client, tokio::runtime::Runtime),
    Sqlite(rusqlite::Connection),
}

/// Tables of this prefix are followed by nobody: they hold what was acknowledged.
pub const TRUTH: &str = "truth_";

impl Database {
    pub fn postgres(url: &str) -> Database {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let client = runtime.block_on(async {
            let (client, connection) =
                tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("it connects");
            tokio::spawn(async move { drop(connection.await) });
            // Groups of commits are durable at once, so that the disk does not set the pace.
            client.batch_execute("SET synchronous_commit = off").await.expect("it is set");
            client
        });
        Database::Postgres(client, runtime)
    }

    pub fn sqlite(path: &Path) -> Database {
        let connection = rusqlite::Connection::open(path).expect("it opens");
        connection.pragma_update(None, "journal_mode", "wal").expect("it is set");
        connection.busy_timeout(std::time::Duration::from_secs(10)).expect("it is set");
        Database::Sqlite(connection)
    }

    /// Runs statements; whether the database took them.
    pub fn run(&self, sql: &str) -> Result<(), String> {
        match self {
            Database::Postgres(client, runtime) => {
                runtime.block_on(client.batch_execute(sql)).map_err(|wrong| format!("{wrong:?}"))
            }
            Database::Sqlite(connection) => connection.execute_batch(sql).map_err(|wrong| wrong.to_string()),
        }
    }

    /// The first column of the first row.
    pub fn first(&self, sql: &str) -> Option<String> {
        match self {
            Database::Postgres(client, runtime) => {
                let messages = runtime.block_on(client.simple_query(sql));
                let messages = messages.unwrap_or_else(|wrong| panic!("{wrong:?}\nof {sql}"));
                messages.into_iter().find_map(|message| match message {
                    tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
                    _ => None,
                })?
            }
            Database::Sqlite(connection) => {
                let mut statement =
                    connection.prepare_cached(sql).unwrap_or_else(|w| panic!("{w}\nof {sql}"));
                let mut rows = statement.query([]).expect("it runs");
                let row = rows.next().expect("it runs")?;
                row.get::<_, Option<String>>(0).expect("a text")
            }
        }
    }

    /// What a key's value is.
    pub fn truth(&self, table: &Table, spelling: Spelling) -> Option<String> {
        self.first(&bound(&table.load(TRUTH), table, spelling, ""))
    }
}

/// A statement with literals for its parameters.
pub fn bound(sql: &str, table: &Table, spelling: Spelling, value: &str) -> String {
    let key = match (table.kind.capture, table.base) {
        // As a capture of that type is bound.
        ("int", Base::Sqlite) => spelling.k.to_owned(),
        _ => literal(spelling.k),
    };
    let sql = sql.replace(":value", &literal(value)).replace(":c ", &format!("{} ", literal(spelling.c)));
    let sql = sql.replace(":c,", &format!("{},", literal(spelling.c)));
    let sql = match sql.strip_suffix(":c") {
        Some(sql) => format!("{sql}{}", literal(spelling.c)),
        None => sql,
    };
    sql.replace(":k::", &format!("{key}::")).replace(":k", &key)
}

pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
