//! From a configuration and opened sources to keyspaces, with the checks that need the databases.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use clearwell_source::{Shape, Source, Statement, Verification, nearest};

use super::cover::Present;
use super::links::Named;
use super::spelling::Question;
use super::{Backing, Change, FeedRules, FeedStanding, Keyspace, Keyspaces, Listing, Reach, Values};
use crate::config::{Config, KeyspaceConfig, Unfollowed};
use crate::syntax::{EventTemplate, Pattern, Template, VALUE};

/// Why a keyspace does not fit its source. Prints the keyspace's pattern first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildError {
    /// Its line in the configuration.
    pub line: usize,
    /// The keyspace's pattern.
    pub keyspace: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keyspace {}: {}", self.keyspace, self.message)
    }
}

impl std::error::Error for BuildError {}

impl Keyspaces {
    /// Compiles the keyspaces of a configuration. Each statement is shown to its source, so that a mistake in it is found
    /// now and not by the first reader.
    pub fn build(
        config: &Config,
        sources: &BTreeMap<String, Arc<dyn Source>>,
    ) -> Result<Keyspaces, BuildError> {
        let verifications: BTreeMap<String, Arc<Verification>> =
            sources.keys().map(|name| (name.clone(), Arc::default())).collect();
        let all = each(config, sources, &verifications).into_iter().collect::<Result<_, _>>()?;
        Ok(Keyspaces::new(all, verifications))
    }

    /// Compiles each keyspace by itself, for a check that tells of all mistakes.
    pub fn build_each(
        config: &Config,
        sources: &BTreeMap<String, Arc<dyn Source>>,
    ) -> Vec<Result<Arc<Keyspace>, BuildError>> {
        each(config, sources, &BTreeMap::new())
    }
}

fn each(
    config: &Config,
    sources: &BTreeMap<String, Arc<dyn Source>>,
    verifications: &BTreeMap<String, Arc<Verification>>,
) -> Vec<Result<Arc<Keyspace>, BuildError>> {
    let build = |(class, keyspace): (u32, &KeyspaceConfig)| {
        let told = |message| BuildError { line: keyspace.line, keyspace: keyspace.pattern.clone(), message };
        let feeds = FeedRules::build(config).map_err(told)?;
        let builder = Builder { config: keyspace, class, feeds: &feeds, verifications };
        builder.keyspace(sources).map(Arc::new).map_err(told)
    };
    (1..).zip(&config.keyspaces).map(build).collect()
}

struct Builder<'c> {
    config: &'c KeyspaceConfig,
    class: u32,
    feeds: &'c FeedRules,
    verifications: &'c BTreeMap<String, Arc<Verification>>,
}

