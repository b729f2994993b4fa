//! Writes between their COMMIT and their place in the commit order.

use std::collections::HashMap;

use clearwell_words::Version;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::Receipt;

/// The prefix of the messages that this program puts into the log.
pub const PREFIX: &str = "clearwell";

/// What is called in a commit's place of the order.
pub type Committed = Box<dyn FnOnce(&Receipt) + Send>;

/// This source's writes that the feed has not told of yet. Each puts a message with its number into its transaction:
/// that is how the feed knows it again, whatever it changed, and even when it changed nothing.
pub struct UntoldWrites {
    /// Tells this process's numbers from others'.
    run: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    waiting: HashMap<u64, WaitingWrite>,
}

struct WaitingWrite {
    receipt: Receipt,
    committed: Committed,
    told: oneshot::Sender<Receipt>,
    /// Whether the server has answered the COMMIT.
    answered: bool,
}

impl UntoldWrites {
    /// None yet; `run` is a number that no other process has.
    pub fn new(run: u64) -> UntoldWrites {
        UntoldWrites { run, state: Mutex::default() }
    }

    /// A number for a write and the message that carries it.
    pub fn number(&self) -> (u64, String) {
        let mut state = self.state.lock();
        state.last += 1;
        (state.last, format!("write {:x} {}", self.run, state.last))
    }

    /// The number in a message; `None` when it is not of a write of this process.
    pub fn number_in(&self, message: &[u8]) -> Option<u64> {
        let text = std::str::from_utf8(message).ok()?.strip_prefix("write ")?;
        let (run, number) = text.split_once(' ')?;
        (u64::from_str_radix(run, 16).ok()? == self.run).then(|| number.parse().ok())?
    }

    /// Before the COMMIT is sent: from now on the feed may meet it. Answers what the feed will answer.
    pub fn expect(&self, number: u64, receipt: Receipt, committed: Committed) -> oneshot::Receiver<Receipt> {
        let (told, answer) = oneshot::channel();
        let waiting = WaitingWrite { receipt, committed, told, answered: false };
        self.state.lock().waiting.insert(number, waiting);
        answer
    }

    /// The server has answered the COMMIT.
    pub fn answered(&self, number: u64) {
        if let Some(waiting) = self.state.lock().waiting.get_mut(&number) {
            waiting.answered = true;
        }
    }

    /// The server has refused the COMMIT, or nobody waits any more.
    pub fn forget(&self, number: u64) {
        self.state.lock().waiting.remove(&number);
    }

    /// The feed is at this write's place: called right after the follower was told of its commit.
    pub fn tell(&self, number: u64, version: Version) {
        let waiting = self.state.lock().waiting.remove(&number);
        if let Some(waiting) = waiting {
            waiting.tell(version);
        }
    }

    /// The feed had a gap: writes in it have no place in the order. Their values are not kept, their keys fall.
    pub fn tell_lost(&self, version: Version) {
        let mut state = self.state.lock();
        let (lost, left) = std::mem::take(&mut state.waiting).into_iter().partition(|(_, w)| w.answered);
        state.waiting = left;
        drop(state);
        let lost: HashMap<u64, WaitingWrite> = lost;
        for mut waiting in lost.into_values() {
            waiting.receipt.row = None;
            waiting.tell(version);
        }
    }
}

impl WaitingWrite {
    fn tell(mut self, version: Version) {
        self.receipt.version = version;
        (self.committed)(&self.receipt);
        // Who wrote may have gone away; the write stands.
        let _ = self.told.send(self.receipt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_write_is_known_by_its_message_and_told_once() {
        let pending = UntoldWrites::new(7);
        let (number, message) = pending.number();
        assert_eq!(pending.number_in(message.as_bytes()), Some(number));
        assert_eq!(UntoldWrites::new(8).number_in(message.as_bytes()), None);
        assert_eq!(pending.number_in(b"write 7"), None);
        let seen = Arc::new(AtomicU64::new(0));
        let count = seen.clone();
        let called = Box::new(move |receipt: &Receipt| count.store(receipt.version.0, Ordering::Relaxed));
        let mut answer = pending.expect(number, Receipt { rows: 3, ..Receipt::default() }, called);
        pending.tell(number, Version(5));
        pending.tell(number, Version(6));
        assert_eq!(seen.load(Ordering::Relaxed), 5);
        assert_eq!(answer.try_recv().map(|receipt| receipt.rows), Ok(3));
    }

    #[test]
    fn after_a_gap_only_what_was_committed_is_told() {
        let pending = UntoldWrites::new(7);
        let none = || Box::new(|_: &Receipt| ()) as Committed;
        let row = Some(crate::Row::default());
        let mut committed = pending.expect(1, Receipt { row, ..Receipt::default() }, none());
        let mut open = pending.expect(2, Receipt::default(), none());
        pending.answered(1);
        pending.tell_lost(Version(9));
        assert_eq!(committed.try_recv(), Ok(Receipt { version: Version(9), rows: 0, row: None }));
        assert!(open.try_recv().is_err());
        pending.tell(2, Version(10));
        assert_eq!(open.try_recv().map(|receipt| receipt.version), Ok(Version(10)));
    }
}
