//! What a source's commits do here.

use std::sync::Weak;

use clearwell_engine::{Cause, Scope};

use super::Node;
use crate::road::Request;
use crate::source::{Altered, Commit, Follower};

/// The node as its sources know it: they do not keep it alive.
pub(super) struct Following(pub Weak<Node>);

impl Follower for Following {
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
        let scopes = self.rules.scopes(source, commit);
        let cause = if commit.own { Cause::Write } else { Cause::Commit };
        let feed = self.keyspaces.verifications.get(source);
        let several = scopes.len() > 1;
        let request = Request { version: Some(commit.version), ..Request::now(scopes, cause) };
        match feed.filter(|_| several) {
            Some(feed) => feed.apply(|| {
                self.invalidate(request);
            }),
            None if request.scopes.is_empty() => {}
            None => {
                self.invalidate(request);
            }
        }
        if let Some(feed) = feed {
            feed.told(commit.version);
        }
    }

    /// Anything may have changed: nothing that was read from a source before now is served again.
    fn lost(&self, source: &str, why: &str) {
        tracing::warn!(source, why, "the feed has a gap: everything is invalidated");
        self.invalidate(Request::now(vec![Scope::Everything], Cause::Commit));
        self.gap(source, why);
    }
}
