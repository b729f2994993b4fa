//! What freshness a reader asks for.

use clearwell_engine::Reader;

use crate::config::Level;

/// A reader's demand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// The level; `None` takes the keyspace's.
    pub level: Option<Level>,
    /// Whether a value that was marked stale (mode `lazy`) will do while it is refreshed.
    pub stale: bool,
    /// Whether a miss of a key without a source is to be remembered, because a plain SET may fill it.
    pub remember: bool,
    /// Who reads, where that is known.
    pub reader: Reader,
}

impl Demand {
    /// What a plain `GET` asks for.
    pub const PLAIN: Demand =
        Demand { level: None, stale: false, remember: true, reader: Reader { client: 0, looks: false } };
}
