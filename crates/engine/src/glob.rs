//! Redis-style glob patterns over keys: `*`, `?`, `[a-z]`, `[^a]`, `\x`.

/// A parsed pattern. Matching takes at most (pattern length x key length) steps, whatever the pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob(Box<[u8]>);

impl Glob {
    /// The longest pattern accepted, in bytes.
    pub const LONGEST: usize = 1024;

    /// Parses a pattern; says what is wrong with one that is too long or malformed (an unclosed `[`, a trailing `\`).
    pub fn new(pattern: &[u8]) -> Result<Glob, String> {
        let _ = pattern;
        todo!()
    }

    /// Whether the whole of `key` matches.
    pub fn matches(&self, key: &[u8]) -> bool {
        let _ = key;
        todo!()
    }

    /// The pattern as written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
