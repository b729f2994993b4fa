//! What subscribers are told without anybody publishing it: Redis's keyspace notifications, as far as caches use them, and
//! invalidations on Clearwell's own channels.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use clearwell_engine::{Effect, Glob, Scope};

use super::channels::{Channels, OWN};
use crate::clock::NodeClock;
use crate::node::{Asked, CoveredKeys, Happened, Hear, NewsItem};
use crate::rest::ToldInvalidation;

/// The letters of `notify-keyspace-events`, in the order in which Redis shows them.
const LETTERS: &[u8] = b"g$lshzxetdnKEm";
/// What `A` stands for: the first ten. `n` is not shown beside it.
const ALL: u16 = (1 << 10) - 1;
const NEW: u16 = 1 << 10;

/// `notify-keyspace-events`; nothing by default.
#[derive(Default)]
pub struct NotifyFlags(AtomicU16);

impl NotifyFlags {
    /// Sets them from their letters.
    pub fn set(&self, letters: &str) -> Result<(), String> {
        let mut flags = 0;
        for letter in letters.bytes() {
            flags |= match LETTERS.iter().position(|&known| known == letter) {
                Some(place) => 1 << place,
                None if letter == b'A' => ALL,
                None => return Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()),
            };
        }
        self.0.store(flags, Relaxed);
        Ok(())
    }

    /// Their letters.
    pub fn letters(&self) -> String {
        let flags = self.0.load(Relaxed);
        let is_all = flags & ALL == ALL;
        let single = if is_all { flags & !ALL & !NEW } else { flags };
        let letters = LETTERS.iter().enumerate().filter(|(place, _)| single & 1 << place != 0);
        is_all.then_some('A').into_iter().chain(letters.map(|(_, &letter)| char::from(letter))).collect()
    }

    fn has(&self, letter: u8) -> bool {
        let place = LETTERS.iter().position(|&known| known == letter);
        place.is_some_and(|place| self.0.load(Relaxed) & 1 << place != 0)
    }

    /// What has to be told for them.
    fn asked(&self) -> Asked {
        if !self.has(b'K') && !self.has(b'E') {
            return Asked::NOTHING;
        }
        let classes =
            [(b'$', Asked::STRINGS), (b'g', Asked::GENERIC), (b'x', Asked::EXPIRED), (b'e', Asked::EVICTED)];
        let wanted = classes.into_iter().filter(|(letter, _)| self.has(*letter));
        wanted.fold(Asked::NOTHING, |all, (_, class)| all.and(class))
    }
}

/// The channels, as the node tells them of what happens.
pub struct Ear {
    /// Where it goes.
    pub channels: Arc<Channels>,
    /// For the times in what is told.
    pub clock: NodeClock,
}

impl Hear for Ear {
    fn asked(&self) -> Asked {
        let (anybody, own) = self.channels.listened();
        let notifications = if anybody { self.channels.flags.asked() } else { Asked::NOTHING };
        if own { notifications.and(Asked::NEWS) } else { notifications }
    }

    fn noticed(&self, class: Asked, event: &str, key: &[u8]) {
        let flags = &self.channels.flags;
        if !flags.asked().has(class) {
            return;
        }
        if flags.has(b'K') {
            self.channels.publish(&[b"__keyspace@0__:", key].concat(), event.as_bytes());
        }
        if flags.has(b'E') {
            self.channels.publish(&[b"__keyevent@0__:", event.as_bytes()].concat(), key);
        }
    }

    fn happened(&self, item: &NewsItem) {
        if let Happened::Invalidated { invalidation, reached, dependents } = &item.happened
            && let Scope::Key(key) = &*invalidation.scope
            && invalidation.effect == Effect::Gone
            && reached > dependents
        {
            self.noticed(Asked::GENERIC, "del", key);
        }
        if self.channels.listened().1 {
            self.tell_invalidation(item);
        }
    }
}

impl Ear {
    /// An invalidation goes to who follows its key, tag or event, and to who follows keys that it may cover.
    fn tell_invalidation(&self, item: &NewsItem) {
        let (Some((invalidation, _)), Some(told)) =
            (item.invalidation(), ToldInvalidation::of(item, &self.clock))
        else {
            return;
        };
        let message = told.json();
        let channel = [OWN, channel(&invalidation.scope).as_slice()].concat();
        match (item.covered(), &*invalidation.scope) {
            (None, _) => {}
            (_, Scope::Everything) => self.channels.publish_wide(&channel, &Glob::beginning(OWN), &message),
            (Some(CoveredKeys::Key(_)), _) => {
                self.channels.publish(&channel, &message);
            }
            (Some(CoveredKeys::Matching(glob)), _) => {
                let keys = glob.behind(&[OWN, b"key:"].concat());
                self.channels.publish_wide(&channel, &keys, &message);
            }
        }
    }
}

/// The name of a scope's channel, without what all begin with.
fn channel(scope: &Scope) -> Vec<u8> {
    let (kind, name): (&[u8], &[u8]) = match scope {
        Scope::Key(key) => (b"key:", key),
        Scope::Tag(tag) => (b"tag:", tag),
        Scope::Dependents(name) => (b"dependents:", name),
        Scope::Pattern(glob) => (b"pattern:", glob.as_bytes()),
        Scope::Prefix(prefix) => (b"prefix:", prefix),
        Scope::Event(event) => (b"event:", event.name.as_bytes()),
        Scope::Everything => (b"everything", b""),
    };
    [kind, name].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_shown_as_redis_shows_them() {
        let flags = NotifyFlags::default();
        for (given, shown) in [
            ("", ""),
            ("AKE", "AKE"),
            ("AKEn", "AKE"),
            ("KEn", "nKE"),
            ("Ex", "xE"),
            ("eKg$", "g$eK"),
            ("g$lshzxetdK", "AK"),
            ("mKA", "AKm"),
            ("nAm", "Am"),
        ] {
            assert_eq!(flags.set(given), Ok(()));
            assert_eq!(flags.letters(), shown, "{given}");
        }
        assert!(flags.set("Kq").is_err());
        assert_eq!(flags.letters(), "Am", "what is refused changes nothing");
    }

    #[test]
    fn nothing_is_asked_for_without_a_kind_of_channel() {
        let flags = NotifyFlags::default();
        for (letters, expected) in [
            ("A", Asked::NOTHING),
            ("K", Asked::NOTHING),
            ("Kx", Asked::EXPIRED),
            ("Ege", Asked::GENERIC.and(Asked::EVICTED)),
        ] {
            assert_eq!(flags.set(letters), Ok(()));
            assert_eq!(flags.asked(), expected, "{letters}");
        }
    }
}
