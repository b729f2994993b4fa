//! Whether a source's feed is complete just now: the one place that knows; readers and surfaces ask it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clearwell_words::{Millis, Version};
use parking_lot::Mutex;
use tokio::sync::watch;

/// What is known of one source's feed. It is unverified while the feed itself says so, and while nothing was heard of it
/// for too long. Times are the caller's.
#[derive(Debug, Default)]
pub struct Verification {
    /// Read by every reader, so that it stands apart from what is behind the lock.
    unverified: AtomicBool,
    version: AtomicU64,
    /// The source did not answer when it was asked last; and when it may be asked again, of the clock's milliseconds.
    away: AtomicBool,
    ask_again: AtomicU64,
    /// How often something was altered that no row event tells.
    alterations: AtomicU64,
    /// Whether a commit is in the midst of being applied.
    applying: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Why the feed says that it is not complete.
    problem: Option<Arc<str>>,
    /// Why the silence says so, and as of when.
    silence: Option<(Arc<str>, Millis)>,
    since: Millis,
    /// The gap that is open now was counted.
    in_gap: bool,
    gaps: u64,
    times: u64,
    /// Of the times that are over.
    unverified_ms: u64,
}

/// A change that is worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turned {
    /// It became unverified, because of this.
    Unverified(Arc<str>),
    /// It is verified again, after so many milliseconds.
    Verified(u64),
}

/// Why and since when a source is unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The reason, in a sentence.
    pub why: Arc<str>,
    /// Since when.
    pub since: Millis,
}

/// Figures of one source's feed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Why it is not complete; `None` while it is.
    pub doubt: Option<Doubt>,
    /// How often it became unverified.
    pub times: u64,
    /// How often commits may have been missed, so that everything was invalidated.
    pub gaps: u64,
    /// For how long it was unverified, in all.
    pub unverified_ms: u64,
    /// The version of the last commit that it told of.
    pub version: Version,
}

impl Verification {
    /// Whether the feed is complete.
    #[inline]
    pub fn is_verified(&self) -> bool {
        !self.unverified.load(Ordering::Acquire)
    }

    /// Why it is not.
    pub fn doubt(&self) -> Option<Doubt> {
        let state = self.state.lock();
        state.why().map(|why| Doubt { why, since: state.since })
    }

    /// The feed says that it is not complete.
    pub fn broken(&self, why: &str, now: Millis) -> Option<Turned> {
        self.change(now, |state| state.problem = Some(why.into()))
    }

    /// The feed says that it is complete.
    pub fn whole(&self, now: Millis) -> Option<Turned> {
        self.change(now, |state| {
            state.problem = None;
            state.in_gap = false;
        })
    }

    /// It was last known to be complete `behind_ms` ago, as was asked at `now` or later; that may be `most_ms`.
    pub fn heard(&self, behind_ms: u64, most_ms: u64, now: Millis) -> Option<Turned> {
        let is_silent = behind_ms > most_ms;
        // The flag says in most cases that there is nothing to do, without the lock.
        if !is_silent && self.is_verified() {
            return None;
        }
        self.change(now, |state| match (is_silent, &mut state.silence) {
            (true, None) => {
                let why = format!("nothing is known of its last {behind_ms} ms");
                state.silence = Some((why.into(), now));
            }
            (true, Some((_, as_of))) => *as_of = now.max(*as_of),
            // Whoever was stopped between asking and telling knows nothing of a silence that was met since.
            (false, Some((_, as_of))) if now <= *as_of => {}
            (false, _) => state.silence = None,
        })
    }

    /// Commits may have been missed, and everything is invalidated. Answers whether this is a gap that was not counted: the
    /// same one is told at its beginning and again at its end.
    pub fn lost(&self) -> bool {
        let mut state = self.state.lock();
        let is_new = !state.in_gap;
        state.gaps += u64::from(is_new);
        state.in_gap = state.problem.is_some();
        is_new
    }

