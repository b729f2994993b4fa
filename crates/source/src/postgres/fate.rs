//! What became of a transaction whose COMMIT was not answered.
//!
//! The feed tells of it when it was committed. Of one that was not, nobody ever tells: the server is asked about its number.
//! Story: the connection broke before the COMMIT arrived, and a lane of write-behind waited its source's whole timeout for the feed.

use std::time::Duration;

use tokio::sync::oneshot;

use super::link::{Link, LinkFault};
use super::pending::PREFIX;
use super::{PostgresShared, barrier, write};
use crate::{Receipt, SourceError};

/// Puts a message into the transaction, which comes out of the log where the commit stands; answers the transaction's number.
const MARK: &str = "SELECT pg_current_xact_id()::text, pg_logical_emit_message(true, $1, $2::text)";

const STATUS: &str = "SELECT pg_xact_status($1::text::xid8)";
/// How soon a server that is away, or a transaction that has not ended, is asked again.
const AGAIN: Duration = Duration::from_millis(20);

/// The number of a transaction that writes.
pub struct Xid(String);

/// Prepares [`mark`].
pub async fn prepare(link: &Link) -> Result<(), LinkFault> {
    Ok(link.own(MARK).await.map(drop)?)
}

/// Marks the transaction that is open on a connection.
pub async fn mark(link: &Link, message: &str) -> Result<Xid, LinkFault> {
    let statement = link.own(MARK).await?;
    Ok(Xid(link.client.query_one(&statement, &[&PREFIX, &message]).await?.try_get(0)?))
}

/// Waits until the feed tells of the write, or it is known that it never will.
pub async fn wait(
    shared: &PostgresShared,
    number: u64,
    xid: &Xid,
    told: &mut oneshot::Receiver<Receipt>,
) -> Result<Receipt, SourceError> {
    if shared.feed.is_shared() {
        let limit = Duration::from_millis(shared.timeout_ms);
        let why = tokio::time::timeout(limit, untold(shared, xid)).await;
        shared.feed.pending.forget(number);
        return Err(
            why.map_or(SourceError::TooSlow(shared.timeout_ms), |why| SourceError::Unreachable(why.into()))
        );
    }
    tokio::select! {
        biased;
        receipt = write::wait(shared, number, told) => receipt,
        why = untold(shared, xid) => {
            shared.feed.pending.forget(number);
            Err(SourceError::Unreachable(why.into()))
        }
    }
}

/// Ends when the feed will not tell of the transaction any more. A server that crashed gives numbers again which no record on its disk
/// has: so *aborted* is true of the transaction that had the number first, and *committed* may be said of another one.
async fn untold(shared: &PostgresShared, xid: &Xid) -> &'static str {
    loop {
        let status = barrier::ask(shared, STATUS, &[&xid.0]).await;
        match status.ok().and_then(|row| row.get::<_, Option<String>>(0)).as_deref() {
            Some("aborted") => return "the connection broke before the COMMIT: nothing was written",
            // What the feed has passed without a word of it was another one's, or this one's in a gap.
            Some("committed") if barrier::wait(shared).await.is_ok() => {
                return "the connection broke at the COMMIT: whether it was written is not known";
            }
            // In progress, or younger than a server that crashed knows, or the server is away.
            _ => tokio::time::sleep(AGAIN).await,
        }
    }
}
