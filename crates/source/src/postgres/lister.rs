//! Listings: a cursor that holds what a statement returned, on a connection of its own.

use std::time::Duration;

use super::database::Database;
use super::error;
use super::link::Link;
use super::prepared::{Prepared, aliases, bare, read, readable};
use super::text::Text;
use crate::pages::{Listed, ROWS, RowPage};
use crate::{SourceError, Statement};

/// How long the server may take to be told that nobody waits any more.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lists until it has, or nobody takes what it lists; then the server is asked to end it.
pub async fn run(database: Database, statement: Statement, out: Listed, timeout_ms: u64) {
    let connecting = tokio::time::timeout(Duration::from_millis(timeout_ms), Link::connect(&database));
    let link = match connecting.await {
        Ok(Ok(link)) => link,
        Ok(Err(wrong)) => return tell(&out, SourceError::Unreachable(wrong.to_string())).await,
        Err(_) => return tell(&out, SourceError::TooSlow(timeout_ms)).await,
    };
    let ended = tokio::select! {
        listed = list(&link, &statement, &out) => Some(listed),
        () = out.closed() => None,
    };
    match ended {
        Some(Ok(())) => {}
        Some(Err(wrong)) => tell(&out, error::told(&wrong, timeout_ms)).await,
        None => {
            let token = link.client.cancel_token();
            let cancelling = token.cancel_query(database.tls.clone());
            // The connection is closed whether the server hears of it or not.
            let _heard = tokio::time::timeout(PATIENCE, cancelling).await;
        }
    }
    link.discard();
}

async fn tell(out: &Listed, error: SourceError) {
    // Nobody may listen any more.
    let _gone = out.send(Err(error)).await;
}

/// The cursor is held past its transaction: the server has copied what it returns, and keeps no snapshot for it.
async fn list(link: &Link, statement: &Statement, out: &Listed) -> Result<(), tokio_postgres::Error> {
    let client = &link.client;
    // It may take longer than a load: as long as somebody waits for it.
    client.batch_execute("SET statement_timeout = 0").await?;
    let text = Text::parse(&statement.0);
    let prepared = Prepared::prepare(client, &statement.0, false).await?;
    let names: Vec<String> = aliases(prepared.types.len()).collect();
    let sql = format!(
        "DECLARE clearwell_keys SCROLL CURSOR WITH HOLD FOR SELECT {} FROM ({}\n) AS listed ({})",
        readable(&names, &prepared.types),
        bare(&text.sql),
        names.join(", ")
    );
    client.batch_execute(&sql).await?;
    let total = client.execute("MOVE FORWARD ALL IN clearwell_keys", &[]).await?;
    client.execute("MOVE ABSOLUTE 0 IN clearwell_keys", &[]).await?;
    loop {
        let rows = client.query(&format!("FETCH FORWARD {ROWS} FROM clearwell_keys"), &[]).await?;
        let rows = rows.iter().map(|row| read(row, 0, &prepared.columns)).collect::<Result<Vec<_>, _>>()?;
        let is_last = rows.is_empty();
        if out.send(Ok(RowPage { rows, total })).await.is_err() || is_last {
            return Ok(());
        }
    }
}
