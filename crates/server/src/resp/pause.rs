//! CLIENT PAUSE: commands wait for a time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use clearwell_engine::Millis;
use clearwell_protocol::{Command, CommandId, Flags};
use tokio::sync::Notify;

/// Whether, until when and for which commands.
#[derive(Default)]
pub struct Pause {
    /// Milliseconds on the node's clock; 0 is no pause.
    until: AtomicU64,
    /// Until when reads wait too.
    all_until: AtomicU64,
    ended: Notify,
}

impl Pause {
    /// Begins a pause, or lengthens the one there is.
    pub fn begin(&self, until: Millis, writes_only: bool) {
        self.until.fetch_max(until.0, Relaxed);
        if !writes_only {
            self.all_until.fetch_max(until.0, Relaxed);
        }
    }

    /// Ends it.
    pub fn end(&self) {
        self.until.store(0, Relaxed);
        self.all_until.store(0, Relaxed);
        self.ended.notify_waiters();
    }

    /// Whether any command may have to wait; cheap.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.until.load(Relaxed) != 0
    }

    /// Whether `command` has to wait now. What ends a pause never does.
    pub fn holds(&self, command: &Command, in_transaction: bool, now: Millis) -> bool {
        let until = self.until.load(Relaxed);
        if now.0 >= until {
            // Over: nobody has to ask again, unless a new pause began just now.
            let _lost = self.until.compare_exchange(until, 0, Relaxed, Relaxed);
            return false;
        }
        let for_all = now.0 < self.all_until.load(Relaxed);
        let connection = matches!(
            command.id,
            CommandId::ClientUnpause | CommandId::ClientPause | CommandId::Quit | CommandId::Reset
        );
        let writes = command.flags.has(Flags::WRITE) || (command.id == CommandId::Exec && in_transaction);
        !connection && (for_all || writes)
    }

    /// Waits until the pause has ended, or some of its time has passed: ask again.
    pub async fn wait(&self, now: Millis) {
        let left = self.until.load(Relaxed).saturating_sub(now.0).clamp(1, 100);
        let _timed_out = tokio::time::timeout(Duration::from_millis(left), self.ended.notified()).await;
    }
}

#[cfg(test)]
mod tests {
    use clearwell_protocol::lookup;

    use super::*;

    fn holds(pause: &Pause, name: &str, now: u64) -> bool {
        pause.holds(lookup(name.as_bytes()).expect("a command"), false, Millis(now))
    }

    #[test]
    fn a_pause_of_writes_lets_reads_go_on_and_ends_by_itself() {
        let pause = Pause::default();
        assert!(!pause.is_on());
        pause.begin(Millis(100), true);
        assert!(pause.is_on() && holds(&pause, "set", 99) && !holds(&pause, "get", 99));
        assert!(!holds(&pause, "set", 100) && !pause.is_on());
    }

    #[test]
    fn a_shorter_pause_does_not_end_a_longer_one() {
        let pause = Pause::default();
        pause.begin(Millis(100), false);
        pause.begin(Millis(50), true);
        assert!(holds(&pause, "get", 99) && !holds(&pause, "quit", 99));
        pause.end();
        assert!(!pause.is_on() && !holds(&pause, "get", 99));
    }
}
