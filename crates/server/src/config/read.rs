//! The file as a whole and its sources.

use std::collections::BTreeMap;

use clearwell_engine::Eviction;
use clearwell_source::config::address;
use clearwell_source::nearest;
use toml::de::DeTable;

use super::error::ConfigError;
use super::section::{File, Section};
use super::variables::filled_in;
use super::{
    ClusterConfig, Coalesce, Config, HostName, PostgresConfig, SourceConfig, SqliteMode, TOP, cluster,
    followed, keyspace, words,
};
use crate::syntax::Pattern;

const KEYS: [&str; 14] = [
    "max_memory",
    "max_entries",
    "eviction",
    "history_memory",
    "coalesce",
    "late_fill_window",
    "feed_poll",
    "default_ttl",
    "password",
    "hosts",
    "protected_mode",
    "cluster",
    "source",
    "keyspace",
];

/// What a configuration refers to.
#[derive(Clone, Copy)]
pub struct Outside<'o> {
    /// Reads a file that is named in it.
    pub file: &'o dyn Fn(&str) -> Result<String, String>,
    /// The value of an environment variable that is named in it.
    pub variable: &'o dyn Fn(&str) -> Option<String>,
}

/// Reads a whole configuration.
pub fn config(file: File<'_>, outside: Outside<'_>) -> Result<Config, ConfigError> {
    let table = DeTable::parse(file.text).map_err(|e| file.error(e.span().unwrap_or(0..0), e.message()))?;
    let top = Section::new(file, TOP, table.get_ref(), 0..0, &KEYS)?;
    let sources = sources(&top, outside)?;
    let keyspaces = keyspaces(&top, &sources, outside)?;
    let max_memory = top.read("max_memory", memory)?.unwrap_or(256_000_000);
    Ok(Config {
        max_memory,
        max_entries: max_entries(&top)?,
        eviction: top.read("eviction", eviction)?.unwrap_or_default(),
        history_memory: top.read("history_memory", |text| history(text, max_memory))?,
        coalesce: top.read("coalesce", coalesce)?.unwrap_or_default(),
        late_fill_window_ms: top.read("late_fill_window", words::duration)?.unwrap_or(10_000),
        feed_poll_ms: top.read("feed_poll", poll)?.unwrap_or(5),
        default_ttl_ms: top.read("default_ttl", default_ttl)?.unwrap_or(3_600_000),
        password: top.read("password", |text| filled_in(text, outside.variable).and_then(not_empty))?,
        hosts: hosts(&top)?,
        protected_mode: top.flag("protected_mode")?.unwrap_or(true),
        cluster: cluster(&top, outside)?,
        warnings: followed::check(&top, &keyspaces)?,
        keyspaces,
        sources,
    })
}

fn cluster(top: &Section<'_>, outside: Outside<'_>) -> Result<Option<ClusterConfig>, ConfigError> {
    let Some(table) = top.table("cluster")? else { return Ok(None) };
    let begin = top.file.text.find("[cluster]").unwrap_or_default();
    let section = Section::new(top.file, "[cluster]", table, begin..begin, cluster::keys())?;
    cluster::read(&section, outside).map(Some)
}

fn default_ttl(text: &str) -> Result<u64, String> {
    match words::duration(text)? {
        0 => Err("it cannot be nothing; leave it out for the default of an hour".into()),
        ms => Ok(ms),
    }
}

fn max_entries(top: &Section<'_>) -> Result<Option<u64>, ConfigError> {
    match top.count("max_entries")? {
        Some(0) => Err(top.error("max_entries", "max_entries cannot be 0; leave it out for as many as fit")),
        most => Ok(most),
    }
}

fn eviction(text: &str) -> Result<Eviction, String> {
    let known = Eviction::ALL.map(Eviction::name);
    Eviction::named(text).ok_or_else(|| format!("unknown policy \"{text}\"{}", nearest(text, &known)))
}

fn hosts(top: &Section<'_>) -> Result<Vec<HostName>, ConfigError> {
    let host = |text: toml::Spanned<&str>| {
        HostName::configured(text.get_ref())
            .map_err(|wrong| top.file.error(text.span(), format!("hosts: {wrong}")))
    };
    top.texts("hosts")?.into_iter().map(host).collect()
}

const LEAST_MEMORY: u64 = 1 << 20;

fn memory(text: &str) -> Result<u64, String> {
    match words::size(text)? {
        bytes if bytes < LEAST_MEMORY => {
            Err(format!("\"{text}\" is too little; a node needs at least \"1MiB\""))
        }
        bytes => Ok(bytes),
    }
}

fn history(text: &str, max_memory: u64) -> Result<u64, String> {
    match words::size(text)? {
        bytes if bytes > max_memory / 4 => Err(format!(
            "\"{text}\" is more than a quarter of max_memory, {max_memory} bytes, which it is a part of"
        )),
        bytes => Ok(bytes),
    }
}

fn coalesce(text: &str) -> Result<Coalesce, String> {
    match text {
        "restart" => Ok(Coalesce::Restart),
        "first" => Ok(Coalesce::First),
        _ => Err(format!("\"{text}\" is neither \"restart\" nor \"first\"")),
    }
}

fn poll(text: &str) -> Result<u64, String> {
    match words::duration(text)? {
        ms @ 1..=60_000 => Ok(ms),
        _ => Err(format!("\"{text}\" is not from 1ms to 1m")),
    }
}

fn not_empty(text: String) -> Result<String, String> {
    if text.is_empty() { Err("it cannot be empty; leave it out for none".into()) } else { Ok(text) }
}

