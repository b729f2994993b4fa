//! The write policy.

use std::borrow::Cow;
use std::sync::Arc;

use clearwell_engine::{Cause, EventPattern, Filled, Millis, Offered, Origin, Scope, Seq, Version};
use clearwell_source::{Receipt, Row, RowWrite};
use tokio::sync::oneshot;

use super::draft::EntryDraft;
use super::load::Target;
use super::{Asked, Condition, Node, Turn, WriteError};
use crate::config::Strategy;
use crate::keyspace::{Names, Seen};
use crate::road::InvalidationRequest;

/// A value that a client gives. Names and times that it leaves out come from the keyspace.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Put<'v> {
    pub value: Cow<'v, [u8]>,
    /// `Some(None)`: never expires, said explicitly. `None`: the keyspace's TTL, or none.
    pub expires: Option<Option<Millis>>,
    pub tags: Vec<Box<[u8]>>,
    pub dependencies: Vec<Box<[u8]>>,
    pub events: Vec<EventPattern>,
    pub priority: Option<u8>,
    pub content_type: Option<Box<str>>,
    pub write: Option<Strategy>,
    /// What must hold, or the write is not done.
    pub condition: Option<Condition>,
}

impl Put<'_> {
    /// The same for longer than the request whose value it is.
    pub fn into_owned(self) -> Put<'static> {
        Put { value: Cow::Owned(self.value.into_owned()), ..self }
    }
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Stored (and, by the strategy, committed in the source).
    Stored,
    /// It was the fill of a miss from before the last invalidation: dropped.
    Refused,
}

impl Node {
    /// A plain SET: a write by the keyspace's or the request's strategy; for a key without a source it may be the
    /// fill of a remembered miss (`origin`: what this connection did before).
    pub fn set(
        self: &Arc<Self>,
        key: &[u8],
        put: Put<'_>,
        origin: Origin,
    ) -> Turn<Result<Written, WriteError>> {
        let written = self.set_quietly(key, put, origin);
        if self.reports.notices().asks(Asked::STRINGS) {
            return self.tell_set(key, written);
        }
        written
    }

    /// Tells subscribers of a value that was stored.
    #[cold]
    fn tell_set(
        self: &Arc<Self>,
        key: &[u8],
        written: Turn<Result<Written, WriteError>>,
    ) -> Turn<Result<Written, WriteError>> {
        let tell = |node: &Node, key: &[u8], written: &Result<Written, WriteError>| {
            if matches!(written, Ok(Written::Stored)) {
                node.reports.notices().tell(Asked::STRINGS, "set", key);
            }
        };
        match written {
            Turn::Now(written) => {
                tell(self, key, &written);
                Turn::Now(written)
            }
            Turn::Later(later) => {
                let (node, key) = (self.clone(), Box::<[u8]>::from(key));
                Turn::Later(Box::pin(async move {
                    let written = later.await;
                    tell(&node, &key, &written);
                    written
                }))
            }
        }
    }

