//! One `[[keyspace]]` with its feeds.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use clearwell_engine::Codec;
use clearwell_source::nearest;
use clearwell_source::postgres;
use toml::Spanned;

use super::error::ConfigError;
use super::section::Section;
use super::{
    CompressConfig, FeedConfig, FlushConfig, KeyspaceConfig, SchemaConfig, SourceConfig, SqliteMode,
    Strategy, Unfollowed, Unverified, del, keys, near_miss, words,
};
use crate::syntax::{EventTemplate, Pattern, Schema, Template, VALUE, parameters};

pub const KEYS: [&str; 29] = [
    "pattern",
    "source",
    "load",
    "store",
    "delete",
    "keys",
    "del",
    "near_miss",
    "write",
    "read",
    "ttl",
    "ttl_jitter",
    "negative_ttl",
    "early_refresh",
    "grace",
    "tags",
    "depends_on",
    "events",
    "priority",
    "compress",
    "compress_above",
    "schema",
    "flush_every",
    "flush_batch",
    "flush_most",
    "unverified",
    "unfollowed",
    "outage",
    "feed",
];

/// How long memory stands in for a source that does not answer, where the configuration does not say.
const OUTAGE_MS: u64 = 3_600_000;

/// The keys of a feed.
pub const FEED: [&str; 4] = ["table", "keys", "tags", "events"];

/// Reads a keyspace and checks what can be checked without its database.
pub fn read(
    section: &Section<'_>,
    pattern: &Pattern,
    sources: &BTreeMap<String, SourceConfig>,
    file: &dyn Fn(&str) -> Result<String, String>,
) -> Result<KeyspaceConfig, ConfigError> {
    let source = source(section, sources)?;
    let [load, store, delete] =
        statements(section, pattern, source.as_ref().and_then(|name| sources.get(name)))?;
    let is_postgres =
        source.as_ref().and_then(|name| sources.get(name)).is_some_and(|s| s.postgres.is_some());
    let keys = keys::read(section, pattern, source.is_some().then_some(is_postgres))?;
    let write = strategy(section, source.is_some(), store.is_some())?;
    let flush = flush(section, store.is_some())?;
    let del = del::read(section, delete.is_some(), write)?;
    let near_miss = near_miss::read(section, source.is_some(), store.is_some(), write)?;
    let early_refresh = section.number("early_refresh")?.unwrap_or(0.0);
    let grace_ms = section.read("grace", words::duration)?.unwrap_or(0);
    let negative_ttl_ms = section.read("negative_ttl", words::duration)?;
    if source.is_none() {
        let without =
            [("early_refresh", early_refresh > 0.0), ("grace", grace_ms > 0), ("negative_ttl", true)];
        only_with_source(section, &without)?;
    }
    let ttl_jitter = section.read("ttl_jitter", words::share)?;
    if ttl_jitter.is_some() && !section.has("ttl") {
        return Err(section.error("ttl_jitter", "ttl_jitter needs ttl, of which it takes a share"));
    }
    let names = TemplateReader { section, pattern, columns: load.is_some() };
    Ok(KeyspaceConfig {
        line: section.error("pattern", "").line.unwrap_or(1),
        pattern: section.needed("pattern")?.into(),
        load,
        store,
        delete,
        keys,
        del,
        near_miss,
        write,
        read: section.read("read", words::level)?.unwrap_or(super::Level::Eventual),
        ttl_ms: section.read("ttl", lifetime)?,
        ttl_jitter: ttl_jitter.unwrap_or(0.0),
        negative_ttl_ms: negative_ttl_ms.unwrap_or(30_000),
        early_refresh,
        grace_ms,
        tags: names.templates("tags")?,
        depends_on: names.templates("depends_on")?,
        events: names.events("events")?,
        priority: section.byte("priority")?.unwrap_or(0),
        compress: compress(section)?,
        schema: schema(section, file)?,
        flush,
        outage_ms: outage(section, source.is_some())?,
        unverified: unverified(section, source.is_some())?,
        unfollowed: unfollowed(section, source.is_some())?,
        feeds: feeds(section, source.is_some())?,
        source,
    })
}

/// Values of a kilobyte and less gain little.
const COMPRESS_ABOVE: u64 = 1_000;

fn compress(section: &Section<'_>) -> Result<Option<CompressConfig>, ConfigError> {
    let codec = section.read("compress", |name| {
        let known = Codec::ALL.map(Codec::name);
        Codec::named(name).ok_or_else(|| format!("unknown codec \"{name}\"{}", nearest(name, &known)))
    })?;
    let above = section.read("compress_above", words::size)?;
    match codec {
        None if above.is_some() => {
            Err(section.error("compress_above", "compress_above needs compress, such as \"lz4\""))
        }
        None => Ok(None),
        Some(codec) => Ok(Some(CompressConfig { codec, above: above.unwrap_or(COMPRESS_ABOVE) })),
    }
}

