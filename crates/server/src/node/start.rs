//! Making a node: its sources opened, its keyspaces compiled, its feeds followed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use clearwell_source::Source;

use super::background::BackgroundWork;
use super::backlog::Backlog;
use super::cluster::NodeExchange;
use super::condition::Turns;
use super::feeds::Feeds;
use super::follow::FollowingNode;
use super::keeper::Keeper;
use super::reports::Reports;
use super::{ClusterStart, Node, cluster, keeper, member};
use crate::clock::NodeClock;
use crate::config::Config;
use crate::data::DataFolder;
use crate::keyspace::{FeedRules, Keyspaces};
use crate::writeback::{self, WriteBack};

/// Why a node did not start: one clear sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError(pub String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

impl Node {
    /// Opens the sources under the folder `data` and starts a node over them. Loads run on `tasks`.
    pub fn start(
        config: Config,
        data: &Path,
        tasks: tokio::runtime::Handle,
    ) -> Result<Arc<Node>, StartError> {
        // Before any file in it is opened. A node without sources keeps none.
        let folder = if config.sources.is_empty() { None } else { Some(claimed(data)?) };
        let sources = opened(&config, data)?;
        Node::begin(config, sources, folder, None, tasks)
    }

    /// Starts a node that is one of a cluster.
    ///
    /// # Errors
    /// In words: who refuses it and why, what of its configuration a cluster cannot have, a data folder that cannot be used.
    pub fn start_in_cluster(
        config: Config,
        data: &Path,
        start: &ClusterStart,
        tasks: tokio::runtime::Handle,
    ) -> Result<Arc<Node>, StartError> {
        cluster::check_sources(&config)?;
        let folder = claimed(data)?;
        let sources = opened(&config, data)?;
        Node::begin(config, sources, Some(folder), Some(start), tasks)
    }

    /// Starts a node over these sources, whatever the configuration says of them: checks the keyspaces against them and
    /// begins to follow their commits. It has no journal.
    pub fn over(
        config: Config,
        sources: Sources,
        tasks: tokio::runtime::Handle,
    ) -> Result<Arc<Node>, StartError> {
        Node::begin(config, sources, None, None, tasks)
    }

    /// As [`Node::over`], with its journals in the folder `data`. What an earlier run left in them is known when this
    /// returns, and flushed from then on.
    pub fn over_in(
        config: Config,
        sources: Sources,
        data: Option<&Path>,
        tasks: tokio::runtime::Handle,
    ) -> Result<Arc<Node>, StartError> {
        Node::begin(config, sources, data.map(claimed).transpose()?, None, tasks)
    }

    /// As [`Node::start_in_cluster`], over these sources.
    ///
    /// # Errors
    /// As there.
    pub fn over_in_cluster(
        config: Config,
        sources: Sources,
        data: &Path,
        start: &ClusterStart,
        tasks: tokio::runtime::Handle,
    ) -> Result<Arc<Node>, StartError> {
        Node::begin(config, sources, Some(claimed(data)?), Some(start), tasks)
    }