    pub(super) fn set_quietly(
        self: &Arc<Self>,
        key: &[u8],
        put: Put<'_>,
        origin: Origin,
    ) -> Turn<Result<Written, WriteError>> {
        let found = self.keyspaces.find(key);
        if found.is_none()
            && let Err(error) = self.check_near(key)
        {
            return Turn::Now(Err(error));
        }
        if let Some((keyspace, _)) = &found
            && let Err(invalid) = keyspace.values.check(&put.value)
        {
            return Turn::Now(Err(WriteError::Invalid(invalid)));
        }
        if let Some(condition) = put.condition {
            return self.set_if(key, put, condition);
        }
        self.reports.tallies().wrote(found.as_ref().map_or(0, |(keyspace, _)| keyspace.class));
        let backed = found.as_ref().is_some_and(|(keyspace, _)| keyspace.backing.is_some());
        let declared = found.as_ref().map(|(keyspace, _)| keyspace.write);
        match put.write.or(declared).unwrap_or(Strategy::CacheOnly) {
            Strategy::Back => match found {
                Some((keyspace, captures)) if backed => {
                    let target = Target { key: key.into(), keyspace: keyspace.clone(), captures };
                    let (node, put) = (self.clone(), put.into_owned());
                    Turn::Later(Box::pin(async move {
                        node.write_back(target, Some(put)).await.map(|_existed| Written::Stored)
                    }))
                }
                _ => Turn::Now(Err(WriteError::Strategy(Strategy::Back, no_source(key)))),
            },
            Strategy::CacheOnly => {
                if found.as_ref().is_some_and(|(keyspace, _)| self.backlog.has(keyspace, key)) {
                    return Turn::Now(Err(WriteError::Strategy(Strategy::CacheOnly, UNFLUSHED.into())));
                }
                let (keyspace, names) = match &found {
                    Some((keyspace, captures)) => {
                        (Some(&***keyspace), keyspace.names(key, captures, Seen::Unread))
                    }
                    None => (None, Names::default()),
                };
                // Whoever names a strategy says that it is a write, and no fill.
                let is_write = backed || put.write.is_some();
                let draft = self.put_draft(put, keyspace, names);
                let now = self.clock.now();
                Turn::Now(match is_write {
                    true => draft
                        .lend(|draft| self.engine().put(key, draft, now))
                        .map(|()| Written::Stored)
                        .map_err(WriteError::Unfit),
                    false => offered(draft.lend(|draft| self.engine().offer(key, origin, draft, now))),
                })
            }
            strategy => match found {
                Some((keyspace, captures)) if backed => {
                    let target = Target { key: key.into(), keyspace: keyspace.clone(), captures };
                    let (node, put) = (self.clone(), put.into_owned());
                    Turn::Later(Box::pin(async move { node.store(target, put, strategy).await }))
                }
                _ => Turn::Now(Err(WriteError::Strategy(strategy, no_source(key)))),
            },
        }
    }

    /// A fill with an explicit lease, as [`Answer::lease`](super::Answer) gave it.
    pub fn fill(&self, key: &[u8], lease: &str, put: Put<'_>) -> Result<Written, WriteError> {
        self.check_near(key)?;
        let began = self.lease_began(lease).ok_or(WriteError::LeaseUnknown)?;
        let draft = match self.keyspaces.find(key) {
            Some((keyspace, captures)) => {
                keyspace.values.check(&put.value).map_err(WriteError::Invalid)?;
                self.put_draft(put, Some(keyspace), keyspace.names(key, &captures, Seen::Unread))
            }
            None => self.put_draft(put, None, Names::default()),
        };
        match draft.lend(|draft| self.engine().fill(key, began, draft, self.clock.now())) {
            Filled::Stored => Ok(Written::Stored),
            Filled::Refused => Ok(Written::Refused),
            Filled::TooLarge(unfit) => Err(WriteError::Unfit(unfit)),
        }
    }

    /// Writes to the source. In the commit's own place of the source's order the key is invalidated and, for
    /// `write-through`, what the database made of the value is stored: so concurrent writes of one key leave the
    /// cache with the last commit's value, or without one.
    async fn store(
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
        let through = strategy == Strategy::Through;
        let params = target.keyspace.params(&target.captures, Some(&put.value));
        let read_back =
            through.then(|| (backing.load.clone(), target.keyspace.params(&target.captures, None)));
        let source = backing.source.clone();
        let verification = backing.verification.clone();
        let alterations = verification.alterations();
        let node = self.clone();
        let (told, superseded) = oneshot::channel();
        let asked = self.clock.tick();
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
        written.map_err(WriteError::Source)?;
        // An error: nobody had to be told.
        let _ = superseded.await;
        Ok(Written::Stored)
    }

    /// Our own commit changed this key: whatever was read before it is old.
    pub(super) fn overwritten(&self, key: &[u8], version: Version) -> Seq {
        let request = InvalidationRequest {
            version: Some(version),
            ..InvalidationRequest::now(vec![Scope::Key(key.into())], Cause::Write)
        };
        self.invalidate(request).seq
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

const UNFLUSHED: &str = "an acknowledged write of this key is not in the source yet";

fn no_source(key: &[u8]) -> String {
    format!("no keyspace with a source matches {:?}; use cache-only", String::from_utf8_lossy(key))
}

fn offered(offered: Offered) -> Result<Written, WriteError> {
    match offered {
        Offered::Written | Offered::Filled => Ok(Written::Stored),
        Offered::Refused => Ok(Written::Refused),
        Offered::TooLarge(unfit) => Err(WriteError::Unfit(unfit)),
    }
}
