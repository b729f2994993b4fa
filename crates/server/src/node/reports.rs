//! What is told of the node: the stream of what happened, who hears of single keys, the lists of what went wrong, and the counts.

use std::sync::Arc;

use clearwell_engine::Millis;
use tokio::sync::broadcast;

use super::near::NearMisses;
use super::news::{Happened, NewsItem, NewsPosition, NewsStream};
use super::notices::{Asked, Notices};
use super::refusals::{DroppedFill, Refusals};
use super::{Node, Sources};
use crate::keyspace::{Keyspaces, ValueFigures};
use crate::metrics::{KeyspaceFigures, StageFigures, Tallies, Timed};

/// All of it.
pub(super) struct Reports {
    /// Invalidations that were applied, and what became of feeds.
    news: NewsStream,
    /// What subscribers are told of single keys.
    notices: Arc<Notices>,
    /// Fills that were dropped lately.
    refusals: Refusals,
    /// Keys that nearly matched a keyspace.
    near_misses: NearMisses,
    /// What is counted by keyspace and by source.
    tallies: Tallies,
}

impl Reports {
    pub fn new(keyspaces: &Keyspaces, sources: &Sources) -> Reports {
        let notices = Arc::new(Notices::default());
        Reports {
            news: NewsStream::new(notices.clone()),
            notices,
            refusals: Refusals::default(),
            near_misses: NearMisses::default(),
            tallies: Tallies::new(
                keyspaces.all.iter().map(|keyspace| keyspace.name.clone()),
                sources.keys().map(|name| name.as_str().into()),
            ),
        }
    }

    /// Tells what happened; its place in the stream.
    pub fn tell(&self, at: Millis, happened: Happened) -> NewsPosition {
        self.news.tell(at, happened)
    }

    /// The place of what happened last.
    pub fn position(&self) -> NewsPosition {
        self.news.last()
    }

    /// A fill was dropped.
    pub fn refuse(&self, refusal: DroppedFill, at: Millis) {
        let (key, why, client) = (refusal.key.clone(), refusal.why, (*refusal.client).into());
        if self.refusals.keep(refusal, at) {
            self.tell(at, Happened::Refused { key, why, client });
        }
    }

    /// Who hears of single keys.
    #[inline]
    pub fn notices(&self) -> &Arc<Notices> {
        &self.notices
    }

    /// Keys that nearly matched a keyspace.
    pub fn near_misses(&self) -> &NearMisses {
        &self.near_misses
    }

    /// The counts.
    #[inline]
    pub fn tallies(&self) -> &Tallies {
        &self.tallies
    }
}

/// What surfaces ask for.
impl Node {
    /// The place of what happened last.
    pub fn position(&self) -> NewsPosition {
        self.reports.position()
    }

    /// The latest `most` things that happened, the newest last.
    pub fn latest_news(&self, most: usize) -> Vec<NewsItem> {
        self.reports.news.latest(most)
    }

    /// What happened after `position` (`None`: some of it is forgotten, the listener must reset), and a listener for what
    /// follows without a gap.
    pub fn listen(
        &self,
        after: Option<NewsPosition>,
    ) -> (Option<Vec<Arc<NewsItem>>>, broadcast::Receiver<Arc<NewsItem>>) {
        self.reports.news.listen(after)
    }

    /// All who hear of single keys and of what happens: who wants to adds itself.
    pub fn notices(&self) -> &Arc<Notices> {
        &self.reports.notices
    }

    /// Something was done to a key: tells whoever asks for that.
    #[inline]
    pub fn notify(&self, class: Asked, event: &str, key: &[u8]) {
        self.reports.notices.tell(class, event, key);
    }

    /// The newest `most` fills that were dropped, newest first.
    pub fn dropped_fills(&self, most: usize) -> Vec<DroppedFill> {
        self.reports.refusals.latest(most)
    }

    /// How many dropped fills are kept.
    pub fn dropped_fills_kept(&self) -> usize {
        self.reports.refusals.kept()
    }

    /// Forgets the dropped fills.
    pub fn forget_dropped_fills(&self) {
        self.reports.refusals.reset();
    }

    /// Keys that nearly matched a keyspace: how many.
    pub fn near_misses(&self) -> &NearMisses {
        &self.reports.near_misses
    }

    /// How long commits of each source took to their effect. What counts here counts in what is asked for afterwards by keyspace.
    pub fn stage_figures(&self, now: Millis) -> Vec<(Arc<str>, StageFigures)> {
        self.reports.tallies.sources(now)
    }

    /// How long invalidations took that clients asked for.
    pub fn asked_figures(&self, now: Millis) -> Timed {
        self.reports.tallies.asked_figures(now)
    }

    /// The figures of each keyspace, with its name and those of its values. The keys of no keyspace have no values of a kind, and stand last.
    pub fn keyspace_figures(&self, now: Millis) -> Vec<(Arc<str>, ValueFigures, KeyspaceFigures)> {
        let mut rows = self.reports.tallies.keyspaces(now);
        rows.rotate_left(1);
        let mut values = self.keyspaces.all.iter().map(|keyspace| keyspace.values.figures());
        rows.into_iter().map(|(name, figures)| (name, values.next().unwrap_or_default(), figures)).collect()
    }

    /// A second has passed for the figures by keyspace.
    pub fn tick_tallies(&self) {
        self.reports.tallies.tick(self.clock.tick(), &self.engine().reads());
    }
}
