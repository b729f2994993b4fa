//! What DEL means.

use clearwell_source::nearest;

use super::Strategy;
use super::error::ConfigError;
use super::section::Section;

/// What DEL, UNLINK and REST's DELETE mean for a key that has a source. Its row is removed by name (`CW.DEL`,
/// `DELETE ?row=true`) whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Del {
    /// What was read of the key before now is old.
    #[default]
    Invalidate,
    /// Its row is to be removed.
    Row,
}

/// Reads `del` of a keyspace that is written by `write`.
pub(super) fn read(section: &Section<'_>, has_delete: bool, write: Strategy) -> Result<Del, ConfigError> {
    let del = section.read("del", word)?.unwrap_or_default();
    let needs = |what| Err(section.error("del", format!("del = \"row\" needs {what}")));
    match del {
        Del::Row if !has_delete => needs("delete, the statement that removes a row"),
        Del::Row if write == Strategy::CacheOnly => {
            needs("a strategy that writes: write = \"cache-only\" leaves the rows alone")
        }
        del => Ok(del),
    }
}

fn word(text: &str) -> Result<Del, String> {
    match text {
        "invalidate" => Ok(Del::Invalidate),
        "row" => Ok(Del::Row),
        _ => Err(format!("unknown meaning \"{text}\"{}", nearest(text, &["invalidate", "row"]))),
    }
}
