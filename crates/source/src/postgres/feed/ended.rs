//! Whether a transaction that the log tells of has ended for readers too.
//!
//! A server writes a commit to its log, from where it is sent to us, and only then lets readers see it: a moment later, or
//! much later on a busy machine or while it waits for synchronous standbys. A load in between would read the row as it was,
//! after the feed has told of the change, and nothing would ever take it away again. So a commit is told when it can be read.

use std::time::{Duration, Instant};

use tokio_postgres::Error;

use crate::postgres::database::Database;
use crate::postgres::link::Link;

/// How long a connection has to answer. One that does not, or that breaks, is made anew.
const ANSWER: Duration = Duration::from_millis(300);

/// What readers see. One answer does for many transactions when the feed is behind.
#[derive(Default)]
pub struct Readers {
    ended: EndedTransactions,
    /// Where to ask; `None`: to be connected.
    link: Option<Link>,
}

impl Readers {
    /// Whether they see this transaction as ended, by the last answer or by a new one.
    pub async fn see(&mut self, xid: u32, database: &Database) -> Result<bool, Error> {
        if self.ended.contains(xid) {
            return Ok(true);
        }
        let link = match self.link.take() {
            Some(link) => link,
            None => Link::connect(database).await?,
        };
        if let Ok(Ok(ended)) = tokio::time::timeout(ANSWER, EndedTransactions::look(&link)).await {
            (self.ended, self.link) = (ended, Some(link));
        }
        Ok(self.ended.contains(xid))
    }
}

/// Waits until the transactions that are open now have ended. A stream that begins tells of what is committed after its
/// beginning; what is in the log before it and not yet seen by readers would be told by nobody. One that is open for
/// longer than `most` is hardly in the log yet, and is not waited for.
pub async fn settle(link: &Link, most: Duration) -> Result<(), Error> {
    let began = Instant::now();
    // A number of its own: a snapshot does not name those that are younger than the last that has ended.
    let row = link.client.query_one("SELECT pg_current_xact_id()::text::int8", &[]).await?;
    let number = u64::try_from(row.get::<_, i64>(0)).unwrap_or_default();
    while !EndedTransactions::look(link).await?.all_before(number) && began.elapsed() < most {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// Which transactions had ended when the server was asked: those before `next` that are not in `open`.
#[derive(Debug, Default, PartialEq, Eq)]
struct EndedTransactions {
    next: u64,
    open: Vec<u64>,
}

impl EndedTransactions {
    /// Asks the server.
    async fn look(link: &Link) -> Result<EndedTransactions, Error> {
        let statement = link.own("SELECT pg_current_snapshot()::text").await?;
        let row = link.client.query_one(&statement, &[]).await?;
        // What cannot be read proves nothing: the server is asked again.
        Ok(EndedTransactions::parse(row.get(0)).unwrap_or_default())
    }

    /// Reads `xmin:xmax:xip,xip`.
    fn parse(snapshot: &str) -> Option<EndedTransactions> {
        let mut parts = snapshot.split(':').skip(1);
        let next = parts.next()?.parse().ok()?;
        let open = parts.next()?.split(',').filter(|xid| !xid.is_empty());
        Some(EndedTransactions { next, open: open.map(|xid| xid.parse().ok()).collect::<Option<_>>()? })
    }

    /// Whether all that began before the one of this number had ended.
    fn all_before(&self, number: u64) -> bool {
        number <= self.next && self.open.iter().all(|open| *open >= number)
    }

    /// Whether this transaction had ended. The log tells the lower half of its number; it is one of the two billion around
    /// the newest.
    fn contains(&self, xid: u32) -> bool {
        const HALF: u64 = 1 << 31;
        let wrap = 2 * HALF;
        let same = self.next / wrap * wrap + u64::from(xid);
        let whole = match same {
            same if same >= self.next + HALF => same.saturating_sub(wrap),
            same if same + HALF < self.next => same + wrap,
            same => same,
        };
        whole < self.next && !self.open.contains(&whole)
    }
}

#[cfg(test)]
mod tests {
    use super::EndedTransactions;

    #[test]
    fn what_is_open_or_younger_has_not_ended() {
        let ended = EndedTransactions::parse("100:105:100,103").unwrap();
        assert_eq!(
            [99, 100, 101, 103, 104, 105].map(|xid| ended.contains(xid)),
            [true, false, true, false, true, false]
        );
        assert_eq!(EndedTransactions::parse("100:100:"), Some(EndedTransactions { next: 100, open: vec![] }));
        assert!(!EndedTransactions::default().contains(3));
        assert_eq!([100, 101, 105, 106].map(|number| ended.all_before(number)), [true, false, false, false]);
        assert!(EndedTransactions::parse("100:105:").unwrap().all_before(105));
        assert_eq!(EndedTransactions::parse("100"), None);
    }

    #[test]
    fn numbers_go_round() {
        let round = 1u64 << 32;
        let ended = EndedTransactions { next: round + 5, open: vec![round - 1, round + 3] };
        assert_eq!(
            [u32::MAX, u32::MAX - 1, 3, 4, 5].map(|xid| ended.contains(xid)),
            [false, true, false, true, false]
        );
        let ended = EndedTransactions { next: round - 5, open: vec![] };
        assert!(ended.contains(u32::MAX - 10) && !ended.contains(2));
    }
}
