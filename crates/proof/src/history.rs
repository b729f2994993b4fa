//! What clients did and were answered.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::{Micros, seconds};

/// What kind of promises a key is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KeyClass {
    /// A register: written, read and removed.
    Register,
    /// Counted by `INCR`, never removed.
    Counter,
    /// A register with a tag, which is invalidated.
    Tagged,
    /// A register whose values have a time to live.
    Expiring,
}

impl KeyClass {
    /// All of them.
    pub const ALL: [KeyClass; 4] =
        [KeyClass::Register, KeyClass::Counter, KeyClass::Tagged, KeyClass::Expiring];
}

/// How many tags share the keys of the class `Tagged`.
pub const TAGS: u32 = 6;

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientKey {
    pub class: KeyClass,
    pub number: u32,
}

impl ClientKey {
    /// Its name in the cluster.
    pub fn name(self) -> String {
        let class = match self.class {
            KeyClass::Register => "register",
            KeyClass::Counter => "counter",
            KeyClass::Tagged => "tagged",
            KeyClass::Expiring => "expiring",
        };
        format!("{class}:{}", self.number)
    }

    /// The tag of its values, if it has one.
    pub fn tag(self) -> Option<u32> {
        (self.class == KeyClass::Tagged).then_some(self.number % TAGS)
    }
}

/// How a tag is called in the cluster.
pub fn tag_name(tag: u32) -> String {
    format!("tag:{tag}")
}

/// The freshness that a read asked for; `None` where it asked for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AskedLevel {
    Plain,
    Strong,
    Session,
    Eventual,
    Weak,
}

impl AskedLevel {
    /// Its word in a command.
    pub fn word(self) -> &'static str {
        match self {
            AskedLevel::Plain => "plain",
            AskedLevel::Strong => "strong",
            AskedLevel::Session => "session",
            AskedLevel::Eventual => "eventual",
            AskedLevel::Weak => "weak",
        }
    }
}

/// What a client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Did {
    Read(ClientKey, AskedLevel),
    /// The value is that of no other write. `ttl_ms`: how long it may be served.
    Write {
        key: ClientKey,
        value: u64,
        ttl_ms: Option<u64>,
    },
    Remove(ClientKey),
    Increment(ClientKey),
    /// An invalidation of a tag.
    Invalidate(u32),
}

impl Did {
    /// The key that it names.
    pub fn key(self) -> Option<ClientKey> {
        match self {
            Did::Read(key, _) | Did::Write { key, .. } | Did::Remove(key) | Did::Increment(key) => Some(key),
            Did::Invalidate(_) => None,
        }
    }

    /// Whether it concerns a key.
    pub fn touches(self, key: ClientKey) -> bool {
        match self {
            Did::Invalidate(tag) => key.tag() == Some(tag),
            other => other.key() == Some(key),
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is acknowledged.
    Done,
    /// The value that was read; `None`: there is none.
    Saw(Option<u64>),
    /// What the counter stands at.
    Counted(u64),
    /// Nothing was done, says the node, or nobody could be reached.
    Refused(String),
    /// It may be done or not, now or later.
    Unknown(String),
    /// An answer that makes no sense.
    Strange(String),
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientOp {
    /// Who asked.
    pub client: Arc<str>,
    /// The node that was asked; 0 where the client chose it by itself.
    pub node: u32,
    pub began: Micros,
    pub ended: Micros,
    pub did: Did,
    pub outcome: Outcome,
}

impl ClientOp {
    /// Whether it was answered as a healthy cluster answers.
    pub fn is_answered(&self) -> bool {
        matches!(self.outcome, Outcome::Done | Outcome::Saw(_) | Outcome::Counted(_))
    }

    /// Whether it is a read of its key, and what it saw.
    pub fn saw(&self) -> Option<(AskedLevel, Option<u64>)> {
        match (self.did, &self.outcome) {
            (Did::Read(_, level), Outcome::Saw(value)) => Some((level, *value)),
            _ => None,
        }
    }
}

impl fmt::Display for ClientOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClientOp { client, node, began, ended, did, outcome } = self;
        write!(f, "{:>11.4} .. {:>11.4}  {client:<12} node {node}  ", seconds(*began), seconds(*ended))?;
        match did {
            Did::Read(key, level) => write!(f, "read {} {}", key.name(), level.word())?,
            Did::Write { key, value, ttl_ms: None } => write!(f, "write {} {value:x}", key.name())?,
            Did::Write { key, value, ttl_ms: Some(ttl) } => {
                write!(f, "write {} {value:x} for {ttl} ms", key.name())?;
            }
            Did::Remove(key) => write!(f, "remove {}", key.name())?,
            Did::Increment(key) => write!(f, "increment {}", key.name())?,
            Did::Invalidate(tag) => write!(f, "invalidate {}", tag_name(*tag))?,
        }
        match outcome {
            Outcome::Done => write!(f, " -> done"),
            Outcome::Saw(Some(value)) => write!(f, " -> {value:x}"),
            Outcome::Saw(None) => write!(f, " -> nothing"),
            Outcome::Counted(count) => write!(f, " -> {count}"),
            Outcome::Refused(why) => write!(f, " -> refused: {why}"),
            Outcome::Unknown(why) => write!(f, " -> unknown: {why}"),
            Outcome::Strange(what) => write!(f, " -> {what:?}?"),
        }
    }
}
