//! Writes that their source has before they are acknowledged: write-through and write-invalidate.

use std::sync::Arc;

use clearwell_engine::{Cause, Millis, Scope, Seq, Version};
use clearwell_source::{Receipt, Row, RowWrite};
use tokio::sync::oneshot;

use super::draft::EntryDraft;
use super::load::Target;
use super::write::no_source;
use super::{Node, Put, WriteError, Written};
use crate::config::Strategy;
use crate::road::InvalidationRequest;

impl Node {
    /// Writes to the source. In the commit's own place of the source's order the key is invalidated and, for
    /// `write-through`, what the database made of the value is stored: so concurrent writes of one key leave the
    /// cache with the last commit's value, or without one.
    pub(super) async fn store(
        self: Arc<Self>,
        target: Target,
        put: Put<'static>,
        strategy: Strategy,
    ) -> Result<Written, WriteError> {
        let Some(backing) = target.backing() else {
            return Err(WriteError::Strategy(strategy, no_source(&target.key)));
        };
        let Some(statement) = backing.store.clone() else {
            let name = &target.keyspace.name;
            return Err(WriteError::Strategy(
                strategy,
                format!("keyspace {name} declares no `store` statement"),
            ));
        };
        self.backlog.settle(&target).await?;
        // In a cluster the key's next reader loads it: what was read back is not known to be newer than what came to its names meanwhile.
        let through = strategy == Strategy::Through && !self.is_in_cluster();
        let params = target.keyspace.params(&target.captures, Some(&put.value));
        let read_back =
            through.then(|| (backing.load.clone(), target.keyspace.params(&target.captures, None)));
        let source = backing.source.clone();
        let verification = backing.verification.clone();
        let alterations = verification.alterations();
        let node = self.clone();
        let (told, superseded) = oneshot::channel();
        let asked = self.clock.tick();
        let key = target.key.clone();
        let committed = Box::new(move |receipt: &Receipt| {
            let began = node.overwritten(&target.key, receipt.version);
            node.backlog.supersede(&target.key, move || {
                // Whoever wrote may be gone.
                let _ = told.send(());
            });
            // What was read back before a table or a view was altered is what the load returned then.
            if let Some(row) = receipt.row.as_ref().filter(|_| verification.alterations() == alterations) {
                node.keep_written(&target, row, put, (receipt.version, began), asked);
            }
        });
        let written = source.write(RowWrite { statement, params, read_back, committed }).await;
        let receipt = written.map_err(WriteError::Source)?;
        self.overwritten_everywhere(&key, receipt.version).await?;
        // An error: nobody had to be told.
        let _ = superseded.await;
        Ok(Written::Stored)
    }

    /// Our own commit changed this key: whatever was read before it is old. In a cluster that is said when the source has answered, and waited for.
    pub(super) fn overwritten(&self, key: &[u8], version: Version) -> Seq {
        match self.is_in_cluster() {
            true => self.engine().seq(),
            false => self.invalidate(overwriting(key, version)).reached.seq,
        }
    }

    /// The same in a cluster, where replicas have to know of it as well.
    pub(super) async fn overwritten_everywhere(
        &self,
        key: &[u8],
        version: Version,
    ) -> Result<(), WriteError> {
        if self.is_in_cluster() {
            let told = self.invalidate(overwriting(key, version)).acknowledged().await;
            told.map_err(WriteError::Unordered)?;
        }
        Ok(())
    }

    /// Stores what was just committed, as a load would have read it, with the names the client gave beside it. A value
    /// that does not fit is not kept: the source has it. Somebody else may have overwritten it since it was committed, so that
    /// it is as old as the write's beginning, `asked`.
    fn keep_written(
        &self,
        target: &Target,
        row: &Row,
        put: Put<'_>,
        (version, began): (Version, Seq),
        asked: Millis,
    ) {
        let read = self.row_draft(target, Some(row.clone()));
        let Put { expires, tags, dependencies, events, priority, content_type, .. } = put;
        let given = Put {
            value: read.value.unwrap_or_default(),
            expires,
            tags,
            dependencies,
            events,
            priority,
            content_type,
            write: None,
            condition: None,
        };
        let now = self.clock.tick();
        let draft = EntryDraft {
            version: Some(version),
            load_ms: u32::try_from(now.since(asked)).unwrap_or(u32::MAX),
            ..self.put_draft(given, Some(&target.keyspace), read.names)
        };
        draft.lend(|draft| self.engine().fill(&target.key, began, draft, now));
    }
}

fn overwriting(key: &[u8], version: Version) -> InvalidationRequest {
    let scopes = vec![Scope::Key(key.into())];
    InvalidationRequest { version: Some(version), ..InvalidationRequest::now(scopes, Cause::Write) }
}