    /// Applies a commit that covers several names. Until it is over nobody is answered with what was loaded: who sees one
    /// effect of a transaction here does not meet what another of its effects makes old.
    pub fn apply<T>(&self, apply: impl FnOnce() -> T) -> T {
        /// Whatever happens in between, loads go on.
        struct LoadsGoOn<'a>(&'a watch::Sender<bool>);
        impl Drop for LoadsGoOn<'_> {
            fn drop(&mut self) {
                self.0.send_replace(false);
            }
        }
        self.applying.send_replace(true);
        let _over = LoadsGoOn(&self.applying);
        apply()
    }

    /// Answers when no commit is in the midst of being applied.
    pub async fn applied(&self) {
        if *self.applying.borrow() {
            let mut applying = self.applying.subscribe();
            // The sender lives as long as this does.
            let _over = applying.wait_for(|applying| !applying).await;
        }
    }

    /// Something changed that no row event tells.
    pub fn altered(&self) {
        self.alterations.fetch_add(1, Ordering::AcqRel);
    }

    /// How often that was so. What a write read back is kept only when it is the same at the write's commit as before it began.
    pub fn alterations(&self) -> u64 {
        self.alterations.load(Ordering::Acquire)
    }

    /// Whether the source did not answer when it was asked last.
    #[inline]
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Acquire)
    }

    /// The source was asked, and did not answer, or did.
    pub fn asked(&self, answered: bool) {
        if self.is_away() == answered {
            self.away.store(!answered, Ordering::Release);
        }
    }

    /// Whether it is time to ask a source that is away. Who is answered yes asks, and says [`Verification::probed`].
    pub fn is_to_be_probed(&self, now: Millis) -> bool {
        let due = self.ask_again.load(Ordering::Acquire);
        due <= now.0
            && self.ask_again.compare_exchange(due, u64::MAX, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The source that was away was asked.
    pub fn probed(&self, now: Millis) {
        const PAUSE_MS: u64 = 100;
        self.ask_again.store(now.plus(PAUSE_MS).0, Ordering::Release);
    }

    /// A commit was told.
    pub fn told(&self, version: Version) {
        self.version.fetch_max(version.0, Ordering::Relaxed);
    }

    /// The figures.
    pub fn figures(&self, now: Millis) -> Verified {
        let state = self.state.lock();
        let doubt = state.why().map(|why| Doubt { why, since: state.since });
        let open_ms = doubt.as_ref().map_or(0, |doubt| now.since(doubt.since));
        Verified {
            doubt,
            times: state.times,
            gaps: state.gaps,
            unverified_ms: state.unverified_ms.saturating_add(open_ms),
            version: Version(self.version.load(Ordering::Relaxed)),
        }
    }

    fn change(&self, now: Millis, change: impl FnOnce(&mut State)) -> Option<Turned> {
        let mut state = self.state.lock();
        let before = state.why();
        change(&mut state);
        match (before, state.why()) {
            (None, Some(why)) => {
                state.since = now;
                state.times += 1;
                self.unverified.store(true, Ordering::Release);
                Some(Turned::Unverified(why))
            }
            (Some(_), None) => {
                let ms = now.since(state.since);
                state.unverified_ms = state.unverified_ms.saturating_add(ms);
                self.unverified.store(false, Ordering::Release);
                Some(Turned::Verified(ms))
            }
            _ => None,
        }
    }
}

impl State {
    /// What the feed says explains its silence.
    fn why(&self) -> Option<Arc<str>> {
        self.problem.clone().or_else(|| self.silence.as_ref().map(|(why, _)| why.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_unverified_until_feed_and_silence_agree_that_it_is_not() {
        let feed = Verification::default();
        assert!(feed.is_verified());
        assert_eq!(
            feed.heard(300, 200, Millis(10)).map(|turned| matches!(turned, Turned::Unverified(_))),
            Some(true)
        );
        assert_eq!(feed.broken("the slot is gone", Millis(20)), None);
        assert_eq!(feed.doubt(), Some(Doubt { why: "the slot is gone".into(), since: Millis(10) }));
        assert_eq!(feed.heard(5, 200, Millis(30)), None);
        assert!(!feed.is_verified());
        assert_eq!(feed.whole(Millis(40)), Some(Turned::Verified(30)));
        assert!(feed.is_verified());
        let figures = feed.figures(Millis(99));
        assert_eq!((figures.doubt, figures.times, figures.unverified_ms), (None, 1, 30));
    }

    #[test]
    fn what_was_known_before_a_silence_does_not_end_it() {
        let feed = Verification::default();
        assert!(feed.heard(300, 200, Millis(10)).is_some());
        assert_eq!(feed.heard(300, 200, Millis(20)), None);
        assert_eq!(feed.heard(5, 200, Millis(9)), None, "asked before, told now");
        assert_eq!(feed.heard(5, 200, Millis(20)), None);
        assert!(!feed.is_verified());
        assert_eq!(feed.heard(5, 200, Millis(21)), Some(Turned::Verified(11)));
    }

    #[test]
    fn a_gap_is_counted_once_though_it_is_told_twice() {
        let feed = Verification::default();
        assert!(feed.lost(), "a gap that is over at once");
        feed.broken("the slot is gone", Millis(1));
        assert!(feed.lost());
        assert!(!feed.lost(), "the same, at the new beginning");
        feed.whole(Millis(2));
        assert!(feed.lost());
        feed.told(Version(7));
        feed.told(Version(3));
        let figures = feed.figures(Millis(3));
        assert_eq!((figures.gaps, figures.version), (3, Version(7)));
    }
}
