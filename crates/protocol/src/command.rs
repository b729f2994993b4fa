//! One entry of the command table.

use crate::command_id::CommandId;
use crate::flags::{Categories, Flags};

/// What a client may ask, and everything that is said about it: arity and keys check it, the rest describes it.
#[derive(Debug)]
pub struct Command {
    /// What dispatch matches on.
    pub id: CommandId,
    /// Lower case; a subcommand's includes its container's: `client|id`.
    pub name: &'static str,
    /// How many arguments, names included; -n means n or more.
    pub arity: i32,
    /// How it behaves.
    pub flags: Flags,
    /// Its ACL categories, those that follow from flags and group included.
    pub categories: Categories,
    /// Where its keys stand and what happens to them.
    pub keys: &'static [KeySpec],
    /// The chapter of the manual.
    pub group: Group,
    /// The Redis version that brought it; for Clearwell's own, Clearwell's.
    pub since: &'static str,
    /// What its cost grows with.
    pub complexity: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Its arguments as a manual prints them: `key [EX seconds|PX milliseconds] [value ...]`.
    pub syntax: &'static str,
    /// Hints for cluster clients.
    pub tips: &'static [&'static str],
    /// What a container contains.
    pub subcommands: &'static [Command],
}

/// The chapters of the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Keys whatever they hold.
    Generic,
    /// Strings.
    String,
    /// The connection.
    Connection,
    /// The server.
    Server,
    /// MULTI and WATCH.
    Transactions,
    /// Channels.
    Pubsub,
    /// The cluster.
    Cluster,
    /// Clearwell's own.
    Clearwell,
}

impl Group {
    /// The name as COMMAND DOCS prints it.
    pub fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Transactions => "transactions",
            Group::Pubsub => "pubsub",
            Group::Cluster => "cluster",
            Group::Clearwell => "clearwell",
        }
    }
}

/// A run of keys among the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// What happens to the keys.
    pub access: KeyAccess,
    /// The first key's place; 0 is the command's name.
    pub first: usize,
    /// The last key's place; -1 is the last argument.
    pub last: i32,
    /// From one key to the next.
    pub step: usize,
}

impl KeySpec {
    /// One key at `first`.
    pub const fn one(access: KeyAccess, first: usize) -> Self {
        KeySpec { access, first, last: first as i32, step: 1 }
    }

    /// Keys from `first` to the last argument.
    pub const fn rest(access: KeyAccess, first: usize, step: usize) -> Self {
        KeySpec { access, first, last: -1, step }
    }
}

/// What a command does with a key, in the words of Redis's key specifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAccess {
    /// Looks at the metadata.
    Peek,
    /// Reads the value.
    Read,
    /// Overwrites without reading.
    Overwrite,
    /// Changes the value, blind to what it was.
    Update,
    /// Reads and changes the value.
    ReadUpdate,
    /// Reads or not, overwrites or updates: the options tell.
    Variable,
    /// Adds what was not there.
    Insert,
    /// Adds to what is there.
    Append,
    /// Reads and removes.
    ReadDelete,
    /// Removes.
    Delete,
}

impl KeyAccess {
    /// The flags as COMMAND prints them.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            KeyAccess::Peek => &["RO"],
            KeyAccess::Read => &["RO", "access"],
            KeyAccess::Overwrite => &["OW", "update"],
            KeyAccess::Update => &["RW", "update"],
            KeyAccess::ReadUpdate => &["RW", "access", "update"],
            KeyAccess::Variable => &["RW", "access", "update", "variable_flags"],
            KeyAccess::Insert => &["OW", "insert"],
            KeyAccess::Append => &["RW", "insert"],
            KeyAccess::ReadDelete => &["RW", "access", "delete"],
            KeyAccess::Delete => &["RM", "delete"],
        }
    }
}

impl Command {
    /// An entry with nothing said about it yet.
    pub(crate) const fn new(id: CommandId, name: &'static str, arity: i32, group: Group) -> Self {
        Command {
            id,
            name,
            arity,
            flags: Flags::NONE,
            categories: Categories::SLOW,
            keys: &[],
            group,
            since: "",
            complexity: "",
            summary: "",
            syntax: "",
            tips: &[],
            subcommands: &[],
        }
    }

    /// Sets the flags, and the categories as far as they follow from flags.
    pub(crate) const fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self.categories = if flags.has(Flags::FAST) { Categories::FAST } else { Categories::SLOW };
        if flags.has(Flags::WRITE) {
            self.categories = self.categories.and(Categories::WRITE);
        }
        if flags.has(Flags::READONLY) {
            self.categories = self.categories.and(Categories::READ);
        }
        if flags.has(Flags::ADMIN) {
            self.categories = self.categories.and(Categories::ADMIN).and(Categories::DANGEROUS);
        }
        if flags.has(Flags::BLOCKING) {
            self.categories = self.categories.and(Categories::BLOCKING);
        }
        self
    }

    /// Adds categories that flags do not tell. After `flags`.
    pub(crate) const fn categories(mut self, categories: Categories) -> Self {
        self.categories = self.categories.and(categories);
        self
    }

    /// Says where the keys are.
    pub(crate) const fn keys(mut self, keys: &'static [KeySpec]) -> Self {
        self.keys = keys;
        self
    }

    /// Says what the arguments are.
    pub(crate) const fn syntax(mut self, syntax: &'static str) -> Self {
        self.syntax = syntax;
        self
    }

    /// Says what a manual says: since when, at what cost, to what end.
    pub(crate) const fn doc(
        mut self,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
    ) -> Self {
        self.since = since;
        self.complexity = complexity;
        self.summary = summary;
        self
    }

    /// Gives cluster clients hints.
    pub(crate) const fn tips(mut self, tips: &'static [&'static str]) -> Self {
        self.tips = tips;
        self
    }

    /// Makes it a container.
    pub(crate) const fn contains(mut self, subcommands: &'static [Command]) -> Self {
        self.subcommands = subcommands;
        self
    }

    /// Whether a request of `len` arguments, names included, can be this command.
    #[inline]
    pub fn check_arity(&self, len: usize) -> bool {
        let wanted = self.arity.unsigned_abs() as usize;
        if self.arity < 0 { len >= wanted } else { len == wanted }
    }

    /// The name without the container's: `id` of `client|id`.
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit('|').next().unwrap_or(self.name)
    }

    /// The first key's place, 0 for none.
    pub fn first_key(&self) -> usize {
        self.keys.first().map_or(0, |spec| spec.first)
    }

    /// The last key's place, -1 for the last argument, 0 for none.
    pub fn last_key(&self) -> i32 {
        self.keys.last().map_or(0, |spec| spec.last)
    }

    /// From one key to the next, 0 for none.
    pub fn key_step(&self) -> usize {
        self.keys.first().map_or(0, |spec| spec.step)
    }

    /// The subcommand of that name, in any case.
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Command> {
        self.subcommands.iter().find(|sub| sub.short_name().as_bytes().eq_ignore_ascii_case(name))
    }
}
