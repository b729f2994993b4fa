//! What PostgreSQL's errors mean here.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::SourceError;

/// Tells a refusal from a server that is away and from one that ended the statement for its time.
pub fn told(error: &Error, timeout_ms: u64) -> SourceError {
    let Some(answer) = error.as_db_error() else {
        return match error.is_closed() || is_io(error) {
            true => SourceError::Unreachable(with_cause(error)),
            false => SourceError::Refused(with_cause(error)),
        };
    };
    let code = answer.code();
    if *code == SqlState::QUERY_CANCELED {
        return SourceError::TooSlow(timeout_ms);
    }
    let detail = answer.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let message = format!("{}{detail} (SQLSTATE {})", answer.message(), code.code());
    match code.code().get(..2) {
        // Connection exception, insufficient resources, operator intervention, invalid authorization or catalog name.
        Some("08" | "53" | "57" | "28" | "3D") => SourceError::Unreachable(message),
        _ => SourceError::Refused(message),
    }
}

/// Whether the connection is of no more use.
pub fn is_broken(error: &Error) -> bool {
    let ended = |code: &SqlState| code.code().starts_with("57P") || code.code().starts_with("08");
    error.as_db_error().map_or(error.is_closed() || is_io(error), |answer| ended(answer.code()))
}

/// Whether a prepared statement no longer fits its tables; preparing it again helps.
pub fn is_outdated(error: &Error) -> bool {
    error.as_db_error().is_some_and(|answer| {
        let code = answer.code();
        *code == SqlState::FEATURE_NOT_SUPPORTED && answer.message().starts_with("cached plan")
    })
}

/// Whether a statement does not fit the tables as they are: what was prepared may have been planned for others.
pub fn is_unfit(error: &Error) -> bool {
    is_outdated(error) || error.code().is_some_and(|code| code.code().starts_with("42"))
}

/// Whether the same write may be taken another time, though nothing of it is changed: a conflict with another transaction, a
/// server that only reads just now, or one whose files fail.
pub fn is_passing(error: &Error) -> bool {
    let Some(answer) = error.as_db_error() else { return false };
    let code = answer.code();
    *code == SqlState::READ_ONLY_SQL_TRANSACTION || matches!(code.code().get(..2), Some("40" | "55" | "58"))
}

fn is_io(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if inner.is::<std::io::Error>() {
            return true;
        }
        cause = inner.source();
    }
    // A connection that was never made has a cause of another kind, or none; only a server's answer refuses.
    let text = error.to_string();
    text.starts_with("error connecting") || text.starts_with("error performing TLS")
}

fn with_cause(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
