//! What a source's commits do here.

use std::sync::Weak;

use clearwell_engine::{Cause, Scope};
use clearwell_source::{Altered, Commit, Follower, Heard};

use super::Node;
use crate::clock::nanos;
use crate::road::InvalidationRequest;

/// The node as its sources know it: they do not keep it alive.
pub(super) struct FollowingNode(pub Weak<Node>);

impl Follower for FollowingNode {
    fn committed(&self, source: &str, commit: &Commit) {
        if let Some(node) = self.0.upgrade() {
            node.committed(source, commit);
        }
    }

    fn lost(&self, source: &str, why: &str) {
        if let Some(node) = self.0.upgrade() {
            node.lost(source, why);
        }
    }

    fn altered(&self, source: &str, altered: &Altered) {
        if let Some(node) = self.0.upgrade() {
            node.altered(source, altered);
        }
    }

    fn unverified(&self, source: &str, why: &str) {
        if let Some(node) = self.0.upgrade() {
            node.broken(source, why);
        }
    }

    fn verified(&self, source: &str) {
        if let Some(node) = self.0.upgrade() {
            node.whole(source);
        }
    }
}

impl Node {
    fn committed(&self, source: &str, commit: &Commit) {
        let scopes = self.feeds.scopes(source, commit);
        let cause = if commit.own { Cause::Write } else { Cause::Commit };
        let feed = self.feeds.verification(source);
        let several = scopes.len() > 1;
        let classes =
            if commit.heard.is_some() { self.classes_of(source, commit, &scopes) } else { Vec::new() };
        let changed = !scopes.is_empty();
        let request =
            InvalidationRequest { version: Some(commit.version), ..InvalidationRequest::now(scopes, cause) };
        match feed.filter(|_| several) {
            Some(feed) => feed.apply(|| {
                let _told = self.invalidate(request);
            }),
            None if request.scopes.is_empty() => {}
            None => {
                let _told = self.invalidate(request);
            }
        }
        if changed {
            self.heard(source, commit.heard, &classes);
        }
        if let Some(feed) = feed {
            feed.told(commit.version);
        }
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
    fn lost(&self, source: &str, why: &str) {
        tracing::warn!(source, why, "the feed has a gap: everything is invalidated");
        let _told = self.invalidate(InvalidationRequest::now(vec![Scope::Everything], Cause::Commit));
        self.gap(source, why);
    }
}
