//! What keys of a cluster may have for a source, and what not yet.

use clearwell_source::config::SqliteMode;

use crate::config::{Config, Strategy};
use crate::keyspace::Keyspaces;
use crate::node::StartError;

/// Refuses databases that nodes cannot share.
pub(in crate::node) fn check_sources(config: &Config) -> Result<(), StartError> {
    for (name, source) in config.sources.iter().filter(|(_, source)| source.postgres.is_none()) {
        let why = if source.mode == SqliteMode::Memory {
            "is in one process's memory, and the nodes of a cluster need one database for all: name a file, or a PostgreSQL database"
        } else if source.path.is_relative() {
            "has a path under the data folder, which is another file on each node of a cluster: name the file absolutely, or a PostgreSQL database"
        } else {
            continue;
        };
        return Err(StartError(format!("source {name}: it {why}")));
    }
    Ok(())
}

/// Refuses keyspaces whose writes a cluster cannot keep.
pub(in crate::node) fn check_keyspaces(keyspaces: &Keyspaces) -> Result<(), StartError> {
    for keyspace in &keyspaces.all {
        let Some(backing) = &keyspace.backing else { continue };
        let name = &keyspace.name;
        if keyspace.write == Strategy::Back {
            return Err(StartError(format!(
                "keyspace {name}: a cluster has no write-back yet, because a write that waits for its source would be lost with its node; use write-through"
            )));
        }
        let writes = backing.store.is_some() || backing.delete.is_some();
        if let Some(why) = backing.standing.unfollowed().filter(|_| writes) {
            return Err(StartError(format!(
                "keyspace {name}: it writes to tables whose commits no feed tells of ({why}); in a cluster a write of a node that was replaced may reach the \
                 source late, and only the feed would say so: follow the tables, or leave `store` and `delete` out"
            )));
        }
    }
    Ok(())
}
