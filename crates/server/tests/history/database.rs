//! The database: its private server, connections to it, and what goes wrong with it.

use std::sync::Arc;

use clearwell_source::Source;
use parking_lot::Mutex;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::clients::Clock;
use super::history::{Change, Us};
use super::workload::Sql;
use crate::support::{Postgres, wait_for};

/// A connection as another program has it; made anew when it broke.
pub struct Session {
    url: String,
    client: Option<Client>,
}

impl Session {
    pub fn new(url: &str) -> Session {
        Session { url: url.into(), client: None }
    }

    async fn client(&mut self) -> Result<&Client, String> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            let connected = tokio_postgres::connect(&self.url, NoTls).await;
            let (client, connection) = connected.map_err(|error| error.to_string())?;
            tokio::spawn(async move { drop(connection.await) });
            self.client = Some(client);
        }
        Ok(self.client.as_ref().expect("it was made just now"))
    }

    /// One transaction.
    pub async fn run(&mut self, statements: &[String]) -> Result<(), String> {
        let client = self.client().await?;
        let done = async {
            for statement in statements {
                client.batch_execute(statement).await?;
            }
            Ok::<_, tokio_postgres::Error>(())
        };
        let done = done.await;
        if done.is_err() && statements.len() > 1 {
            // A connection that does not even take this is closed.
            drop(client.batch_execute("ROLLBACK").await);
        }
        done.map_err(|error| format!("{error:?}"))
    }

    /// The first value of the first row.
    pub async fn read(&mut self, sql: &str) -> Result<Option<String>, String> {
        let rows = self.rows(sql).await?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
    }

    async fn rows(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, String> {
        let told = self.client().await?.simple_query(sql).await.map_err(|error| error.to_string())?;
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
            }
            _ => None,
        };
        Ok(told.into_iter().filter_map(row).collect())
    }

    /// Makes the rows that an interleaving begins with.
    pub async fn seed(&mut self, run: u32, rows: &[(u8, u8)]) -> Result<(), String> {
        let values: Vec<_> =
            rows.iter().map(|(row, group)| format!("({run}, {row}, {group}, '0')")).collect();
        match values.is_empty() {
            true => Ok(()),
            false => {
                self.run(&[format!(
                    "INSERT INTO docs (run, k, g, op) VALUES {} ON CONFLICT DO NOTHING",
                    values.join(", ")
                )])
                .await
            }
        }
    }

    /// What the database has logged of an interleaving.
    pub async fn log(&mut self, run: u32) -> Result<Vec<Change>, String> {
        let rows = self.rows(&format!("SELECT k, n, op, g FROM changes WHERE run = {run}")).await?;
        let change = |row: Vec<Option<String>>| {
            let number = |at: usize| row[at].as_ref().map(|text| text.parse().expect("the log has numbers"));
            Change {
                row: number(0).expect("every change has a row") as u8,
                n: number(1).expect("every change has a version"),
                id: number(2).map(|id| id as u32),
                group: number(3).map(|group| group as u8),
            }
        };
        Ok(rows.into_iter().map(change).collect())
    }
}

impl Sql {
    /// Its statements; more than one make a transaction, rows in one order, so that transactions do not lock each other out.
    pub fn statements(&self, run: u32, id: u32) -> Vec<String> {
        let one = |text: String| vec![text];
        let update = |row: &u8| format!("UPDATE docs SET op = '{id}' WHERE run = {run} AND k = {row}");
        match self {
            Sql::Update(rows) if rows.len() == 1 => one(update(&rows[0])),
            Sql::Update(rows) => {
                let updates = rows.iter().map(update);
                std::iter::once("BEGIN".into()).chain(updates).chain(["COMMIT".into()]).collect()
            }
            Sql::Move(row, group) => {
                one(format!("UPDATE docs SET op = '{id}', g = {group} WHERE run = {run} AND k = {row}"))
            }
            Sql::Insert(row, group) => one(format!(
                "INSERT INTO docs (run, k, g, op) VALUES ({run}, {row}, {group}, '{id}') ON CONFLICT DO NOTHING"
            )),
            Sql::Delete(row) => vec![
                "BEGIN".into(),
                format!("SELECT set_config('history.op', '{id}', true)"),
                format!("DELETE FROM docs WHERE run = {run} AND k = {row}"),
                "COMMIT".into(),
            ],
            Sql::Slow(row, ms) => {
                one(format!("UPDATE docs SET op = '{id}', delay = {ms} WHERE run = {run} AND k = {row}"))
            }
        }
    }

    /// The rows that it may change.
    pub fn rows(&self) -> Vec<u8> {
        match self {
            Sql::Update(rows) => rows.clone(),
            Sql::Move(row, _) | Sql::Insert(row, _) | Sql::Delete(row) | Sql::Slow(row, _) => vec![*row],
        }
    }
}

/// What goes wrong with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The server is killed and started again.
    Restart,
    /// The slot is dropped, and with it whatever was not told yet.
    SlotDropped,
    /// The connection of the feed is ended.
    FeedCut,
    /// Half of all connections are ended.
    ConnectionsCut,
}

/// When something was away.
pub type Outages = Arc<Mutex<Vec<(Us, Us)>>>;

/// Makes trouble, and returns when all is well again.
pub fn trouble(
    server: &mut Postgres,
    slot: &str,
    sources: &[Arc<dyn Source>],
    kind: Trouble,
    clock: Clock,
    outages: &Outages,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let began = clock.now();
    let at = {
        let mut outages = outages.lock();
        outages.push((began, Us::MAX));
        outages.len() - 1
    };
    let reader =
        format!("SELECT coalesce(active_pid, 0) FROM pg_replication_slots WHERE slot_name = '{slot}'");
    let before = server.psql(&reader);
    match kind {
        Trouble::Restart => {
            server.kill9();
            server.start_again();
        }
        Trouble::SlotDropped => drop(server.psql_in(
            slot,
            &format!(
                "DO $$ BEGIN LOOP
                BEGIN PERFORM pg_drop_replication_slot('{slot}'); EXIT;
                EXCEPTION WHEN undefined_object THEN EXIT;
                WHEN object_in_use THEN PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots
                    WHERE slot_name = '{slot}';
                END;
            END LOOP; END $$"
            ),
        )),
        Trouble::FeedCut => drop(server.psql(&format!(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{slot}'"
        ))),
        Trouble::ConnectionsCut => drop(server.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND pid % 2 = 0 AND pid <> pg_backend_pid()",
        )),
    }
    if kind != Trouble::ConnectionsCut {
        wait_for("another reader of the slot", || {
            let now = server.try_psql(&reader).ok()?;
            (now != "0" && !now.is_empty() && now != before).then_some(())
        });
    }
    for source in sources {
        wait_for("the feed to be complete", || runtime.block_on(source.barrier()).ok());
    }
    outages.lock()[at].1 = clock.now();
}
