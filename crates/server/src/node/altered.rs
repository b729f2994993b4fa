//! Changes that no row event tells: what they make old here (decision 0025).

use clearwell_engine::{Cause, Scope};
use clearwell_source::Altered;

use super::news::Happened;
use super::{Invalidated, Node};
use crate::keyspace::wide;
use crate::road::InvalidationRequest;

/// More names than this are not invalidated one by one: it is cheaper to distrust everything.
const NAMES_MOST: usize = 256;

impl Node {
    /// All rows of some tables may be others, and some loads may answer otherwise: what rests on them is old.
    pub(super) fn altered(&self, source: &str, altered: &Altered) -> Invalidated {
        tracing::warn!(
            source,
            why = altered.why,
            "a change that no row event tells: what it can have touched is invalidated"
        );
        // First: what is written from now on, or was begun before, is not kept under what was known until now.
        if let Some(feed) = self.feeds.verification(source) {
            feed.altered();
        }
        let mut classes = self.feeds.classes(source, altered.tables.iter());
        let mut scopes = Vec::new();
        let mut add = |scope| {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        };
        for keyspace in &self.keyspaces.all {
            let Some(backing) = keyspace.backing.as_ref().filter(|b| *b.source_name == *source) else {
                continue;
            };
            let load = altered.loads.iter().find(|load| load.statement == backing.load);
            if let Some(shape) = load.and_then(|load| load.shape.as_ref()) {
                self.feeds.renew(&backing.standing, source, shape);
            }
            if load.is_some() || backing.standing.reads(&altered.tables) {
                classes.insert(keyspace.class);
                add(keyspace.scope());
            }
        }
        for table in &altered.tables {
            self.names_of(source, table).into_iter().for_each(&mut add);
        }
        if scopes.contains(&Scope::Everything) {
            scopes = vec![Scope::Everything];
        }
        let told = self.invalidate(InvalidationRequest::now(scopes, Cause::Commit));
        self.heard(source, altered.heard, &classes.into_iter().collect::<Vec<_>>());
        let happened = Happened::Altered { source: source.into(), why: altered.why.as_str().into() };
        self.reports.tell(self.clock.now(), happened);
        told
    }

    /// All that changes of any row of a table would invalidate.
    fn names_of(&self, source: &str, table: &str) -> Vec<Scope> {
        let Some(shapes) = self.feeds.shapes(source, table) else { return Vec::new() };
        // Who depends on which events cannot be told without the rows.
        if !shapes.events.is_empty() {
            return vec![Scope::Everything];
        }
        let mut scopes: Vec<Scope> = shapes.keys.iter().map(|shape| wide::keys(shape)).collect();
        for shape in &shapes.tags {
            match wide::glob(shape) {
                None => scopes.push(Scope::Tag(shape.as_slice().into())),
                // Other nodes have other names in use.
                Some(_) if self.is_in_cluster() => return vec![Scope::Everything],
                Some(glob) => match self.engine().names_in_use(NAMES_MOST, |name| glob.matches(name)) {
                    Some(names) => scopes.extend(names.iter().map(|name| Scope::Tag((**name).into()))),
                    None => return vec![Scope::Everything],
                },
            }
        }
        scopes
    }
}
