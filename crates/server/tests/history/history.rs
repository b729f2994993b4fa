//! What happened: operations with their times as their callers saw them, and the database's own order of commits.

use std::fmt;

/// Microseconds of one monotonic clock, which all clients share.
pub type Us = u64;

/// Rows from this number on are in no group.
pub const UNGROUPED: u8 = 8;

/// A key of one interleaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// A row, read and written through the node.
    Doc(u8),
    /// The same row under another key, which only depends on the first.
    Card(u8),
    /// All rows of a group, read with one statement and carrying the group's tag.
    Group(u8),
    /// A row that is written back.
    Back(u8),
    /// A row that the application reads by itself and then fills in: cache-aside.
    Aside(u8),
    /// No row: the cache is the truth.
    Only(u8),
}

impl Key {
    /// How it is written for the interleaving `run`.
    pub fn name(self, run: u32) -> String {
        let (kind, number) = match self {
            Key::Doc(row) => ("doc", row),
            Key::Card(row) => ("card", row),
            Key::Group(group) => ("group", group),
            Key::Back(row) => ("back", row),
            Key::Aside(row) => ("aside", row),
            Key::Only(number) => ("only", number),
        };
        format!("{kind}:{run}:{number}")
    }

    /// The row behind it, where there is exactly one.
    pub fn row(self) -> Option<u8> {
        match self {
            Key::Doc(row) | Key::Card(row) | Key::Back(row) | Key::Aside(row) => Some(row),
            Key::Group(_) | Key::Only(_) => None,
        }
    }
}

/// What a read wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// The value.
    Value,
    /// And what is known about it.
    Meta,
    /// And what is marked stale will do.
    MetaOrStale,
}

/// What freshness a read asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Strong,
    Session,
    /// In milliseconds.
    Bounded(u64),
    Eventual,
    Weak,
    /// An eventual read after everything has come to rest.
    AtRest,
}

/// What a write through the node asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    Through,
    Invalidate,
    Back,
    CacheOnly,
}

/// What an invalidation covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Keys; whether with what depends on them.
    Keys(Vec<Key>, bool),
    /// The tag of a group.
    Tag(u8),
    /// All `doc` keys of the interleaving, by a glob or by a prefix.
    Docs { glob: bool },
}

/// One operation. Writes have a number that is theirs alone in the interleaving, and that every row they write carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Did {
    Read(Key, Level),
    /// `bad`: a value that the database refuses.
    Write {
        key: Key,
        id: u32,
        strategy: Strategy,
        bad: bool,
    },
    /// DEL; at most one for each row of an interleaving, so that the log need not say whose it was.
    Remove(Key),
    /// A transaction over a connection to the database; its text is for people.
    Sql {
        id: u32,
        text: String,
    },
    /// `held`: its mode puts it off.
    Invalidate {
        scope: Scope,
        held: bool,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Saw(Seen),
    Failed(String),
}

/// A value as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Absent,
    /// What the database had: the version that it gave the row, and the number of the write.
    Row(u64, u32),
    /// What a client wrote and the database has not seen.
    Raw(u32),
    /// Row, version and number of each row of a group.
    Group(Vec<(u8, u64, u32)>),
    /// Nothing that anybody writes.
    Strange(String),
}

impl Seen {
    /// Reads a reply.
    pub fn parse(value: Option<&str>) -> Seen {
        let Some(text) = value else { return Seen::Absent };
        let strange = || Seen::Strange(text.into());
        if text.contains('=') {
            let row = |part: &str| {
                let (row, version) = part.split_once('=')?;
                let Seen::Row(n, id) = Seen::parse(Some(version)) else { return None };
                Some((row.parse().ok()?, n, id))
            };
            return text.split(' ').map(row).collect::<Option<_>>().map_or_else(strange, Seen::Group);
        }
        let read = match text.split_once(':') {
            Some((n, id)) => n.parse().ok().zip(id.parse().ok()).map(|(n, id)| Seen::Row(n, id)),
            None => text.trim_start_matches("bad").parse().ok().map(Seen::Raw),
        };
        read.unwrap_or_else(strange)
    }
}

/// What a reply says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whether the reader said that a value which is marked stale will do.
    pub allowed_stale: bool,
    pub stale: bool,
    /// Whether it came from memory.
    pub hit: bool,
    /// How long before the reply it was read, at the least.
    pub age: Us,
    /// The level that it says it meets.
    pub level: String,
    /// Whether it says that the feed is not complete.
    pub unverified: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    pub connection: u8,
    pub began: Us,
    pub ended: Us,
    pub did: Did,
    pub outcome: Outcome,
    /// Of a read that asked for it.
    pub claim: Option<Claim>,
}

/// One row change in the database's log. Versions of a row rise in the order of its commits, because a sequence gives them
/// while the row is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub row: u8,
    pub n: u64,
    /// The write's number; 0 for what was there before, `None` for a DEL through the node.
    pub id: Option<u32>,
    /// The group that the row is in; `None`: the row was deleted.
    pub group: Option<u8>,
}

/// One interleaving.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub run: u32,
    pub ops: Vec<Op>,
    pub log: Vec<Change>,
    /// When the source or its feed was away: what began or ended here may have failed.
    pub outages: Vec<(Us, Us)>,
}

impl History {
    /// Whether something was away between the two times.
    pub fn was_away(&self, from: Us, to: Us) -> bool {
        self.outages.iter().any(|(began, ended)| *began <= to && from <= *ended)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Op { connection, began, ended, did, outcome, claim } = self;
        write!(f, "{began:>10} .. {ended:>10}  connection {connection}  ")?;
        match did {
            Did::Read(key, level) => write!(f, "read {key:?} {level:?}")?,
            Did::Write { key, id, strategy, bad } => {
                write!(f, "write {id} to {key:?} {strategy:?}{}", if *bad { " (bad)" } else { "" })?;
            }
            Did::Remove(key) => write!(f, "remove {key:?}")?,
            Did::Sql { id, text } => write!(f, "psql {id}: {text}")?,
            Did::Invalidate { scope, held } => {
                write!(f, "invalidate {scope:?}{}", if *held { " later" } else { "" })?;
            }
        }
        match outcome {
            Outcome::Done => write!(f, " -> done"),
            Outcome::Saw(seen) => write!(f, " -> {seen:?}"),
            Outcome::Failed(why) => write!(f, " -> failed: {why}"),
        }?;
        claim.as_ref().map_or(Ok(()), |claim| write!(f, " {claim:?}"))
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ops: Vec<&Op> = self.ops.iter().collect();
        ops.sort_by_key(|op| (op.began, op.ended));
        ops.into_iter().try_for_each(|op| writeln!(f, "{op}"))?;
        let mut log = self.log.clone();
        log.sort_by_key(|change| (change.row, change.n));
        for Change { row, n, id, group } in log {
            let by = id.map_or("a DEL".into(), |id| format!("write {id}"));
            let what = group.map_or("deleted".into(), |group| format!("in group {group}"));
            writeln!(f, "log: row {row} version {n} by {by}, {what}")?;
        }
        for (began, ended) in &self.outages {
            writeln!(f, "away: {began} .. {ended}")?;
        }
        Ok(())
    }
}
