//! What became of a transaction whose COMMIT was not answered.
//!
//! The feed tells of it when it was committed. Of one that was not, nobody ever tells: the server is asked about its number.
//! Story: the connection broke before the COMMIT arrived, and a lane of write-behind waited its source's whole timeout for the feed.

use std::time::Duration;

use clearwell_engine::Version;
use tokio::sync::oneshot;

use super::link::{Fault, Link};
use super::pending::PREFIX;
use super::{Shared, barrier, write};
use crate::source::{Receipt, SourceError};

/// Puts a message into the transaction, which comes out of the log where the commit stands; answers the transaction's number.
const MARK: &str = "SELECT pg_current_xact_id()::text, pg_logical_emit_message(true, $1, $2::text)";

const STATUS: &str = "SELECT pg_xact_status($1::text::xid8)";
/// How soon a server that is away, or a transaction that has not ended, is asked again.
const AGAIN: Duration = Duration::from_millis(20);

/// The number of a transaction that writes.
pub struct Xid(String);

/// Prepares [`mark`].
pub async fn prepare(link: &Link) -> Result<(), Fault> {
    Ok(link.own(MARK).await.map(drop)?)
}

/// Marks the transaction that is open on a connection.
pub async fn mark(link: &Link, message: &str) -> Result<Xid, Fault> {
    let statement = link.own(MARK).await?;
    Ok(Xid(link.client.query_one(&statement, &[&PREFIX, &message]).await?.try_get(0)?))
}

/// Waits until the feed tells of the write, or the server says that it was not committed.
pub async fn wait(
    shared: &Shared,
    number: u64,
    xid: &Xid,
    told: &mut oneshot::Receiver<Receipt>,
) -> Result<Receipt, SourceError> {
    tokio::select! {
        biased;
        receipt = write::wait(shared, number, told) => receipt,
        () = aborted(shared, number, xid) => {
            shared.feed.pending.forget(number);
            Err(SourceError::Unreachable("the connection broke before the COMMIT: nothing was written".into()))
        }
    }
}

/// Ends when the transaction is known not to have been committed.
async fn aborted(shared: &Shared, number: u64, xid: &Xid) {
    loop {
        let status = barrier::ask(shared, STATUS, &[&xid.0]).await;
        match status.ok().and_then(|row| row.get::<_, Option<String>>(0)).as_deref() {
            Some("aborted") => return,
            Some("committed") => {
                shared.feed.pending.answered(number);
                if let Ok(Version(passed)) = barrier::wait(shared).await {
                    // Unless it was told of, it was committed in a gap.
                    shared.feed.pending.tell_passed(number, Version(passed));
                }
                return std::future::pending().await;
            }
            // In progress, or older than what the server remembers, or the server is away.
            _ => tokio::time::sleep(AGAIN).await,
        }
    }
}
