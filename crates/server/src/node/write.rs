//! The write policy.

use std::borrow::Cow;
use std::sync::Arc;

use clearwell_engine::{EventPattern, Filled, Millis, Offered, Origin};

use super::load::Target;
use super::{Asked, Condition, Node, Turn, WriteError};
use crate::config::Strategy;
use crate::keyspace::{Names, Seen};

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
                let written = match is_write {
                    true => draft
                        .lend(|draft| self.engine().put(key, draft, now))
                        .map(|()| Written::Stored)
                        .map_err(WriteError::Unfit),
                    false => offered(draft.lend(|draft| self.engine().offer(key, origin, draft, now))),
                };
                self.go_on();
                Turn::Now(written)
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
        let filled = draft.lend(|draft| self.engine().bring(key, began, draft, self.clock.now()));
        self.go_on();
        match filled {
            Filled::Stored => Ok(Written::Stored),
            Filled::Refused => Ok(Written::Refused),
            Filled::TooLarge(unfit) => Err(WriteError::Unfit(unfit)),
        }
    }
}

const UNFLUSHED: &str = "an acknowledged write of this key is not in the source yet";

pub(super) fn no_source(key: &[u8]) -> String {
    format!("no keyspace with a source matches {:?}; use cache-only", String::from_utf8_lossy(key))
}

fn offered(offered: Offered) -> Result<Written, WriteError> {
    match offered {
        Offered::Written | Offered::Filled => Ok(Written::Stored),
        Offered::Refused => Ok(Written::Refused),
        Offered::TooLarge(unfit) => Err(WriteError::Unfit(unfit)),
    }
}
