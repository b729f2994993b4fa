//! What is to be warmed, and how fast.

use clearwell_engine::Glob;

/// Keys a second that are loaded where nobody says.
pub const RATE: u32 = 500;
/// The most that can be asked for.
pub const RATE_MOST: u32 = 1_000_000;

/// What a client asks for; what is given together is all meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedWarming {
    /// These keys.
    pub keys: Vec<Box<[u8]>>,
    /// All keys of keyspaces with a source that match.
    pub pattern: Option<Glob>,
    /// The same, counted instead of listed.
    pub numbers: Option<Numbers>,
    /// All keys whose entries carry one of these.
    pub tags: Vec<Box<[u8]>>,
    /// Keys a second that are loaded at most.
    pub rate: u32,
    /// Whether what is fresh is loaded again.
    pub refresh: bool,
}

impl Default for AskedWarming {
    fn default() -> AskedWarming {
        let (keys, tags) = (Vec::new(), Vec::new());
        AskedWarming { keys, pattern: None, numbers: None, tags, rate: RATE, refresh: false }
    }
}

impl AskedWarming {
    /// Whether it names nothing.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.tags.is_empty() && self.pattern.is_none() && self.numbers.is_none()
    }
}

/// The keys that match a pattern of one `*` by a number from a first to a last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    /// What stands before the number.
    pub before: Box<[u8]>,
    /// What stands behind it.
    pub after: Box<[u8]>,
    /// The first number.
    pub from: i64,
    /// How many there are.
    pub count: u64,
}

impl Numbers {
    /// All keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = Box<[u8]>> + Send + '_ {
        let counted = (0..self.count).map_while(|at| self.from.checked_add_unsigned(at));
        counted.map(|number| [&*self.before, number.to_string().as_bytes(), &*self.after].concat().into())
    }

    /// The pattern that all of them match, as it was written.
    pub fn shown(&self) -> String {
        let (before, after) = (String::from_utf8_lossy(&self.before), String::from_utf8_lossy(&self.after));
        format!("{before}*{after}")
    }
}