fn sources(top: &Section<'_>, outside: Outside<'_>) -> Result<BTreeMap<String, SourceConfig>, ConfigError> {
    let mut sources = BTreeMap::new();
    for (name, value) in top.table("source")?.into_iter().flatten() {
        let title = format!("[source.{}]", name.get_ref());
        let Some(table) = value.get_ref().as_table() else {
            return Err(top.file.error(value.span(), format!("a source is a table: begin it with {title}")));
        };
        let known = [
            "url",
            "seed",
            "seed_file",
            "timeout",
            "behind_most",
            "publication",
            "slot",
            "connections",
            "replicas",
            "lag_budget",
        ];
        let section = Section::new(top.file, title, table, name.span(), &known)?;
        sources.insert(name.get_ref().to_string(), source(&section, outside)?);
    }
    Ok(sources)
}

fn source(section: &Section<'_>, outside: Outside<'_>) -> Result<SourceConfig, ConfigError> {
    section.needed("url")?;
    let url = section.read("url", |text| filled_in(text, outside.variable))?.unwrap_or_default();
    let postgres = postgres(section, &url, outside.variable)?;
    let (path, mode) = match postgres {
        Some(_) => Default::default(),
        None => section.read("url", |_| address::sqlite(&url))?.unwrap_or_default(),
    };
    if let Some(key) = ["seed", "seed_file"].into_iter().find(|key| section.has(key))
        && matches!(mode, SqliteMode::Read | SqliteMode::Write)
    {
        return Err(section.error(key, format!("{key} makes a new database, which the url's mode does not")));
    }
    if mode == SqliteMode::Memory && !section.has("seed") && !section.has("seed_file") {
        return Err(section.error("url", "a database in memory begins empty: it needs seed or seed_file"));
    }
    if section.has("seed") && section.has("seed_file") {
        return Err(section.error("seed_file", format!("{} has both seed and seed_file", section.title)));
    }
    let seed = match section.read("seed_file", outside.file)? {
        Some(sql) => Some(sql),
        None => section.text("seed")?.map(str::to_string),
    };
    let timeout_ms = section.read("timeout", |text| match words::duration(text)? {
        0 => Err("a timeout of nothing would refuse everything".into()),
        ms => Ok(ms),
    })?;
    let behind_most_ms = section.read("behind_most", |text| match words::duration(text)? {
        ms @ 100.. => Ok(ms),
        _ => Err(format!("\"{text}\" is too little; a feed is asked every 100ms how far it is")),
    })?;
    Ok(SourceConfig { postgres, path, mode, seed, timeout_ms: timeout_ms.unwrap_or(2000), behind_most_ms })
}

/// The keys that only a PostgreSQL source has; `None` when the url is of another kind.
fn postgres(
    section: &Section<'_>,
    url: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<PostgresConfig>, ConfigError> {
    let own = ["publication", "slot", "connections", "replicas", "lag_budget"];
    if !is_postgres(url) {
        return match own.into_iter().find(|key| section.has(key)) {
            Some(key) => Err(section.error(key, format!("{key} is for PostgreSQL; this source is not"))),
            None => Ok(None),
        };
    }
    if let Some(key) = ["seed", "seed_file"].into_iter().find(|key| section.has(key)) {
        return Err(section.error(key, format!("{key} is for SQLite; fill a PostgreSQL database with psql")));
    }
    section.read("url", |_| address::postgres(url))?;
    let preset = PostgresConfig::new(url);
    let replicas = section.texts("replicas")?.into_iter().map(|text| {
        match filled_in(text.get_ref(), variable) {
            Ok(url) if is_postgres(&url) => address::postgres(&url).map(|()| url),
            Ok(_) => Err("a replica is named such as \"postgres://user@host/database\"".to_string()),
            Err(wrong) => Err(wrong),
        }
        .map_err(|wrong| section.file.error(text.span(), wrong))
    });
    let replicas = replicas.collect::<Result<_, _>>()?;
    let connections = match section.byte("connections")? {
        Some(0) => return Err(section.error("connections", "a source needs at least 1 connection")),
        given => given.unwrap_or(preset.connections),
    };
    Ok(Some(PostgresConfig {
        publication: section.read("publication", slot_name)?.unwrap_or(preset.publication),
        slot: section.read("slot", slot_name)?.unwrap_or(preset.slot),
        connections,
        replicas,
        lag_budget: section.read("lag_budget", words::size)?.unwrap_or(preset.lag_budget),
        url: preset.url,
    }))
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// PostgreSQL allows these characters in the name of a slot; a publication with such a name needs no quotes.
fn slot_name(name: &str) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    match name.bytes().all(fits) && (1..64).contains(&name.len()) {
        true => Ok(name.into()),
        false => Err(format!("\"{name}\" may only have a-z, 0-9 and _, 1 to 63 of them")),
    }
}

fn keyspaces(
    top: &Section<'_>,
    sources: &BTreeMap<String, SourceConfig>,
    outside: Outside<'_>,
) -> Result<Vec<super::KeyspaceConfig>, ConfigError> {
    let mut read: Vec<super::KeyspaceConfig> = Vec::new();
    let mut patterns: Vec<Pattern> = Vec::new();
    for (table, span) in top.tables("keyspace")? {
        let section = Section::new(top.file, "[[keyspace]]", table, span, &keyspace::KEYS)?;
        section.needed("pattern")?;
        let Some(pattern) = section.read("pattern", Pattern::parse)? else { continue };
        let twin = patterns.iter().position(|other| other.same_keys(&pattern)).and_then(|at| read.get(at));
        if let Some(twin) = twin {
            let message = format!("this pattern has the same keys as \"{}\" before it", twin.pattern);
            return Err(section.error("pattern", message));
        }
        read.push(keyspace::read(&section, &pattern, sources, outside.file)?);
        patterns.push(pattern);
    }
    Ok(read)
}
