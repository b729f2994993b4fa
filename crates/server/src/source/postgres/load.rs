//! Loads: many share a connection, their statements on the way together.

use std::sync::Arc;
use std::time::Duration;

use super::error;
use super::link::Fault;
use super::pool::Pool;
use crate::source::{Param, Row, SourceError};

/// Loads on their way at once on one connection. They are answered in their order, so that one slow load holds up
/// those behind it: few enough that others find a free connection, enough that a round trip carries many.
pub const DEPTH: usize = 16;

/// Reads one row. The server ends a statement that takes longer than the timeout; a server that does not even answer is
/// given up on as long after.
pub async fn load(
    pool: &Pool,
    timeout_ms: u64,
    statement: &Arc<str>,
    params: &[Param],
) -> Result<Option<Row>, SourceError> {
    let limit = Duration::from_millis(timeout_ms);
    tokio::time::timeout(limit, retried(pool, timeout_ms, statement, params))
        .await
        .unwrap_or(Err(SourceError::TooSlow(timeout_ms)))
}

/// A load changes nothing: when its statement went out of date it is tried again, and when its connection broke as
/// often as there are connections that may have broken with it.
async fn retried(
    pool: &Pool,
    timeout_ms: u64,
    statement: &Arc<str>,
    params: &[Param],
) -> Result<Option<Row>, SourceError> {
    let mut outdated = false;
    let mut broken = 0;
    loop {
        let turn = pool.turn().await?;
        match turn.link().first_row(statement, params).await {
            Ok(row) => return Ok(row),
            Err(Fault::Postgres(wrong)) if !outdated && error::is_outdated(&wrong) => {
                outdated = true;
                turn.link().forget(statement);
            }
            Err(Fault::Postgres(wrong)) if broken < pool.size() && error::is_broken(&wrong) => broken += 1,
            Err(fault) => return Err(fault.told(timeout_ms)),
        }
    }
}
