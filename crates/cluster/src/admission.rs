//! The one rule between nodes: whether a value that arrived may be kept as a copy.

use clearwell_words::Millis;

use crate::entry::{AsOf, Entry};
use crate::holder::{Followed, Holder, Interest};
use crate::name::Name;
use crate::outbox::{Apply, Outbox};
use crate::view::View;
use crate::waiting::Lack;
use crate::{Config, Job, Peer, Position};

/// A value that waits until it is known whether it may be kept.
#[derive(Debug)]
pub struct Admission {
    /// The value.
    pub entry: Entry,
    /// As of when it was current.
    pub as_of: AsOf,
    /// What is to happen with it.
    pub wish: Wish,
    /// Since when it waits.
    pub born: Millis,
    /// How often names' owners were asked.
    pub tries: u8,
}

/// What brought a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// This owner loaded it.
    Own(Job),
    /// Its owner sent it to a holder that asked.
    Copy,
    /// Its owner sent it to a replica.
    Replica,
}

/// What this process orders itself.
pub trait Own {
    /// The place of the last record that made the name old, or of the beginning of its ownership, which knows of none before,
    /// when this process owns it at this moment.
    fn last(&self, name: &Name) -> Option<Position>;

    /// Whether a write of the key that the name is about is under way: the source may have it already.
    fn is_open(&self, name: &Name) -> bool;

    /// Whether this process, which follows the key's slot, was given another entry of the key since. The owner may have given the same
    /// value again under the source's version: that entry makes no copy old, and the older entry, under a version of the cache's own,
    /// must not replace it.
    fn is_replaced(&self, entry: &Entry) -> bool;
}

/// A near cache owns nothing.
pub struct OwnsNothing;

impl Own for OwnsNothing {
    fn last(&self, _: &Name) -> Option<Position> {
        None
    }

    fn is_open(&self, _: &Name) -> bool {
        false
    }

    fn is_replaced(&self, _: &Entry) -> bool {
        false
    }
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Keep,
    Refuse,
    Ask(Peer, (Peer, Position)),
    Wait,
}

impl Holder {
    /// Decides all waiting values that can be decided. Returns what was kept, with what brought it.
    pub fn decide(
        &mut self,
        now: Millis,
        config: &Config,
        view: &View,
        own: &dyn Own,
        out: &mut Outbox,
    ) -> Vec<(Entry, AsOf, Wish, bool)> {
        const TRIES: u8 = 3;
        let mut decided = Vec::new();
        self.admissions.wake_due(now);
        for (id, mut admission) in self.admissions.take_woken() {
            let late = admission.born.plus(config.request_ms + 1);
            if now >= late {
                continue;
            }
            let key = Name::Key(admission.entry.key.clone());
            let names: Vec<Name> = admission.entry.names().collect();
            let replaced = !matches!(admission.wish, Wish::Own(_)) && own.is_replaced(&admission.entry);
            let mut verdict = if replaced { Verdict::Refuse } else { Verdict::Keep };
            let (mut asks, mut missing) = (Vec::new(), Vec::new());
            let of_key = match admission.wish {
                Wish::Replica => self.judge_followed(view, own, &key, &admission.as_of),
                Wish::Own(_) | Wish::Copy => None,
            };
            let of_key = of_key.unwrap_or_else(|| self.judge(config, view, own, &key, &admission.as_of));
            let judged =
                names.iter().map(|name| (name, self.judge(config, view, own, name, &admission.as_of)));
            for (name, judged) in std::iter::once((&key, of_key)).chain(judged) {
                match judged {
                    Verdict::Keep => {}
                    Verdict::Refuse => verdict = Verdict::Refuse,
                    Verdict::Wait => missing.push(Lack::name(name.bytes())),
                    Verdict::Ask(owner, as_of) => {
                        missing.push(Lack::name(name.bytes()));
                        asks.push((owner, name.clone(), as_of));
                    }
                }
            }
            if verdict == Verdict::Keep && !missing.is_empty() {
                verdict = Verdict::Wait;
            }
            if !asks.is_empty() {
                admission.tries += 1;
                if admission.tries > TRIES {
                    verdict = Verdict::Refuse;
                }
            }
            for (owner, name, as_of) in asks {
                self.want(now, owner, name, as_of);
            }
            match verdict {
                Verdict::Keep => {
                    for name in admission.entry.names() {
                        self.keep_interest(now, config, view, own, name);
                    }
                    let job = if let Wish::Own(job) = admission.wish { Some(job) } else { None };
                    let entry = admission.entry.clone();
                    out.apply.push(match admission.wish {
                        Wish::Replica => Apply::Put(entry),
                        _ => Apply::Fill { job, entry },
                    });
                    decided.push((admission.entry, admission.as_of, admission.wish, true));
                }
                Verdict::Refuse => decided.push((admission.entry, admission.as_of, admission.wish, false)),
                Verdict::Wait | Verdict::Ask(..) => {
                    // It is found by its key, too: its owner may say something of it meanwhile.
                    missing.extend([Lack::Time(late), Lack::name(&admission.entry.key)]);
                    self.admissions.put_back(id, admission, missing);
                }
            }
        }
        decided
    }