fn schema(
    section: &Section<'_>,
    file: &dyn Fn(&str) -> Result<String, String>,
) -> Result<Option<SchemaConfig>, ConfigError> {
    section.read("schema", |name| {
        let text = file(name)?;
        Schema::compile(name, &text)?;
        Ok(SchemaConfig { file: name.into(), text })
    })
}

/// What only does something where values are loaded.
fn only_with_source(section: &Section<'_>, keys: &[(&str, bool)]) -> Result<(), ConfigError> {
    match keys.iter().find(|(key, is_on)| *is_on && section.has(key)) {
        Some((key, _)) => Err(section.error(
            key,
            format!("{key} needs a source in the same [[keyspace]]: without one nothing is loaded"),
        )),
        None => Ok(()),
    }
}

fn flush(section: &Section<'_>, has_store: bool) -> Result<FlushConfig, ConfigError> {
    let keys = ["flush_every", "flush_batch", "flush_most"];
    if let Some(key) = keys.into_iter().find(|key| section.has(key) && !has_store) {
        return Err(section.error(key, format!("{key} needs store, the statement that writes a value")));
    }
    let whole =
        |batch: f64| (batch.fract() == 0.0 && (1.0..=100_000.0).contains(&batch)).then_some(batch as usize);
    let default = FlushConfig::default();
    let batch = match section.number("flush_batch")? {
        None => default.batch,
        Some(batch) => whole(batch).ok_or_else(|| {
            section.error("flush_batch", "flush_batch must be a whole number from 1 to 100000")
        })?,
    };
    Ok(FlushConfig {
        every_ms: section.read("flush_every", words::duration)?.unwrap_or(default.every_ms),
        batch,
        most: section.read("flush_most", words::size)?.unwrap_or(default.most),
    })
}

fn unverified(section: &Section<'_>, has_source: bool) -> Result<Unverified, ConfigError> {
    let given = section.read("unverified", words::unverified)?;
    if given.is_some() && !has_source {
        return Err(section.error("unverified", "unverified needs a source in the same [[keyspace]]"));
    }
    Ok(given.unwrap_or_default())
}

/// How old what is served may be while the source does not answer. Who states an age for values that nothing watches over
/// has stated it for this as well.
fn outage(section: &Section<'_>, has_source: bool) -> Result<u64, ConfigError> {
    let given = section.read("outage", words::duration)?;
    if given.is_some() && !has_source {
        return Err(section.error("outage", "outage needs a source in the same [[keyspace]]"));
    }
    Ok(given.unwrap_or(match unverified(section, has_source)? {
        Unverified::Bypass => OUTAGE_MS,
        Unverified::Bounded(ms) => ms,
        Unverified::Refuse => 0,
    }))
}

fn unfollowed(section: &Section<'_>, has_source: bool) -> Result<Unfollowed, ConfigError> {
    let given = section.read("unfollowed", words::unfollowed)?;
    if given.is_some() && !has_source {
        return Err(section.error("unfollowed", "unfollowed needs a source in the same [[keyspace]]"));
    }
    Ok(given.unwrap_or_default())
}

fn lifetime(text: &str) -> Result<u64, String> {
    match words::duration(text)? {
        0 => Err("it cannot be nothing; leave it out for entries that live for ever".into()),
        ms => Ok(ms),
    }
}

fn source(
    section: &Section<'_>,
    sources: &BTreeMap<String, SourceConfig>,
) -> Result<Option<String>, ConfigError> {
    section.read("source", |name| {
        if sources.contains_key(name) {
            return Ok(name.to_string());
        }
        let known: Vec<&str> = sources.keys().map(String::as_str).collect();
        let hint =
            if known.is_empty() { "; there is no [source.NAME]".into() } else { nearest(name, &known) };
        Err(format!("unknown source \"{name}\"{hint}"))
    })
}

fn statements(
    section: &Section<'_>,
    pattern: &Pattern,
    source: Option<&SourceConfig>,
) -> Result<[Option<String>; 3], ConfigError> {
    let has_source = source.is_some();
    let is_postgres = source.is_some_and(|source| source.postgres.is_some());
    if has_source && !section.has("load") {
        return Err(section.error("source", "a [[keyspace]] with a source needs load"));
    }
    let mut statements = [None, None, None];
    for (place, key) in ["load", "store", "delete"].into_iter().enumerate() {
        if section.has(key) && !has_source {
            return Err(section.error(key, format!("{key} needs a source in the same [[keyspace]]")));
        }
        let is_read_only = source.is_some_and(|source| source.mode == SqliteMode::Read);
        if section.has(key) && key != "load" && is_read_only {
            return Err(section.error(key, format!("{key} writes, and the source is opened with mode=ro")));
        }
        statements[place] = section.read(key, |sql| statement(sql, key, pattern, is_postgres))?;
    }
    Ok(statements)
}

