//! The commands that took long.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use clearwell_protocol::Args;
use parking_lot::Mutex;

/// Arguments kept of one request.
const MOST_ARGS: usize = 32;
/// Bytes kept of one argument.
const MOST_BYTES: usize = 128;

/// One slow command.
#[derive(Debug, Clone)]
pub struct Slow {
    /// Its number, counted since the start.
    pub id: u64,
    /// When, in seconds since 1970.
    pub at_unix: i64,
    /// How long, in microseconds.
    pub micros: u64,
    /// What, shortened.
    pub args: Vec<Vec<u8>>,
    /// Whose: `ip:port`.
    pub peer: String,
    /// The connection's name.
    pub name: String,
}

/// The newest slow commands, newest first.
#[derive(Default)]
pub struct Slowlog {
    next: AtomicU64,
    kept: Mutex<VecDeque<Slow>>,
}

impl Slowlog {
    /// Keeps one, of at most `most`.
    pub fn note(&self, slow: Slow, most: usize) {
        let mut kept = self.kept.lock();
        kept.push_front(Slow { id: self.next.fetch_add(1, Relaxed), ..slow });
        kept.truncate(most);
    }

    /// The newest `most`.
    pub fn latest(&self, most: usize) -> Vec<Slow> {
        self.kept.lock().iter().take(most).cloned().collect()
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.kept.lock().len()
    }

    /// Forgets them.
    pub fn reset(&self) {
        self.kept.lock().clear();
    }
}

/// A request as the log keeps it.
pub fn shortened(args: Args<'_>) -> Vec<Vec<u8>> {
    let shown = if args.len() > MOST_ARGS { MOST_ARGS - 1 } else { args.len() };
    let mut short: Vec<Vec<u8>> = args.take(shown).iter().map(shortened_arg).collect();
    if args.len() > shown {
        short.push(format!("... ({} more arguments)", args.len() - shown).into_bytes());
    }
    short
}

fn shortened_arg(arg: &[u8]) -> Vec<u8> {
    match arg.get(..MOST_BYTES) {
        Some(head) if arg.len() > MOST_BYTES => {
            let mut short = head.to_vec();
            short.extend_from_slice(format!("... ({} more bytes)", arg.len() - MOST_BYTES).as_bytes());
            short
        }
        _ => arg.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use clearwell_protocol::OwnedArgs;

    use super::*;

    #[test]
    fn long_requests_are_shortened_as_redis_does() {
        let args: OwnedArgs = (0..40).map(|n| n.to_string()).collect();
        let short = shortened(args.as_args());
        assert_eq!(short.len(), MOST_ARGS);
        assert_eq!(short[31], b"... (9 more arguments)");
        let args: OwnedArgs = [vec![b'x'; 200]].into_iter().collect();
        assert!(shortened(args.as_args())[0].ends_with(b"x... (72 more bytes)"));
    }
}
