//! Loads in a cluster: the owner's member decides whether what its node loads may be kept.
//!
//! The names of a value may be other owners' to order. So a load goes through the member, which notes how far it has heard of them before the
//! source is asked, has them tell this node from then on, and keeps the value if nothing that covers it came in between.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clearwell_cluster::request::Read;
use clearwell_cluster::{Answer as Said, Bytes, Entry, Expiry, Input, Job, Meta, Outcome, Refusal, Request};
use clearwell_engine::{Millis, Version};
use clearwell_source::SourceError;
use clearwell_words::{Level, Token};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::Cluster;
use super::asked::{PATIENCE, PAUSE};
use crate::node::draft::EntryDraft;
use crate::node::load::{For, Target};
use crate::node::{Answer, Node};

/// How long the verdict on a value may take that the member has shown: the owners of its names have to be asked.
const VERDICT: Duration = Duration::from_secs(1);
/// How many failures are remembered for whoever asks why.
const FAILURES_MOST: usize = 1024;

/// Loads that run.
#[derive(Debug, Default)]
pub(super) struct RunningLoads {
    /// Who waits for the word whether the value of a key is kept.
    verdicts: Mutex<HashMap<Bytes, Vec<oneshot::Sender<()>>>>,
    /// Why loads failed last, by key.
    failures: Mutex<HashMap<Bytes, SourceError>>,
}

impl RunningLoads {
    fn await_verdict(&self, key: &Bytes) -> oneshot::Receiver<()> {
        let (judged, verdict) = oneshot::channel();
        self.verdicts.lock().entry(key.clone()).or_default().push(judged);
        verdict
    }

    /// The member has judged what was loaded of a key.
    pub fn judged(&self, key: &Bytes) {
        for judged in self.verdicts.lock().remove(key).unwrap_or_default() {
            // Some wait no more.
            let _gone = judged.send(());
        }
    }

    /// Forgets those who wait no more.
    fn forget(&self, key: &Bytes) {
        let mut verdicts = self.verdicts.lock();
        if let Some(waiting) = verdicts.get_mut(key) {
            waiting.retain(|judged| !judged.is_closed());
            if waiting.is_empty() {
                verdicts.remove(key);
            }
        }
    }

    fn failed(&self, key: &Bytes, error: SourceError) {
        let mut failures = self.failures.lock();
        if failures.len() >= FAILURES_MOST {
            failures.clear();
        }
        failures.insert(key.clone(), error);
    }

    fn why(&self, key: &Bytes) -> SourceError {
        let failure = self.failures.lock().remove(key);
        failure.unwrap_or_else(|| SourceError::Unreachable("the load failed at the key's owner".into()))
    }
}

impl Node {
    /// Leads a flight: loads a key from its source, and keeps it if that may be. When it answers, whoever waited for the same load finds
    /// what was kept in memory, or has to load for itself: nothing tells whether a value that is not kept is as new as those who came meanwhile
    /// must have it.
    pub(in crate::node) async fn lead_by_member(
        &self,
        cluster: &Cluster,
        target: &Target,
    ) -> Result<Answer, SourceError> {
        let key = Bytes::from(&*target.key);
        let verdict = cluster.loads.await_verdict(&key);
        let loaded = self.load_by_member(cluster, target, Level::Strong).await;
        if loaded.is_ok() && self.place_of(&key) == super::Place::Here {
            let _late = tokio::time::timeout(VERDICT, verdict).await;
        }
        cluster.loads.forget(&key);
        loaded
    }

    /// Reads a key through the member, as a level wants it: by [`Level::Strong`] from its source. What is loaded is kept at the key's owner if that
    /// may be.
    pub(in crate::node) async fn load_by_member(
        &self,
        cluster: &Cluster,
        target: &Target,
        level: Level,
    ) -> Result<Answer, SourceError> {
        const NOBODY: &str =
            "no owner of the key's slot answers: it is being replaced, or this side has no majority";
        let (key, began, asked) = (Bytes::from(&*target.key), Instant::now(), self.clock.tick());
        loop {
            let read = Read { key: key.clone(), level, token: Token::default(), hold: false };
            let said = self.put(cluster, |ticket| Input::Request(ticket, Request::Read(read))).await;
            match said {
                Ok(Said::Value { entry, .. }) => return Ok(answer_of(entry, asked, self.clock.tick())),
                Ok(Said::Refused(Refusal::Source)) => return Err(cluster.loads.why(&key)),
                Ok(Said::Refused(_)) if began.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
                _ => return Err(SourceError::Unreachable(NOBODY.into())),
            }
        }
    }

    /// The member has judged what was loaded of a key.
    pub(in crate::node) fn judged(&self, key: &Bytes) {
        if let Some(cluster) = &self.cluster {
            cluster.loads.judged(key);
        }
    }

    /// The member asks for a key of its source.
    pub(in crate::node) fn load_for_member(&self, cluster: &Cluster, job: Job, key: Bytes) {
        let Some(node) = cluster.node.get().and_then(std::sync::Weak::upgrade) else { return };
        self.background.spawn(async move {
            let outcome = node.loaded_for_member(&key).await;
            node.step(node.clock.tick(), Input::Done(job, outcome));
        });
    }

    async fn loaded_for_member(&self, key: &Bytes) -> Outcome {
        let (Some((keyspace, captures)), Some(cluster)) = (self.keyspaces.find(key), &self.cluster) else {
            return Outcome::Failed;
        };
        let target = Target { key: (**key).into(), keyspace: keyspace.clone(), captures };
        match self.load(&target, For::Readers).await {
            Ok(draft) => {
                let entry = entry_of(key.clone(), draft, self.clock.tick());
                Outcome::Loaded { entry: Some(entry), stored: false }
            }
            Err(error) => {
                cluster.loads.failed(key, error);
                Outcome::Failed
            }
        }
    }
}

fn entry_of(key: Bytes, draft: EntryDraft<'_>, now: Millis) -> Entry {
    let names = |names: &[Box<[u8]>]| names.iter().map(|name| Bytes::from(&**name)).collect();
    // What ends now has a moment left: a time to live is never nothing.
    let left = |at: Millis| NonZeroU64::new(at.since(now)).unwrap_or(NonZeroU64::MIN);
    Entry {
        key,
        value: draft.value.as_deref().map(Bytes::from),
        version: draft.version.unwrap_or(Version(0)),
        tags: names(&draft.names.tags),
        dependencies: names(&draft.names.dependencies),
        events: draft.names.events.into(),
        expiry: draft.expires.map(|at| Expiry::after(now, left(at))),
        meta: Meta {
            grace_ms: draft.grace_ms,
            priority: draft.priority,
            content_type: draft.content_type.map(Into::into),
            load_ms: draft.load_ms,
        },
    }
}

/// As old as the beginning of its load.
fn answer_of(entry: Option<Entry>, asked: Millis, now: Millis) -> Answer {
    let Some(entry) = entry else { return Answer::loaded(asked) };
    Answer {
        value: entry.value.as_deref().map(Arc::from),
        version: Some(entry.version).filter(|version| version.0 > 0),
        expires: entry.expiry.map(|expiry| expiry.at),
        ttl_ms: entry.expiry.map(|expiry| expiry.at.since(now)),
        content_type: entry.meta.content_type.as_deref().map(Box::from),
        ..Answer::loaded(asked)
    }
}
