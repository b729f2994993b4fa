//! Channels and who listens to them: plain ones, Redis's keyspace notifications, and Clearwell's own, which tell of
//! invalidations (decision 0038).

use std::ops::Bound::{Included, Unbounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use clearwell_engine::Glob;
use clearwell_protocol::{CommandError, Encoder, Resp};
use parking_lot::RwLock;

use super::listeners::Tables;
use super::notify::NotifyFlags;
use super::registry::ListedClient;
use crate::metrics::{BadInput, Metrics};
use crate::node::Notices;

/// What begins the names of Clearwell's own channels.
pub const OWN: &[u8] = b"__clearwell__:";

/// All channels of a server.
pub struct Channels {
    tables: RwLock<Tables>,
    /// Subscriptions, and those of them that may hear of Clearwell's own channels.
    all: AtomicUsize,
    own: AtomicUsize,
    /// Which keyspace notifications are sent.
    pub flags: NotifyFlags,
    notices: Arc<Notices>,
    metrics: Metrics,
}

impl Channels {
    /// None yet.
    pub fn new(notices: Arc<Notices>, metrics: Metrics) -> Channels {
        Channels {
            tables: RwLock::default(),
            all: AtomicUsize::new(0),
            own: AtomicUsize::new(0),
            flags: NotifyFlags::default(),
            notices,
            metrics,
        }
    }

    /// Sets which keyspace notifications are sent.
    ///
    /// # Errors
    /// A letter that stands for no class.
    pub fn notify(&self, letters: &str) -> Result<(), String> {
        self.flags.set(letters)?;
        self.notices.ask_again();
        Ok(())
    }

    /// Listens to channels; answers how many subscriptions the connection has after each.
    ///
    /// # Errors
    /// More names than one connection may listen to.
    pub fn subscribe(&self, client: &Arc<ListedClient>, names: &[&[u8]]) -> Result<Vec<usize>, CommandError> {
        self.change(|tables| tables.subscribe(client, names))
    }

    /// Listens to what patterns match.
    ///
    /// # Errors
    /// More names than one connection may listen to.
    pub fn psubscribe(
        &self,
        client: &Arc<ListedClient>,
        globs: &[(&[u8], Glob)],
    ) -> Result<Vec<usize>, CommandError> {
        self.change(|tables| tables.psubscribe(client, globs))
    }

    /// Listens to these no longer; answers how many subscriptions are left after each.
    pub fn unsubscribe(&self, client: &Arc<ListedClient>, names: &[Box<[u8]>], patterns: bool) -> Vec<usize> {
        self.change(|tables| tables.unsubscribe(client, names, patterns))
    }

    /// A connection ended, or was reset.
    pub fn remove(&self, client: &Arc<ListedClient>) {
        if client.subscriptions() > 0 {
            self.change(|tables| tables.remove(client));
        }
    }

    /// Changes who listens. The node is told of what is asked for when nothing is held any more.
    fn change<R>(&self, change: impl FnOnce(&mut Tables) -> R) -> R {
        let mut tables = self.tables.write();
        let changed = change(&mut tables);
        let (all, own) = tables.totals();
        self.all.store(all, Relaxed);
        self.own.store(own, Relaxed);
        drop(tables);
        self.notices.ask_again();
        changed
    }

    /// Whether anybody listens to anything, and whether to Clearwell's own channels.
    pub fn listened(&self) -> (bool, bool) {
        (self.all.load(Relaxed) > 0, self.own.load(Relaxed) > 0)
    }

    /// What a connection listens to.
    pub fn names_of(&self, id: u64, patterns: bool) -> Vec<Box<[u8]>> {
        self.tables.read().names_of(id, patterns)
    }

    /// The channels that somebody listens to by name.
    pub fn names(&self, glob: Option<&Glob>) -> Vec<Box<[u8]>> {
        let tables = self.tables.read();
        let all = tables.channels.keys();
        all.filter(|name| glob.is_none_or(|glob| glob.matches(name))).cloned().collect()
    }

    /// How many listen to a channel by its name.
    pub fn listeners(&self, name: &[u8]) -> usize {
        self.tables.read().channels.get(name).map_or(0, Vec::len)
    }

    /// Channels and patterns that somebody listens to.
    pub fn counts(&self) -> (usize, usize) {
        let tables = self.tables.read();
        (tables.channels.len(), tables.patterns.len())
    }

    /// Connections that listen to something.
    pub fn clients(&self) -> usize {
        self.tables.read().clients()
    }

    /// Sends a message; answers to how many subscriptions it went.
    pub fn publish(&self, channel: &[u8], message: &[u8]) -> usize {
        if !self.listened().0 {
            return 0;
        }
        let tables = self.tables.read();
        let mut reached = 0usize;
        for client in tables.channels.get(channel).into_iter().flatten() {
            self.send(client, None, channel, message);
            reached += 1;
        }
        for (name, listened) in tables.patterns.iter().filter(|(_, listened)| listened.glob.matches(channel))
        {
            listened.clients.iter().for_each(|client| self.send(client, Some(name), channel, message));
            reached += listened.clients.len();
        }
        reached
    }

    /// Sends a message of `channel` that concerns all channels which `covered` matches: to who listens to one of them by name (as
    /// a message of that one), and to whose pattern may match one.
    pub fn publish_wide(&self, channel: &[u8], covered: &Glob, message: &[u8]) {
        let tables = self.tables.read();
        let own = tables.channels.range::<[u8], _>((Included(OWN), Unbounded));
        for (name, clients) in own.take_while(|(name, _)| name.starts_with(OWN)) {
            if **name == *channel || covered.matches(name) {
                clients.iter().for_each(|client| self.send(client, None, name, message));
            }
        }
        for (name, listened) in &tables.patterns {
            if listened.glob.matches(channel) || listened.glob.overlaps(covered) {
                listened.clients.iter().for_each(|client| self.send(client, Some(name), channel, message));
            }
        }
    }

    /// Puts a message behind the client's replies; one that does not read is cut off.
    fn send(&self, client: &ListedClient, pattern: Option<&[u8]>, channel: &[u8], message: &[u8]) {
        let resp = if client.activity.resp3.load(Relaxed) { Resp::V3 } else { Resp::V2 };
        let mut frame = Vec::with_capacity(channel.len().saturating_add(message.len()).saturating_add(64));
        let mut encoder = Encoder::new(&mut frame, resp);
        encoder.push(if pattern.is_some() { 4 } else { 3 });
        encoder.bulk(if pattern.is_some() { "pmessage" } else { "message" });
        if let Some(pattern) = pattern {
            encoder.bulk(pattern);
        }
        encoder.bulk(channel);
        encoder.bulk(message);
        if !client.post(&frame) {
            self.metrics.bad_input(BadInput::Slow);
        }
    }
}
