//! Which invalidations a subscriber of the stream wants: by keys, tags, events (decision 0038).

use clearwell_engine::{EventPattern, Glob, Scope};
use clearwell_words::Bytes;

use super::problem::{Problem, Reply};
use super::query::Query;
use crate::node::{CoveredKeys, Happened, NewsItem};

/// Filters that one subscriber may give.
const MOST: usize = 64;

/// What a subscriber wants; without any filter everything.
#[derive(Default)]
pub struct Filter {
    patterns: Vec<Glob>,
    tags: Vec<Bytes>,
    events: Vec<EventPattern>,
}

impl Filter {
    /// Reads `pattern`, `tag` and `event`, each given once or several times.
    pub fn parse(query: &Query) -> Reply<Filter> {
        let mut filter = Filter::default();
        for pattern in given(query, "pattern")? {
            let glob = Glob::new(pattern);
            filter.patterns.push(glob.map_err(|why| Problem::bad("bad-value", format!("pattern: {why}")))?);
        }
        filter.tags = given(query, "tag")?.map(Bytes::from).collect();
        for event in given(query, "event")? {
            let text = std::str::from_utf8(event)
                .map_err(|_| Problem::bad("bad-value", "parameter \"event\" is not UTF-8"))?;
            let pattern = EventPattern::parse(text);
            filter.events.push(pattern.map_err(|why| Problem::bad("bad-value", format!("event: {why}")))?);
        }
        if filter.patterns.len() + filter.tags.len() + filter.events.len() > MOST {
            let detail = format!("more than {MOST} filters: follow everything, and choose yourself");
            return Err(Problem::bad("bad-value", detail));
        }
        Ok(filter)
    }

    /// Whether the subscriber is told. What is no invalidation, and an invalidation of everything, concerns all.
    pub fn wants(&self, item: &NewsItem) -> bool {
        let is_open = self.patterns.is_empty() && self.tags.is_empty() && self.events.is_empty();
        if let Happened::Refused { key, .. } = &item.happened {
            return is_open || self.patterns.iter().any(|pattern| pattern.matches(key));
        }
        if let Some((_, waiting)) = item.waiting() {
            return is_open || self.may_want(&waiting.statement.scope);
        }
        let Some((invalidation, _)) = item.invalidation() else { return true };
        match &*invalidation.scope {
            _ if is_open => true,
            Scope::Everything => true,
            Scope::Tag(tag) if self.tags.contains(tag) => true,
            Scope::Event(event) if self.events.iter().any(|pattern| pattern.matches(event)) => true,
            _ => self.patterns.iter().any(|pattern| match item.covered() {
                Some(CoveredKeys::Key(key)) => pattern.matches(key),
                Some(CoveredKeys::Matching(keys)) => pattern.overlaps(&keys),
                None => false,
            }),
        }
    }
}

impl Filter {
    /// Whether an invalidation that is not applied yet may concern the subscriber; what it will reach is not known.
    fn may_want(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Key(key) => self.patterns.iter().any(|pattern| pattern.matches(key)),
            Scope::Tag(tag) => !self.patterns.is_empty() || self.tags.contains(tag),
            Scope::Event(event) => {
                !self.patterns.is_empty() || self.events.iter().any(|pattern| pattern.matches(event))
            }
            Scope::Pattern(_) | Scope::Prefix(_) | Scope::Dependents(_) => !self.patterns.is_empty(),
            Scope::Everything => true,
        }
    }
}

/// A parameter's values, none of which may be empty.
fn given<'a>(query: &'a Query, name: &'static str) -> Reply<impl Iterator<Item = &'a [u8]>> {
    if query.all(name).any(<[u8]>::is_empty) {
        return Err(Problem::bad("bad-value", format!("{name} is empty: leave it out to follow everything")));
    }
    Ok(query.all(name))
}