    /// Whether nothing made a name of another owner old since a value was read. When that is not known, the owner is asked,
    /// for the next time.
    pub fn is_unchanged(
        &mut self,
        now: Millis,
        config: &Config,
        view: &View,
        name: &Name,
        as_of: &AsOf,
    ) -> bool {
        match self.judge(config, view, &OwnsNothing, name, as_of) {
            Verdict::Keep => true,
            Verdict::Refuse | Verdict::Wait => false,
            // What is asked about already, or known since later than the value, is left as it is: copies stand under it.
            Verdict::Ask(..) if self.names.contains(name) => false,
            Verdict::Ask(owner, as_of) => {
                self.want(now, owner, name.clone(), as_of);
                false
            }
        }
    }

    /// A name that this process orders itself, or hears of because it follows the slot, is remembered all the same: when
    /// that changes, the copies under it must be asked about.
    fn keep_interest(&mut self, now: Millis, config: &Config, view: &View, own: &dyn Own, name: Name) {
        if self.names.get(&name).is_some_and(|interest| interest.doubted) {
            // Older copies lie here under it, for which the owner has not answered.
            return;
        }
        let slot = name.slot(view.slots);
        let owner = view.owner(slot);
        let since = match owner == config.me {
            true => own.last(&name),
            false => {
                self.follows_records(slot, owner).and_then(|followed| self.last_followed(followed, &name))
            }
        };
        if let Some(since) = since {
            let told = self.names.get(&name).filter(|told| told.owner == owner && told.since.is_some());
            let ticket = told.map_or_else(|| self.ticket(), |told| told.ticket);
            let (since, last, as_of, asked) = (Some(since), Position(0), (owner, since), now);
            self.names.put(name, Interest { owner, ticket, since, last, as_of, asked, doubted: false });
        }
    }

    /// The place of the last record that made a name of a followed slot old, or may have.
    fn last_followed(&self, followed: &Followed, name: &Name) -> Option<Position> {
        let marks = self.marks.get(&followed.owner)?;
        // What came before the slot was handed over is not known, and may stand in a former owner's log.
        Some(marks.last(name).max(followed.floor).max(followed.base))
    }

    /// Where a view has made somebody else the owner of a slot, whoever was it still acts until it has stopped, and acknowledges what its heirs confirm:
    /// the key of what it sends is judged by its own log. `None`: the present owner sent it, or somebody who is not followed there.
    fn judge_followed(&self, view: &View, own: &dyn Own, key: &Name, as_of: &AsOf) -> Option<Verdict> {
        let slot = key.slot(view.slots);
        let followed = self.follows.get(slot).filter(|followed| followed.owner != view.owner(slot))?;
        let (_, as_of) = as_of.iter().find(|(peer, _)| *peer == followed.owner)?;
        let last = self.last_followed(followed, key)?;
        Some(if own.is_open(key) || last > *as_of { Verdict::Refuse } else { Verdict::Keep })
    }

    fn judge(&self, config: &Config, view: &View, own: &dyn Own, name: &Name, as_of: &AsOf) -> Verdict {
        let slot = name.slot(view.slots);
        let owner = view.owner(slot);
        let as_of = as_of.iter().find(|(peer, _)| *peer == owner).map(|(_, position)| *position);
        if own.is_open(name) {
            return Verdict::Refuse;
        }
        if owner == config.me {
            return match (own.last(name), as_of) {
                (Some(last), Some(as_of)) if last <= as_of => Verdict::Keep,
                _ => Verdict::Refuse,
            };
        }
        if let Some(followed) = self.follows_records(slot, owner) {
            let last = self.last_followed(followed, name);
            let known = last.is_some_and(|last| as_of.is_some_and(|as_of| last <= as_of));
            return if known { Verdict::Keep } else { Verdict::Refuse };
        }
        match self.names.get(name) {
            Some(interest) if interest.owner == owner => match (interest.since, as_of) {
                (Some(since), Some(as_of)) if since <= as_of => {
                    let wide = match name {
                        Name::Key(_) => self.streams.get(&owner).map_or(Position(0), |held| held.wide),
                        _ => Position(0),
                    };
                    if interest.last <= as_of && wide <= as_of { Verdict::Keep } else { Verdict::Refuse }
                }
                (Some(_), as_of) if !matches!(name, Name::Key(_)) => {
                    Verdict::Ask(owner, (owner, as_of.unwrap_or_default()))
                }
                (Some(_), _) => Verdict::Refuse,
                (None, _) => Verdict::Wait,
            },
            // A copy's own key was expected before it was asked for; an interest that is gone was ended by a record.
            _ if matches!(name, Name::Key(_)) => Verdict::Refuse,
            _ => Verdict::Ask(owner, (owner, as_of.unwrap_or_default())),
        }
    }
}