fn statement(sql: &str, key: &str, pattern: &Pattern, is_postgres: bool) -> Result<String, String> {
    if sql.trim().is_empty() {
        return Err("it cannot be empty".into());
    }
    let mut known: Vec<&str> = pattern.names().map(|name| &**name).collect();
    if key == "store" {
        known.push(VALUE);
    }
    // Each database has its own quotes and operators.
    let given = match is_postgres {
        true => postgres::parameters(sql)?,
        false => parameters(sql)?.into_iter().map(Arc::from).collect(),
    };
    if let Some(unknown) = given.iter().find(|name| !known.contains(&&***name)) {
        let hint = nearest(unknown, &known);
        return Err(format!("parameter :{unknown} is not captured by the pattern{hint}"));
    }
    match known.iter().find(|name| key != "load" && !given.iter().any(|given| **given == ***name)) {
        Some(&VALUE) => Err("it does not use :value, the value to be stored".into()),
        Some(name) => Err(format!("it does not use :{name}, so that it would change the rows of other keys")),
        None => Ok(sql.into()),
    }
}

fn strategy(section: &Section<'_>, has_source: bool, has_store: bool) -> Result<Strategy, ConfigError> {
    let given = section.read("write", words::strategy)?;
    match given {
        None if has_source => Ok(Strategy::Through),
        None => Ok(Strategy::CacheOnly),
        Some(Strategy::CacheOnly) => Ok(Strategy::CacheOnly),
        Some(strategy) if !has_source => {
            Err(section.error("write", format!("{strategy} needs a source in the same [[keyspace]]")))
        }
        Some(strategy) if !has_store => {
            Err(section.error("write", format!("{strategy} needs store, the statement that writes a value")))
        }
        Some(strategy) => Ok(strategy),
    }
}

/// Reads templates; their slots are captures, or columns where there is a row. Columns are known only to the database,
/// which checks them when it is opened.
struct TemplateReader<'a, 't> {
    section: &'a Section<'t>,
    pattern: &'a Pattern,
    columns: bool,
}

impl TemplateReader<'_, '_> {
    fn templates(&self, key: &str) -> Result<Vec<String>, ConfigError> {
        let check = |text: &str| Template::parse(text).map(|t| t.slots().cloned().collect());
        self.read(key, check)
    }

    fn events(&self, key: &str) -> Result<Vec<String>, ConfigError> {
        let check = |text: &str| EventTemplate::parse(text).map(|t| t.slots().cloned().collect());
        self.read(key, check)
    }

    fn read(
        &self,
        key: &str,
        slots: impl Fn(&str) -> Result<Vec<Arc<str>>, String>,
    ) -> Result<Vec<String>, ConfigError> {
        let known: Vec<&str> = self.pattern.names().map(|name| &**name).collect();
        checked(self.section, key, |text| {
            let slots = slots(text)?;
            match slots.iter().find(|slot| !self.columns && !known.contains(&&***slot)) {
                Some(slot) => {
                    let hint = nearest(slot, &known);
                    Err(format!(
                        "{{{slot}}} is not captured by the pattern, and there is no load for columns{hint}"
                    ))
                }
                None => Ok(()),
            }
        })
    }
}

/// The texts of a list, each checked.
fn checked(
    section: &Section<'_>,
    key: &str,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<Vec<String>, ConfigError> {
    let one = |text: Spanned<&str>| {
        let told = |wrong| {
            section
                .file
                .error(text.span(), format!("{key} in {}: \"{}\": {wrong}", section.title, text.get_ref()))
        };
        check(text.get_ref()).map(|()| text.get_ref().to_string()).map_err(told)
    };
    section.texts(key)?.into_iter().map(one).collect()
}

fn feeds(section: &Section<'_>, has_source: bool) -> Result<Vec<FeedConfig>, ConfigError> {
    if section.has("feed") && !has_source {
        return Err(section.error("feed", "a feed needs a source in the same [[keyspace]]"));
    }
    section.tables("feed")?.into_iter().map(|(table, span)| feed(section, table, span)).collect()
}

fn feed(
    section: &Section<'_>,
    table: &toml::de::DeTable<'_>,
    span: Range<usize>,
) -> Result<FeedConfig, ConfigError> {
    let feed = Section::new(section.file, "[[keyspace.feed]]", table, span, &FEED)?;
    let table = feed.needed("table")?;
    if table.to_ascii_lowercase().starts_with("clearwell_") {
        return Err(feed.error("table", "tables that begin with clearwell_ are the node's own"));
    }
    let template = |text: &str| Template::parse(text).map(|_| ());
    let event = |text: &str| EventTemplate::parse(text).map(|_| ());
    let read = FeedConfig {
        table: table.into(),
        keys: checked(&feed, "keys", template)?,
        tags: checked(&feed, "tags", template)?,
        events: checked(&feed, "events", event)?,
    };
    if read.keys.is_empty() && read.tags.is_empty() && read.events.is_empty() {
        return Err(
            feed.error("table", "[[keyspace.feed]] invalidates nothing: it needs keys, tags or events")
        );
    }
    Ok(read)
}
