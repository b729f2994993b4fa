//! A database that is only looked at, for `clearwell serve --check --connect`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clearwell_words::Version;
use parking_lot::Mutex;
use rusqlite::Connection;

use super::connect::{self, SqliteShared};
use super::triggers::Times;
use super::{describe, setup, triggers};
use crate::config::{SourceConfig, SqliteMode};
use crate::{Follower, Later, Param, Receipt, Row, RowWrite, Shape, Source, SourceError, Statement, Watched};

/// Describes statements as the database would: as the file is, or, where there is none yet, as the seed makes it.
pub struct Sketch {
    shared: Arc<SqliteShared>,
    /// A database in memory lives as long as a connection to it.
    _anchor: Mutex<Connection>,
}

impl Sketch {
    /// Looks at a file, or makes one in memory; answers what keeps it from being followed as well. What a start makes by
    /// itself keeps it from nothing.
    pub fn of(
        name: &str,
        config: &SourceConfig,
        data: &Path,
        watched: Vec<Watched>,
    ) -> Result<(Sketch, Vec<String>), SourceError> {
        let exists = config.mode != SqliteMode::Memory && data.join(&config.path).exists();
        let is_made = config.mode == SqliteMode::Create && config.seed.is_some() && !exists;
        let mode =
            if is_made || config.mode == SqliteMode::Memory { SqliteMode::Memory } else { SqliteMode::Read };
        let config_seed = if mode == SqliteMode::Memory { config.seed.as_deref() } else { None };
        let looked = SourceConfig { mode, ..config.clone() };
        let shared = Arc::new(SqliteShared::new(name, &looked, data, Duration::from_millis(1), watched));
        if is_made {
            connect::has_folder(&data.join(&config.path), data).map_err(SourceError::Unreachable)?;
        }
        let connection = connect::create(&shared, data, config_seed)?;
        let lacking = match mode {
            SqliteMode::Memory => triggers::install(&connection, &shared.watched, Times::AsTheyAre),
            _ => setup::lacking(&connection, &shared.watched, Times::AsTheyAre),
        };
        let lacking = lacking.map_err(|fault| fault.told(shared.timeout_ms))?;
        let missing = config.mode == SqliteMode::Read && !shared.watched.is_empty() && !lacking.is_empty();
        let problems = missing.then(|| setup::LACKS.to_owned()).into_iter().collect();
        Ok((Sketch { shared, _anchor: Mutex::new(connection) }, problems))
    }
}

fn only_looked_at() -> SourceError {
    SourceError::Unreachable("the database is only looked at".into())
}

impl Source for Sketch {
    fn follow(&self, _: Arc<dyn Follower>) -> Result<(), SourceError> {
        Err(only_looked_at())
    }

    fn load(&self, _: &Statement, _: Vec<Param>) -> Later<Result<Option<Row>, SourceError>> {
        Box::pin(async { Err(only_looked_at()) })
    }

    fn write(&self, _: RowWrite) -> Later<Result<Receipt, SourceError>> {
        Box::pin(async { Err(only_looked_at()) })
    }

    fn barrier(&self) -> Later<Result<Version, SourceError>> {
        Box::pin(async { Err(only_looked_at()) })
    }

    fn describe(&self, statement: &Statement) -> Result<Option<Shape>, SourceError> {
        connect::retried(&self.shared, || describe::shape(&self.shared, statement)).map(Some)
    }

    fn behind_ms(&self) -> u64 {
        0
    }
}
