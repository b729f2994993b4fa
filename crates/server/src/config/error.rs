//! What is wrong with a configuration, and where.

use std::fmt;

/// A mistake in a configuration file. Prints as `clearwell.toml:12: unknown key "sorce" in [[keyspace]]; did you mean
/// "source"?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file as it was named.
    pub file: String,
    /// The line of the mistake, from 1; `None` when the file could not be read at all.
    pub line: Option<usize>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for ConfigError {}