impl Builder<'_> {
    fn keyspace(&self, sources: &BTreeMap<String, Arc<dyn Source>>) -> Result<Keyspace, String> {
        let config = self.config;
        let pattern = Pattern::parse(&config.pattern)?;
        let (backing, shape, keys) = match &config.source {
            None => (None, None, None),
            Some(name) => {
                let source = sources.get(name).ok_or_else(|| format!("the source {name} is not open"))?;
                let (backing, shape) = self.backing(name, source)?;
                (Some(backing), shape, self.keys(source, &pattern)?)
            }
        };
        let mut keyspace = Keyspace {
            name: config.pattern.as_str().into(),
            class: self.class,
            backing,
            del: config.del,
            near_miss: config.near_miss,
            write: config.write,
            read: config.read,
            ttl_ms: config.ttl_ms,
            ttl_jitter: config.ttl_jitter,
            negative_ttl_ms: config.negative_ttl_ms,
            early_refresh: config.early_refresh,
            grace_ms: config.grace_ms,
            outage_ms: config.outage_ms,
            priority: config.priority,
            values: Values::new(config.compress, config.schema.as_ref())?,
            flush: config.flush.clone(),
            unverified: config.unverified,
            unfollowed: config.unfollowed,
            keys,
            pattern,
            tags: all(&config.tags, Template::parse)?,
            depends_on: all(&config.depends_on, Template::parse)?,
            events: all(&config.events, EventTemplate::parse)?,
            value: VALUE.into(),
        };
        if let Some(shape) = shape {
            check_slots(&keyspace, &shape)?;
            self.spell(&mut keyspace, &shape)?;
        }
        if let Some(backing) = &mut keyspace.backing {
            backing.load_aside = Statement(format!("/* clearwell: warming */ {}", backing.load.0).into());
        }
        Ok(keyspace)
    }

    fn keys(&self, source: &Arc<dyn Source>, pattern: &Pattern) -> Result<Option<Listing>, String> {
        let Some(sql) = &self.config.keys else { return Ok(None) };
        let statement = Statement(sql.as_str().into());
        let shape = source.describe(&statement).map_err(|error| format!("keys: {error}"))?;
        let captures: Vec<&str> = pattern.names().map(|name| &**name).collect();
        Listing::new(statement, shape.as_ref(), &captures).map(Some)
    }

    fn backing(&self, name: &str, source: &Arc<dyn Source>) -> Result<(Backing, Option<Shape>), String> {
        let describe = |what: &str, sql: &str| {
            let statement = Statement(sql.into());
            let shape = source.describe(&statement).map_err(|e| format!("{what}: {e}"))?;
            Ok::<_, String>((statement, shape))
        };
        let sql = self.config.load.as_deref().ok_or("a source without load")?;
        let (load, shape) = describe("load", sql)?;
        if let Some(shape) = &shape {
            if shape.columns.is_empty() {
                return Err("load returns no column".into());
            }
            if shape.writes {
                return Err("load writes; it may only read".into());
            }
        }
        let mut changes: Vec<Change> = Vec::new();
        let mut change = |what: &'static str, sql: &Option<String>| -> Result<Option<Statement>, String> {
            let Some(sql) = sql else { return Ok(None) };
            let (statement, shape) = describe(what, sql)?;
            changes.extend(shape.map(|shape| (what, shape.written)));
            Ok(Some(statement))
        };
        let store = change("store", &self.config.store)?;
        let delete = change("delete", &self.config.delete)?;
        let standing = FeedStanding::new(self.feeds, name, Reach::of(self.config), changes, shape.as_ref());
        if let (Some(why), Unfollowed::Refuse) = (standing.unfollowed(), self.config.unfollowed) {
            return Err(format!("it is not followed, and unfollowed = \"refuse\": {why}"));
        }
        let verification = self.verifications.get(name).cloned().unwrap_or_default();
        let source = source.clone();
        let (covers, is_ambiguous, source_name) = (Vec::new(), false, name.into());
        let backing = Backing {
            source,
            source_name,
            load_aside: load.clone(),
            load,
            store,
            delete,
            covers,
            is_ambiguous,
            standing,
            verification,
        };
        Ok((backing, shape))
    }

    /// Finds out whether what the feed calls a row is what the keyspace's keys call it.
    fn spell(&self, keyspace: &mut Keyspace, shape: &Shape) -> Result<(), String> {
        let Keyspace { pattern, tags, depends_on, events, backing: Some(backing), .. } = keyspace else {
            return Ok(());
        };
        let entry = Named { pattern, tags, depends_on, events };
        let links = |table: &Arc<str>| {
            let links = self.feeds.links(&backing.source_name, table, &entry)?;
            (!links.all.is_empty()).then(|| (table.clone(), links))
        };
        let question = Question {
            pattern,
            load: &backing.load,
            shape,
            source: &*backing.source,
            source_name: &backing.source_name,
            tables: shape.reads.iter().filter_map(links).collect(),
        };
        let spelling = question.answer().map_err(|wrong| format!("load: {wrong}"))?;
        for cover in &spelling.covers {
            let (keyspace, table) = (&*self.config.pattern, &*cover.table);
            match cover.present {
                Present::Changes => tracing::warn!(
                    keyspace,
                    table,
                    "not every spelling of a key is what the feed calls its row: each change of the table invalidates all entries"
                ),
                Present::Own(_) => tracing::info!(
                    keyspace,
                    table,
                    "a row has several spellings: its entries depend on its own name too"
                ),
                Present::Declared(_) => {}
            }
        }
        backing.covers = spelling.covers;
        backing.is_ambiguous = spelling.is_ambiguous;
        if let Some(load) = spelling.load {
            backing.load = load;
        }
        Ok(())
    }
}

fn all<T>(texts: &[String], parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    texts.iter().map(|text| parse(text).map_err(|wrong| format!("\"{text}\": {wrong}"))).collect()
}

fn check_slots(keyspace: &Keyspace, shape: &Shape) -> Result<(), String> {
    let captured = keyspace.pattern.names();
    let known: Vec<&str> = captured.chain(&shape.columns).map(|name| &**name).collect();
    let templates = keyspace.tags.iter().chain(&keyspace.depends_on).flat_map(Template::slots);
    let mut slots = templates.chain(keyspace.events.iter().flat_map(EventTemplate::slots));
    match slots.find(|slot| !known.contains(&&***slot)) {
        None => Ok(()),
        Some(slot) => {
            let hint = nearest(slot, &known);
            Err(format!("{{{slot}}} is neither captured by the pattern nor a column that load returns{hint}"))
        }
    }
}
