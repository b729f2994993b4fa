//! What a source's commits do here.

use std::sync::Weak;

use clearwell_engine::{Cause, Scope};
use clearwell_source::{Altered, Commit, Follower, Heard, Later};
use parking_lot::Mutex;

use super::{Invalidated, Node};
use crate::clock::nanos;
use crate::road::InvalidationRequest;

/// The node as its sources know it: they do not keep it alive.
pub(super) struct FollowingNode {
    node: Weak<Node>,
    /// What others have not said yet that they know of it.
    unsettled: Mutex<Vec<Invalidated>>,
}

impl FollowingNode {
    pub fn new(node: Weak<Node>) -> FollowingNode {
        FollowingNode { node, unsettled: Mutex::default() }
    }

    fn tell(&self, what: impl FnOnce(&Node) -> Invalidated) {
        let Some(node) = self.node.upgrade() else { return };
        let told = what(&node);
        if !told.is_acknowledged() {
            self.unsettled.lock().push(told);
        }
    }
}

impl Follower for FollowingNode {
    fn committed(&self, source: &str, commit: &Commit) {
        self.tell(|node| node.committed(source, commit));
    }

    fn settle(&self) -> Option<Later<Result<(), String>>> {
        let unsettled = std::mem::take(&mut *self.unsettled.lock());
        if unsettled.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            for told in unsettled {
                told.acknowledged().await.map_err(|why| why.to_string())?;
            }
            Ok(())
        }))
    }

    fn lost(&self, source: &str, why: &str) {
        self.tell(|node| node.lost(source, why));
    }

    fn altered(&self, source: &str, altered: &Altered) {
        self.tell(|node| node.altered(source, altered));
    }

    fn unverified(&self, source: &str, why: &str) {
        if let Some(node) = self.node.upgrade() {
            node.broken(source, why);
        }
    }

    fn verified(&self, source: &str) {
        if let Some(node) = self.node.upgrade() {
            node.whole(source);
        }
    }
}

impl Node {
    fn committed(&self, source: &str, commit: &Commit) -> Invalidated {
        let scopes = self.feeds.scopes(source, commit);
        let cause = if commit.own { Cause::Write } else { Cause::Commit };
        let feed = self.feeds.verification(source);
        let several = scopes.len() > 1;
        let classes =
            if commit.heard.is_some() { self.classes_of(source, commit, &scopes) } else { Vec::new() };
        let changed = !scopes.is_empty();
        let request =
            InvalidationRequest { version: Some(commit.version), ..InvalidationRequest::now(scopes, cause) };
        let told = match feed.filter(|_| several) {
            Some(feed) => feed.apply(|| self.invalidate(request)),
            None if request.scopes.is_empty() => Invalidated::none(),
            None => self.invalidate(request),
        };
        if changed {
            self.heard(source, commit.heard, &classes);
        }
        if let Some(feed) = feed {
            feed.told(commit.version);
        }
        told
    }

    /// Counts a commit that was applied just now.
    pub(super) fn heard(&self, source: &str, heard: Option<Heard>, classes: &[u32]) {
        if let Some(Heard { received, after_us }) = heard {
            let now = self.clock.tick();
            self.reports.tallies().applied(source, classes, now, after_us, nanos(received.elapsed()));
        }
    }

    /// The keyspaces that a commit can have reached, as far as that is known: those whose feeds name its tables, and those of
    /// the keys that it invalidates.
    fn classes_of(&self, source: &str, commit: &Commit, scopes: &[Scope]) -> Vec<u32> {
        let mut classes = self.feeds.classes(source, commit.changes.iter().map(|change| &change.table));
        for scope in scopes {
            if let Scope::Key(key) = scope {
                classes.insert(self.keyspaces.class_of(key));
            }
        }
        classes.into_iter().collect()
    }

    /// Anything may have changed: nothing that was read from a source before now is served again.
    fn lost(&self, source: &str, why: &str) -> Invalidated {
        tracing::warn!(source, why, "the feed has a gap: everything is invalidated");
        let told = self.invalidate(InvalidationRequest::now(vec![Scope::Everything], Cause::Commit));
        self.gap(source, why);
        told
    }
}
