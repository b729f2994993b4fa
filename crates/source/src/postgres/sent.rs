//! Statements that are sent one after the other, without waiting for the answers in between.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use crate::SourceError;

/// Statements on their way, in their order.
#[derive(Default)]
pub struct SentStatements<'l>(Vec<RunningStatement<'l>>);

enum RunningStatement<'l> {
    Sent(Pin<Box<dyn Future<Output = Result<(), SourceError>> + Send + 'l>>),
    Answered(Result<(), SourceError>),
}

impl<'l> SentStatements<'l> {
    /// The first poll sends it; one that has to be prepared first is waited for that long by those behind it.
    pub async fn send(&mut self, work: impl Future<Output = Result<(), SourceError>> + Send + 'l) {
        let mut work: Pin<Box<dyn Future<Output = _> + Send + 'l>> = Box::pin(work);
        let polled = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
        self.0.push(match polled {
            Poll::Ready(done) => RunningStatement::Answered(done),
            Poll::Pending => RunningStatement::Sent(work),
        });
    }

    /// The first failure in their order, which is the cause of those behind it.
    pub async fn answered(self) -> Result<(), SourceError> {
        for running in self.0 {
            match running {
                RunningStatement::Answered(done) => done?,
                RunningStatement::Sent(work) => work.await?,
            }
        }
        Ok(())
    }
}
