//! Loads in progress: one a key, however many readers wait.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::Seq;

/// The right, and the duty, to fill one key. Dropped without landing, it wakes the waiting readers with
/// [`Landing::Abandoned`] and one of them leads.
#[derive(Debug)]
pub struct FillLease {
    pub(crate) key: Box<[u8]>,
    pub(crate) began: Seq,
}

impl FillLease {
    /// The key to load.
    pub fn key(&self) -> &[u8] {
        &self.key
    }
    /// The count when the load began.
    pub fn began(&self) -> Seq {
        self.began
    }
}

/// How a load ended, as its leader tells it to those who wait.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The source's value.
    Value(Arc<[u8]>),
    /// The source has no such row.
    Absent,
    /// The source failed.
    Failed(Arc<dyn Error + Send + Sync>),
}

/// What a waiting reader is told.
#[derive(Debug, Clone)]
pub enum Landing {
    /// The load's outcome; it is no older than this reader's own question.
    Landed(Outcome),
    /// The load was given up, or what it read was invalidated before this reader asked: ask again.
    Abandoned,
}

/// A reader waiting for a load that somebody else leads.
#[derive(Debug)]
pub struct Waiting {}

impl Future for Waiting {
    type Output = Landing;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Landing> {
        let _ = cx;
        todo!()
    }
}
