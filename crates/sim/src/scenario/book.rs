//! What the people of a scenario call things: keys, tags, nodes, clients, values.

use std::collections::BTreeMap;

use clearwell_cluster::Slot;

use super::words::{LineWords, Wrong};
use crate::events::Events;
use crate::names::{Class, KeyId};
use crate::value::WriteId;

/// Who is asked, or does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A node, from 1.
    Node(u32),
    /// A near cache, from 1.
    Near(u32),
}

/// A key.
#[derive(Debug, Clone)]
pub struct Key {
    /// The line that declares it.
    pub line: usize,
    /// Its name in the scenario.
    pub name: String,
    /// Its class.
    pub class: Class,
    /// What it begins with, when it has a source.
    pub value: String,
    /// Its owner at the beginning.
    pub owner: Option<u32>,
    /// Its replica at the beginning.
    pub replica: Option<u32>,
    /// Its tag, by place.
    pub tag: Option<u32>,
    /// What it is made from.
    pub depends: Option<KeyId>,
    /// The patterns of events that its values depend on, by number.
    pub events: u32,
}

/// A tag.
#[derive(Debug, Clone)]
pub struct Tag {
    /// Its name in the scenario.
    pub name: String,
    /// Its owner at the beginning.
    pub owner: Option<u32>,
}

/// Who and what there is.
#[derive(Debug, Clone)]
pub struct Book {
    /// Nodes at the start.
    pub nodes: u32,
    /// Near caches.
    pub near: u32,
    /// Nodes that join later.
    pub joining: u32,
    /// Replicas at the start.
    pub replicas: u8,
    /// The keys.
    pub keys: Vec<Key>,
    /// The tags.
    pub tags: Vec<Tag>,
    /// The events.
    pub events: Events,
    /// Clients in the order of their first word.
    pub clients: Vec<String>,
    /// The slots of the keys, once they are placed.
    pub slots: Vec<Slot>,
    /// Invalidations that only mark, by number of operation.
    pub lazy: Vec<u32>,
    /// What writes wrote.
    pub texts: BTreeMap<WriteId, String>,
}

impl Default for Book {
    fn default() -> Book {
        Book {
            nodes: 0,
            near: 0,
            joining: 0,
            replicas: 1,
            keys: Vec::new(),
            tags: Vec::new(),
            events: Events::none(),
            clients: Vec::new(),
            slots: Vec::new(),
            lazy: Vec::new(),
            texts: BTreeMap::new(),
        }
    }
}

impl Book {
    /// A key by its name.
    pub fn key(&self, words: &mut LineWords<'_>) -> Result<KeyId, Wrong> {
        let word = words.next();
        let at = self.keys.iter().position(|key| key.name == word);
        at.map(|at| at as KeyId).ok_or_else(|| {
            let names: Vec<&str> = self.keys.iter().map(|key| key.name.as_str()).collect();
            format!("no key is called `{word}`; there is {}", names.join(", "))
        })
    }

    /// A tag by its name.
    pub fn tag(&self, words: &mut LineWords<'_>) -> Result<u32, Wrong> {
        let word = words.next();
        let at = self.tags.iter().position(|tag| tag.name == word);
        at.map(|at| at as u32)
            .ok_or_else(|| format!("no tag is called `{word}`; a line `tag {word} on node 1` makes one"))
    }

    /// A node's number.
    pub fn node(&self, words: &mut LineWords<'_>) -> Result<u32, Wrong> {
        let node = words.number("a node")?;
        match node >= 1 && node <= self.nodes + self.joining {
            true => Ok(node),
            false => Err(format!("there is no node {node}; nodes are 1 to {}", self.nodes + self.joining)),
        }
    }

    /// `node 2` or `near cache 1`.
    pub fn who(&self, words: &mut LineWords<'_>) -> Result<Who, Wrong> {
        if words.takes("node") {
            return self.node(words).map(Who::Node);
        }
        if !words.takes("near cache") {
            return Err(format!("here comes `node 1` or `near cache 1`, not {}", words.found()));
        }
        let near = words.number("a near cache")?;
        match near >= 1 && near <= self.near {
            true => Ok(Who::Near(near)),
            false => Err(format!("there is no near cache {near}; `near caches {near}` makes as many")),
        }
    }

    /// A client; the first word of it makes it.
    pub fn client(&mut self, words: &mut LineWords<'_>) -> u16 {
        let word = words.next();
        let at = self.clients.iter().position(|client| client == word);
        at.unwrap_or_else(|| {
            self.clients.push(word.into());
            self.clients.len() - 1
        }) as u16
    }

    /// The host's number in the world. Near caches come after the nodes of the start, nodes that join come last.
    pub fn host(&self, who: Who) -> usize {
        (match who {
            Who::Node(node) if node <= self.nodes => node - 1,
            Who::Node(node) => node - 1 + self.near,
            Who::Near(near) => self.nodes + near - 1,
        }) as usize
    }

    /// Who a host is.
    pub fn who_is(&self, host: usize) -> Who {
        let host = host as u32;
        match host {
            _ if host < self.nodes => Who::Node(host + 1),
            _ if host < self.nodes + self.near => Who::Near(host - self.nodes + 1),
            _ => Who::Node(host - self.near + 1),
        }
    }

    /// A host's name.
    pub fn host_text(&self, host: usize) -> String {
        match self.who_is(host) {
            Who::Node(node) => format!("node {node}"),
            Who::Near(near) => format!("near cache {near}"),
        }
    }

    /// A key's name.
    pub fn key_text(&self, key: KeyId) -> &str {
        &self.keys[key as usize].name
    }

    /// Keys' names.
    pub fn keys_text(&self, keys: impl Iterator<Item = KeyId>) -> String {
        list(&keys.map(|key| self.key_text(key).to_string()).collect::<Vec<_>>())
    }

    /// What a write wrote.
    pub fn value_text(&self, write: WriteId) -> String {
        self.texts.get(&write).map_or("nothing".into(), |text| format!("\"{text}\""))
    }
}

/// «a, b and c».
pub fn list(words: &[String]) -> String {
    match words {
        [] => "none".into(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
