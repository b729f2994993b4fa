//! What becomes of keys that nearly match a keyspace.

use clearwell_source::nearest;

use super::Strategy;
use super::error::ConfigError;
use super::section::Section;

/// What becomes of a write to a key that no keyspace matches and that looks as if this one should. It would stay in memory
/// and never reach the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NearMiss {
    /// It is refused, with what would be right.
    Refuse,
    /// It is done, counted and logged.
    Warn,
    /// It is a plain key like any other.
    #[default]
    Allow,
}

/// Reads `near_miss`. Where it is not given: a keyspace that writes refuses, one that only loads warns, and one without a source
/// allows.
pub(super) fn read(
    section: &Section<'_>,
    has_source: bool,
    has_store: bool,
    write: Strategy,
) -> Result<NearMiss, ConfigError> {
    let writes = has_store && write != Strategy::CacheOnly;
    let default = match (has_source, writes) {
        (true, true) => NearMiss::Refuse,
        (true, false) => NearMiss::Warn,
        (false, _) => NearMiss::Allow,
    };
    Ok(section.read("near_miss", word)?.unwrap_or(default))
}

fn word(text: &str) -> Result<NearMiss, String> {
    match text {
        "refuse" => Ok(NearMiss::Refuse),
        "warn" => Ok(NearMiss::Warn),
        "allow" => Ok(NearMiss::Allow),
        _ => Err(format!("unknown policy \"{text}\"{}", nearest(text, &["refuse", "warn", "allow"]))),
    }
}