    fn begin(
        config: Config,
        sources: Sources,
        data: Option<(&Path, DataFolder)>,
        start: Option<&ClusterStart>,
        tasks: tokio::runtime::Handle,
    ) -> Result<Arc<Node>, StartError> {
        let keyspaces = Keyspaces::build(&config, &sources).map_err(|error| StartError(error.to_string()))?;
        label(&keyspaces);
        if start.is_some() {
            cluster::check_keyspaces(&keyspaces)?;
        }
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        for keyspace in &keyspaces.all {
            if let Some(why) = keyspace.neglected() {
                let keyspace = &*keyspace.name;
                tracing::warn!(
                    keyspace,
                    why = &*why,
                    "not followed: its entries may be old until their ttl ends"
                );
            }
        }
        let mut rules = FeedRules::build(&config).map_err(StartError)?;
        rules.tell_for(keyspaces.covers());
        let feeds = Feeds::new(rules, &sources, &keyspaces, &config);
        let engine = clearwell_engine::Config {
            max_memory: config.max_memory,
            max_entries: config.max_entries.unwrap_or(u64::MAX),
            eviction: config.eviction,
            late_fill_window_ms: config.late_fill_window_ms,
            history_memory: config.history_memory,
            classes: u32::try_from(keyspaces.all.len()).map_or(u32::MAX, |all| all.saturating_add(1)),
            ..clearwell_engine::Config::default()
        };
        let (data, folder) = data.unzip();
        let back = data.map(|data| WriteBack::open_if_needed(data, &keyspaces)).transpose();
        let back = back.map_err(|error| StartError(error.to_string()))?.flatten().map(Arc::new);
        let (clock, run_id) = (NodeClock::new(), fastrand::u64(..));
        let reports = Reports::new(&keyspaces, &sources);
        let began = clock.now();
        let departures = reports.notices().clone();
        let begun = match (&config.cluster, start, data) {
            (Some(of), Some(start), Some(data)) => {
                Some(cluster::begin(&config, of, start, data, (engine.clone(), departures.clone()), began)?)
            }
            _ => None,
        };
        let (host, cluster, entered) = match begun {
            Some(cluster::NewMember { cluster, host, links, seeds, tick }) => {
                (host, Some(cluster), Some((links, seeds, tick)))
            }
            None => (member::begin(run_id, engine, departures, began), None, None),
        };
        let node = Arc::new(Node {
            host,
            cluster,
            keyspaces,
            feeds,
            clock,
            reports,
            background: BackgroundWork::new(tasks),
            keeper: Keeper::new(config.coalesce),
            config,
            run_id,
            turns: Turns::default(),
            backlog: Backlog::new(back),
            _folder: folder,
        });
        if let Some((links, seeds, tick)) = entered {
            node.enter(links, &seeds, tick)?;
        }
        node.tick_member(began);
        for (name, source) in &sources {
            if node.is_in_cluster() {
                source.share(Arc::new(NodeExchange(Arc::downgrade(&node))));
            }
            let followed = source.follow(Arc::new(FollowingNode::new(Arc::downgrade(&node))));
            followed.map_err(|error| StartError(format!("source {name}: {error}")))?;
        }
        if let Some(back) = node.backlog.opened() {
            for lane in &back.lanes {
                let flusher = writeback::run(Arc::downgrade(&node), Arc::downgrade(back), lane.clone());
                node.background.spawn(flusher);
            }
        }
        keeper::start(&node)
            .map_err(|error| StartError(format!("cannot start the keeper thread: {error}")))?;
        Ok(node)
    }
}

fn claimed(data: &Path) -> Result<(&Path, DataFolder), StartError> {
    Ok((data, DataFolder::claim(data).map_err(StartError)?))
}

fn opened(config: &Config, data: &Path) -> Result<Sources, StartError> {
    let feeds = FeedRules::build(config).map_err(StartError)?;
    let mut sources: Sources = BTreeMap::new();
    for (name, source) in &config.sources {
        let opened = clearwell_source::open(name, source, data, feeds.watched(name), config.feed_poll_ms);
        sources.insert(name.clone(), opened.map_err(|error| StartError(format!("source {name}: {error}")))?);
    }
    Ok(sources)
}

/// Tells the sources which keyspace their statements belong to.
fn label(keyspaces: &Keyspaces) {
    for keyspace in &keyspaces.all {
        if let Some(backing) = &keyspace.backing {
            let writes: Vec<_> = backing.store.iter().chain(&backing.delete).collect();
            backing.source.label(&keyspace.name, &backing.load, &writes);
            backing.source.label_aside(&format!("{} (warming)", keyspace.name), &backing.load_aside);
        }
    }
}

/// Sources by the names that keyspaces give them.
pub type Sources = BTreeMap<String, Arc<dyn Source>>;
