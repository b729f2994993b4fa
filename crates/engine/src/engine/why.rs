//! Why a key is here, stale, or gone.

use crate::history::{HistoryEvent, HistoryLine, Through, UNKNOWN, stale_names};
use crate::ledger::Noted;
use crate::names::{Mark, NameKind};
use crate::raises::Raised;
use crate::shard::{Incoming, Shard};
use crate::slot::EntryPlace;
use crate::story::{By, Story, steps};
use crate::{Effect, Engine, Millis, Scope, Seq};

impl Engine {
    /// What became of a key, as far as it is remembered ([`Config::history_memory`](crate::Config)).
    pub fn why(&self, key: &[u8], now: Millis) -> Story {
        let (hash, cell) = self.cell(key);
        let shard = cell.lock.read();
        let mut lines: Vec<(HistoryLine, bool)> = shard.history.of(hash).map(|line| (*line, true)).collect();
        let slot = shard.find(hash, key).map(|place| &shard.slab[place]);
        let mut vague = false;
        if let Some(slot) = slot {
            let (own, unsure) = self.standing_lines(slot, &lines, now);
            lines.extend(own);
            vague = unsure;
        }
        let standing = slot.map(|slot| self.shared.standing(slot, now));
        let forgotten = shard.history.forgotten();
        drop(shard);
        let steps = steps(&lines, |line| self.by(line));
        // Where a time is forgotten, so may be what happened beside it.
        vague |= steps.iter().any(|step| step.at.is_none());
        let forgotten = if vague { Some(now) } else { forgotten };
        Story { standing, steps, forgotten }
    }

    /// Tells where in the caller's stream of what happened an invalidation stands; for the history.
    pub fn placed(&self, seq: Seq, position: u64) {
        self.shared.ledger.place(seq, position);
    }

    /// What the lines of an entry that stands would say, and whether something is not sure.
    fn standing_lines(
        &self,
        slot: &EntryPlace,
        lines: &[(HistoryLine, bool)],
        now: Millis,
    ) -> (Vec<(HistoryLine, bool)>, bool) {
        let (record, ended) = HistoryLine::standing(slot, now, &self.shared);
        // A fill may have begun before its forerunner was marked stale by a name that it does not have.
        let is_told = |(line, _): &(HistoryLine, bool)| {
            line.what == HistoryEvent::Staled && line.by > slot.began && line.at >= slot.created
        };
        let stale = match slot.stale {
            // One that had ended before may be marked as well: nobody has seen that.
            true => (!ended).then(|| HistoryLine::stale_unknown(slot, now)),
            false => stale_names(slot, now, &self.shared),
        };
        let stale = stale.filter(|_| !lines.iter().any(is_told));
        let unsure = ended && stale.is_some_and(|line| line.at == UNKNOWN || record.at == UNKNOWN);
        let told = stale.filter(|line| !ended || line.at < record.at && record.at != UNKNOWN);
        (told.map(|line| (line, true)).into_iter().chain([(record, ended)]).collect(), unsure)
    }

    fn by(&self, line: &HistoryLine) -> By {
        match self.shared.ledger.get(line.by) {
            Some(noted) => By::Invalidation(noted, line.through),
            // A client's removal of this key alone is none.
            None if line.what == HistoryEvent::Removed && line.by == Seq(0) => By::Nothing,
            None => By::Forgotten(line.through),
        }
    }

    /// Writes down that a fill was refused, and by what, as far as that is certain: the memory of forgotten marks answers
    /// for others than the key.
    pub(super) fn note_refused(&self, shard: &mut Shard, incoming: &Incoming, began: Seq, now: Millis) {
        let own = self.key_last(shard, incoming.hash, incoming.key(), began).newest();
        let named = || incoming.held().iter().find(|mark| mark.last().newest() > began);
        let (by, through) = if own > began {
            (self.noted(own, |noted| covers_key(noted, incoming.key())), Through::Key)
        } else if let Some(mark) = named() {
            (self.raised_by(mark, began), Through::of(mark.kind()))
        } else {
            (None, Through::Key)
        };
        shard.history.refused(incoming.hash, by.unwrap_or_default(), through, now);
    }

    /// The same of a plain SET, which something at `invalidated` made doubtful.
    pub(super) fn note_offer_refused(&self, shard: &mut Shard, incoming: &Incoming, at: Seq, now: Millis) {
        let key = incoming.key();
        let named = |noted: &Noted| incoming.held().iter().any(|mark| names(noted, mark));
        let by = self.noted(at, |noted| covers_key(noted, key) || named(noted));
        shard.history.refused(incoming.hash, by.unwrap_or_default(), Through::Key, now);
    }

    fn raised_by(&self, mark: &Mark, began: Seq) -> Option<Seq> {
        let raised = |effect| match self.shared.names.first_raise(mark, began, effect) {
            Raised::By(seq) => Some(seq),
            Raised::Never | Raised::Forgotten => None,
        };
        let last = mark.last().newest();
        raised(Effect::Gone)
            .or_else(|| raised(Effect::Stale))
            .or_else(|| self.noted(last, |noted| names(noted, mark)))
    }

    fn noted(&self, seq: Seq, is_it: impl Fn(&Noted) -> bool) -> Option<Seq> {
        self.shared.ledger.get(seq).filter(is_it).map(|noted| noted.seq)
    }
}

fn covers_key(noted: &Noted, key: &[u8]) -> bool {
    match &*noted.scope {
        Scope::Key(name) => **name == *key,
        Scope::Pattern(glob) => glob.matches(key),
        Scope::Prefix(prefix) => key.starts_with(prefix),
        Scope::Everything => true,
        Scope::Tag(_) | Scope::Dependents(_) | Scope::Event(_) => false,
    }
}

/// Whether the scope is the name itself.
fn names(noted: &Noted, mark: &Mark) -> bool {
    match (&*noted.scope, mark.kind()) {
        (Scope::Tag(name), NameKind::Tag | NameKind::Dependency) => **name == *mark.name(),
        (Scope::Key(name) | Scope::Dependents(name), NameKind::Dependency) => **name == *mark.name(),
        _ => false,
    }
}
