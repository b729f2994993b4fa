//! From the description of a source to the source.

use std::path::Path;
use std::sync::Arc;

use crate::config::SourceConfig;
use crate::{Source, SourceError, Watched, postgres, sqlite};

/// Looks at a source that the configuration declares, without changing it: answers what describes statements as the source
/// would, and what keeps it from being followed.
pub fn inspect(
    name: &str,
    config: &SourceConfig,
    data: &Path,
    watched: Vec<Watched>,
) -> Result<(Arc<dyn Source>, Vec<String>), SourceError> {
    let Some(postgres) = &config.postgres else {
        let (sketch, problems) = sqlite::Sketch::of(name, config, data, watched)?;
        return Ok((Arc::new(sketch), problems));
    };
    let (setup, _) = postgres::setup(postgres, &watched, false)?;
    let problems = setup.problems.iter().map(ToString::to_string).collect();
    Ok((Arc::new(postgres::Postgres::open(name, postgres, config.timeout_ms, watched)?), problems))
}

/// Opens a source that the configuration declares; it will tell of `watched`.
pub fn open(
    name: &str,
    config: &SourceConfig,
    data: &Path,
    watched: Vec<Watched>,
    feed_poll_ms: u64,
) -> Result<Arc<dyn Source>, SourceError> {
    match &config.postgres {
        Some(postgres) => Ok(Arc::new(postgres::Postgres::open(name, postgres, config.timeout_ms, watched)?)),
        None => Ok(Arc::new(sqlite::Sqlite::open(name, config, data, watched, feed_poll_ms)?)),
    }
}
