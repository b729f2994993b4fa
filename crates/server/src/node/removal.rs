//! Removals: DEL states that what was read of a key is old; removing the source's row is asked for by name (decision 0027).

use std::sync::Arc;

use clearwell_engine::{Cause, Scope};
use clearwell_source::{Receipt, RowWrite, Statement};
use clearwell_words::Bytes;
use tokio::sync::oneshot;

use super::load::Target;
use super::{Node, Turn, WriteError};
use crate::config::{Del, Strategy};
use crate::keyspace::Keyspace;
use crate::road::InvalidationRequest;
use crate::syntax::Captures;

/// What is to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Removal {
    /// What DEL says: the entry in memory, which for a key with a source is an invalidation; also the source's row where the
    /// keyspace declares `del = "row"`.
    #[default]
    Declared,
    /// The source's row and the entry, by this strategy or else by the keyspace's.
    Row(Option<Strategy>),
    /// The entry in memory, whatever the keyspace declares.
    Entry,
}

/// Where a removal goes besides memory.
pub(super) enum RemovalReach {
    Memory,
    Source(Statement),
    Journal,
}

impl Node {
    /// Removes keys: from the source where `removal` reaches it, and from memory on the one road, with all that depends on
    /// them. Answers how many of them there were, in the source or (where it was not asked) as a reader would have seen them.
    pub fn remove(
        self: &Arc<Self>,
        keys: impl IntoIterator<Item = Bytes>,
        removal: Removal,
    ) -> Turn<Result<u64, WriteError>> {
        let mut in_source = Vec::new();
        let mut in_memory = Vec::new();
        let mut in_journal = Vec::new();
        // Not what the invalidation reaches: that counts what depends on the keys as well.
        let mut removed = 0;
        for key in keys {
            let target = |keyspace: &Arc<Keyspace>, captures, key: Bytes| Target {
                key: (*key).into(),
                keyspace: keyspace.clone(),
                captures,
            };
            let reach = self.reach_of(&key, removal);
            if let Ok((_, found)) = &reach {
                self.reports.tallies().wrote(found.as_ref().map_or(0, |(keyspace, _)| keyspace.class));
            }
            match reach {
                Err(error) => return Turn::Now(Err(error)),
                Ok((RemovalReach::Source(statement), Some((keyspace, captures)))) => {
                    in_source.push((target(keyspace, captures, key), statement));
                }
                Ok((RemovalReach::Journal, Some((keyspace, captures)))) => {
                    in_journal.push(target(keyspace, captures, key))
                }
                Ok((_, found)) => {
                    removed += u64::from(self.holds(&key, found.map(|(keyspace, _)| keyspace)));
                    in_memory.push(Scope::Key(key));
                }
            }
        }
        let taken = self.invalidate(InvalidationRequest::now(in_memory, Cause::Removal));
        if in_source.is_empty() && in_journal.is_empty() && taken.is_acknowledged() {
            return Turn::Now(Ok(removed));
        }
        let node = self.clone();
        Turn::Later(Box::pin(async move {
            let mut removed = removed;
            taken.acknowledged().await.map_err(WriteError::Unordered)?;
            for target in in_journal {
                removed = removed.saturating_add(node.clone().write_back(target, None).await?.into());
            }
            for (target, statement) in in_source {
                removed = removed.saturating_add(node.delete(target, statement).await?);
            }
            Ok(removed)
        }))
    }

    /// Whether a reader would have seen a value of this key without asking the source.
    fn holds(&self, key: &[u8], keyspace: Option<&Arc<Keyspace>>) -> bool {
        let unflushed = keyspace.and_then(|keyspace| self.backlog.has_value(keyspace, key));
        unflushed.unwrap_or_else(|| {
            self.engine().peek(key, self.clock.now(), |view| view.value().is_some()) == Some(true)
        })
    }

    /// Where removing this key has to reach, with its keyspace.
    #[allow(clippy::type_complexity)]
    pub(super) fn reach_of(
        &self,
        key: &[u8],
        removal: Removal,
    ) -> Result<(RemovalReach, Option<(&Arc<Keyspace>, Captures)>), WriteError> {
        let Some((keyspace, captures)) = self.keyspaces.find(key) else {
            // Who asks for a row by name means one.
            if let Removal::Row(_) = removal {
                self.check_near(key)?;
            }
            return Ok((RemovalReach::Memory, None));
        };
        let reach = match (&keyspace.backing, removal) {
            // What stands in memory is all there is of it.
            (None, _) | (_, Removal::Entry) => RemovalReach::Memory,
            (Some(_), Removal::Declared) if keyspace.del == Del::Invalidate => RemovalReach::Memory,
            (Some(backing), _) => {
                let asked = if let Removal::Row(strategy) = removal { strategy } else { None };
                match (asked.unwrap_or(keyspace.write), &backing.delete) {
                    (_, None) => return Err(no_delete(keyspace)),
                    (Strategy::Back, Some(_)) => RemovalReach::Journal,
                    (_, Some(statement)) => RemovalReach::Source(statement.clone()),
                }
            }
        };
        Ok((reach, Some((keyspace, captures))))
    }

    async fn delete(self: &Arc<Self>, target: Target, statement: Statement) -> Result<u64, WriteError> {
        let Some(backing) = target.backing() else { return Ok(0) };
        self.backlog.settle(&target).await?;
        let params = target.keyspace.params(&target.captures, None);
        let source = backing.source.clone();
        let (node, key) = (self.clone(), target.key.clone());
        let (told, superseded) = oneshot::channel();
        let committed = Box::new(move |receipt: &Receipt| {
            node.overwritten(&target.key, receipt.version);
            node.backlog.supersede(&target.key, move || {
                // Whoever wrote may be gone.
                let _ = told.send(());
            });
        });
        let written = source.write(RowWrite { statement, params, read_back: None, committed }).await;
        let receipt = written.map_err(WriteError::Source)?;
        self.overwritten_everywhere(&key, receipt.version).await?;
        // An error: nobody had to be told.
        let _ = superseded.await;
        Ok(receipt.rows.min(1))
    }
}

fn no_delete(keyspace: &Keyspace) -> WriteError {
    WriteError::Unsupported(format!(
        "keyspace {} declares no `delete`, the statement that removes a row; DEL states that what was read of a key is old",
        keyspace.name
    ))
}
