//! Feeds that fall silent, break, and are complete again: who hears of it.

use std::sync::Arc;
use std::time::Instant;

use clearwell_engine::Millis;
use clearwell_source::{Source, Turned};

use super::news::Happened;
use super::{FeedReport, Node};

impl Node {
    /// A source, by its name in the configuration.
    pub fn source(&self, name: &str) -> Option<&Arc<dyn Source>> {
        self.feeds.source(name)
    }

    /// The feeds of all sources.
    pub fn feeds(&self) -> Vec<FeedReport> {
        self.listen_for_silence();
        self.feeds.reports(self.clock.tick(), &self.keyspaces)
    }

    /// Takes every feed that has been silent for too long for unverified, and one that was heard again for verified. The keeper calls
    /// this when the next silence would be too long ([`Node::silence_due`]). Answers the time at which the look at the feeds began.
    pub(super) fn listen_for_silence(&self) -> Millis {
        let now = self.clock.tick();
        self.feeds.listen(now, |source, turned| self.turned(source, turned));
        now
    }

    /// When the silence of a feed is to be listened to next, if it is not heard of until then.
    pub(super) fn silence_due(&self, now: Millis) -> Millis {
        self.feeds.silence_due(now)
    }

    /// To be called at `real`, the time just now, before requests that arrived are answered: it moves the clock. When the
    /// keeper did not listen for long, the process was stopped or starved, and would answer as if it had not been. The clock
    /// alone does not tell, for whoever comes first moves it. Answers the time.
    #[inline]
    pub fn wake(&self, real: Instant) -> Millis {
        const LATE_MS: u64 = 100;
        if self.is_in_cluster() {
            // Leases run on while the machine sleeps.
            self.clock.note_sleep();
        }
        let now = self.clock.advance(real);
        if now.since(self.feeds.listened()) > LATE_MS {
            self.listen_for_silence();
        }
        now
    }

    pub(super) fn broken(&self, source: &str, why: &str) {
        if let Some(feed) = self.feeds.verification(source)
            && let Some(turned) = feed.broken(why, self.clock.tick())
        {
            self.turned(source, turned);
        }
    }

    pub(super) fn whole(&self, source: &str) {
        if let Some(feed) = self.feeds.verification(source)
            && let Some(turned) = feed.whole(self.clock.tick())
        {
            self.turned(source, turned);
        }
    }

    /// Everything was invalidated because commits may have been missed.
    pub(super) fn gap(&self, source: &str, why: &str) {
        let feed = self.feeds.verification(source);
        if feed.is_some_and(|feed| feed.lost()) {
            let happened = Happened::Gap { source: source.into(), why: why.into() };
            self.reports.tell(self.clock.tick(), happened);
        }
    }

    fn turned(&self, source: &str, turned: Turned) {
        let happened = match turned {
            Turned::Unverified(why) => {
                tracing::warn!(source, why = &*why, "unverified: its keyspaces are read by their policy");
                Happened::Unverified { source: source.into(), why }
            }
            Turned::Verified(after_ms) => {
                tracing::info!(source, after_ms, "verified again");
                Happened::Verified { source: source.into(), after_ms }
            }
        };
        self.reports.tell(self.clock.tick(), happened);
    }
}
