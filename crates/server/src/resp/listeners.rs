//! Who listens to which channels.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use clearwell_engine::Glob;
use clearwell_protocol::CommandError;

use super::channels::OWN;
use super::registry::ListedClient;

/// Bytes of names that one connection may listen to, and what a name costs besides its own.
const NAMES_MOST: usize = 8 << 20;
const NAME_COST: usize = 64;

/// The listeners of all channels, and the channels of all listeners.
#[derive(Default)]
pub struct Tables {
    /// By name.
    pub channels: BTreeMap<Box<[u8]>, Vec<Arc<ListedClient>>>,
    /// By pattern.
    pub patterns: BTreeMap<Box<[u8]>, Listened>,
    of: HashMap<u64, Subscriptions>,
    /// Subscriptions, and those of them that may hear of Clearwell's own channels.
    all: usize,
    own: usize,
}

/// A pattern, and who listens to what it matches.
pub struct Listened {
    /// The pattern.
    pub glob: Glob,
    /// Who.
    pub clients: Vec<Arc<ListedClient>>,
    is_own: bool,
}

/// What one connection listens to.
#[derive(Default)]
struct Subscriptions {
    channels: BTreeSet<Box<[u8]>>,
    patterns: BTreeSet<Box<[u8]>>,
    bytes: usize,
}

impl Subscriptions {
    /// Shows others how many they are.
    fn publish(&self, client: &ListedClient) -> usize {
        client.listens_to(self.channels.len(), self.patterns.len());
        self.channels.len().saturating_add(self.patterns.len())
    }
}

fn cost(name: &[u8]) -> usize {
    name.len().saturating_add(NAME_COST)
}

impl Tables {
    /// Adds names; all or none.
    pub fn subscribe(
        &mut self,
        client: &Arc<ListedClient>,
        names: &[&[u8]],
    ) -> Result<Vec<usize>, CommandError> {
        self.check(client, names.iter().map(|name| cost(name)).sum())?;
        let mut counts = Vec::with_capacity(names.len());
        for name in names {
            let own = self.of.entry(client.id).or_default();
            if own.channels.insert((*name).into()) {
                own.bytes = own.bytes.saturating_add(cost(name));
                self.channels.entry((*name).into()).or_default().push(client.clone());
                self.all += 1;
                self.own += usize::from(name.starts_with(OWN));
            }
            counts.push(self.shown(client));
        }
        Ok(counts)
    }

    /// Adds patterns; all or none.
    pub fn psubscribe(
        &mut self,
        client: &Arc<ListedClient>,
        globs: &[(&[u8], Glob)],
    ) -> Result<Vec<usize>, CommandError> {
        self.check(client, globs.iter().map(|(name, _)| cost(name)).sum())?;
        let mut counts = Vec::with_capacity(globs.len());
        for (name, glob) in globs {
            let own = self.of.entry(client.id).or_default();
            if own.patterns.insert((*name).into()) {
                own.bytes = own.bytes.saturating_add(cost(name));
                let none = || Listened {
                    glob: glob.clone(),
                    clients: Vec::new(),
                    is_own: glob.overlaps(&Glob::beginning(OWN)),
                };
                let listened = self.patterns.entry((*name).into()).or_insert_with(none);
                listened.clients.push(client.clone());
                self.all += 1;
                self.own += usize::from(listened.is_own);
            }
            counts.push(self.shown(client));
        }
        Ok(counts)
    }

    fn check(&self, client: &ListedClient, wanted: usize) -> Result<(), CommandError> {
        let held = self.of.get(&client.id).map_or(0, |own| own.bytes);
        if held.saturating_add(wanted) <= NAMES_MOST {
            return Ok(());
        }
        Err(CommandError::new(format!(
            "ERR what this connection listens to would take more than {NAMES_MOST} bytes of names; listen to a pattern"
        )))
    }

    /// Takes names away.
    pub fn unsubscribe(
        &mut self,
        client: &Arc<ListedClient>,
        names: &[Box<[u8]>],
        patterns: bool,
    ) -> Vec<usize> {
        let mut counts = Vec::with_capacity(names.len());
        for name in names {
            if let Some(own) = self.of.get_mut(&client.id) {
                let set = if patterns { &mut own.patterns } else { &mut own.channels };
                if set.remove(name) {
                    own.bytes = own.bytes.saturating_sub(cost(name));
                    self.forget(client.id, name, patterns);
                }
            }
            counts.push(self.shown(client));
        }
        counts
    }

    /// Takes all away.
    pub fn remove(&mut self, client: &ListedClient) {
        let own = self.of.remove(&client.id).unwrap_or_default();
        own.channels.iter().for_each(|name| self.forget(client.id, name, false));
        own.patterns.iter().for_each(|name| self.forget(client.id, name, true));
        client.listens_to(0, 0);
    }

    fn forget(&mut self, id: u64, name: &[u8], pattern: bool) {
        let is_own = if pattern {
            let Entry::Occupied(mut listened) = self.patterns.entry(name.into()) else { return };
            let is_own = listened.get().is_own;
            listened.get_mut().clients.retain(|client| client.id != id);
            if listened.get().clients.is_empty() {
                listened.remove();
            }
            is_own
        } else {
            let Entry::Occupied(mut clients) = self.channels.entry(name.into()) else { return };
            clients.get_mut().retain(|client| client.id != id);
            if clients.get().is_empty() {
                clients.remove();
            }
            name.starts_with(OWN)
        };
        self.all = self.all.saturating_sub(1);
        self.own = self.own.saturating_sub(usize::from(is_own));
    }

    fn shown(&self, client: &ListedClient) -> usize {
        self.of.get(&client.id).map_or(0, |own| own.publish(client))
    }

    /// Subscriptions, and those of them that may hear of Clearwell's own channels.
    pub fn totals(&self) -> (usize, usize) {
        (self.all, self.own)
    }

    /// What a connection listens to.
    pub fn names_of(&self, id: u64, patterns: bool) -> Vec<Box<[u8]>> {
        let own = self.of.get(&id);
        let names = own.map(|own| if patterns { &own.patterns } else { &own.channels });
        names.map_or_else(Vec::new, |names| names.iter().cloned().collect())
    }

    /// Connections that listen to something.
    pub fn clients(&self) -> usize {
        self.of.values().filter(|own| !own.channels.is_empty() || !own.patterns.is_empty()).count()
    }
}
