//! What a write of a plain key waits for.

use std::fmt;

use crate::shown;

/// How many must have a value before its write is acknowledged, where no source has it (docs/design.md, 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ack {
    /// `owner`: its owner alone; replicas follow (asynchronous replication). The loss of that owner may undo what was acknowledged last.
    Owner,
    /// `replicas`: its replicas too (synchronous replication). The loss of one node undoes nothing.
    Replicas,
}

impl Ack {
    /// Both.
    pub const ALL: [Ack; 2] = [Ack::Owner, Ack::Replicas];

    /// Parses the word, in any case.
    ///
    /// # Errors
    /// Names the word and what is expected.
    pub fn parse(word: &[u8]) -> Result<Ack, String> {
        let is_it = |ack: &Ack| word.eq_ignore_ascii_case(ack.name().as_bytes());
        Ack::ALL.into_iter().find(is_it).ok_or_else(|| {
            let (word, expected) = (shown(word), Ack::ALL.map(Ack::name).join(", "));
            format!("unknown acknowledgement '{word}'; expected one of {expected}")
        })
    }

    /// The name, as configuration writes it.
    pub fn name(self) -> &'static str {
        match self {
            Ack::Owner => "owner",
            Ack::Replicas => "replicas",
        }
    }
}

impl fmt::Display for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_are_read_as_they_are_written() {
        for ack in Ack::ALL {
            assert_eq!(Ack::parse(ack.to_string().to_uppercase().as_bytes()), Ok(ack));
        }
        let error = Ack::parse(b"quorum").unwrap_err();
        assert_eq!(error, "unknown acknowledgement 'quorum'; expected one of owner, replicas");
    }
}
