//! Rows that come page by page.

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{Row, SourceError};

/// Rows of a page.
pub const ROWS: usize = 1_000;

/// A part of a listing.
#[derive(Debug, Default, PartialEq)]
pub struct RowPage {
    /// Its rows; none: that was all.
    pub rows: Vec<Row>,
    /// How many rows the whole listing has.
    pub total: u64,
}

/// A listing, as whoever asked for it sees it.
pub struct Pages(Receiver<Result<RowPage, SourceError>>);

/// Where a source puts the pages. It waits until the one before was taken.
pub type Listed = Sender<Result<RowPage, SourceError>>;

impl Pages {
    /// A listing, and where its pages are put. The last one is empty.
    pub fn new() -> (Listed, Pages) {
        let (listed, pages) = channel(1);
        (listed, Pages(pages))
    }

    /// One that could not be begun.
    pub fn failed(error: SourceError) -> Pages {
        let (listed, pages) = Pages::new();
        // It has room for one.
        let _taken = listed.try_send(Err(error));
        pages
    }

    /// The next page; `None`: there is none.
    ///
    /// # Errors
    /// The source refused the statement, or failed.
    pub async fn next(&mut self) -> Result<Option<RowPage>, SourceError> {
        match self.0.recv().await {
            Some(page) => page.map(|page| (!page.rows.is_empty()).then_some(page)),
            None => Err(SourceError::Unreachable("the source has stopped".into())),
        }
    }
}
