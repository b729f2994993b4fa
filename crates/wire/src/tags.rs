//! The variants inside messages, with the byte that stands for each. The encoder and the decoder both name them by these
//! enums and match them without a rest, so that a variant that one of the two does not know does not compile.

use clearwell_cluster::Refusal;
use clearwell_cluster::message::Taking;
use clearwell_cluster::request::Strategy;
use clearwell_words::{Cause, Effect};

/// A choice of which a byte tells.
pub(crate) trait ByteTag: Sized {
    /// What it is a choice of.
    const WHAT: &'static str;
    /// Each byte, and what it stands for.
    const ALL: &'static [(u8, &'static str)];
    fn byte(&self) -> u8;
    fn from_byte(byte: u8) -> Option<Self>;
}

macro_rules! tags {
    // A choice whose variants hold something: the tags are an enum of their own.
    ($name:ident of $what:literal { $($variant:ident = $byte:literal $text:literal),* $(,)? }) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($variant),* }
        tags!($name is $what { $($variant = $byte $text),* });
    };
    // A choice whose variants hold nothing is its own tag.
    ($name:ident is $what:literal { $($variant:ident = $byte:literal $text:literal),* $(,)? }) => {
        impl $crate::tags::ByteTag for $name {
            const WHAT: &'static str = $what;
            const ALL: &'static [(u8, &'static str)] = &[$(($byte, $text)),*];

            fn byte(&self) -> u8 {
                match self { $(Self::$variant => $byte),* }
            }

            fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($byte => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

pub(crate) use tags;

/// Types that are their own tag.
macro_rules! plain {
    ($($type:ty),*) => {$(
        impl $crate::wire::Wire for $type {
            fn put(&self, w: &mut $crate::writer::Writer<'_>) {
                w.byte($crate::tags::ByteTag::byte(self));
            }

            fn get(r: &mut $crate::reader::Reader<'_>) -> $crate::error::Result<Self> {
                r.tag()
            }
        }
    )*};
}

tags!(NameTag of "name" { Key = 0 "key", Tag = 1 "tag", Dependents = 2 "dependents" });

tags!(ScopeTag of "scope" {
    Key = 0 "key",
    Tag = 1 "tag",
    Dependents = 2 "dependents",
    Pattern = 3 "pattern",
    Prefix = 4 "prefix",
    Event = 5 "event",
    Everything = 6 "everything",
});

tags!(ChangeTag of "record" {
    Invalidate = 0 "invalidate",
    Intent = 1 "intent",
    Settle = 2 "settle",
    Put = 3 "put",
    Fill = 4 "fill",
    Journal = 5 "journal",
    Flushed = 6 "flushed",
    Leave = 7 "leave",
    Touch = 8 "touch",
    Hold = 9 "hold",
    Release = 10 "release",
});

tags!(RequestTag of "request" {
    Read = 0 "read",
    Write = 1 "write",
    Fill = 2 "fill",
    Invalidate = 3 "invalidate",
    Touch = 4 "touch",
    Hold = 5 "hold",
    Cancel = 6 "cancel",
});

tags!(AnswerTag of "answer" { Value = 0 "value", Written = 1 "written", Invalidated = 2 "invalidated", Refused = 3 "refused" });

tags!(LevelTag of "level" {
    Strong = 0 "strong",
    Session = 1 "session",
    Bounded = 2 "bounded",
    Eventual = 3 "eventual",
    Weak = 4 "weak",
    Causal = 5 "causal",
});

tags!(Strategy is "strategy" {
    Through = 0 "through",
    Invalidate = 1 "invalidate",
    Back = 2 "back",
    CacheOnly = 3 "cache only",
});

tags!(Refusal is "refusal" { NoOwner = 0 "no owner", Busy = 1 "busy", Source = 2 "source", Late = 3 "late", Unknown = 4 "unknown" });

tags!(Taking is "taking" { Stored = 0 "stored", Again = 1 "again", Anew = 2 "anew" });

tags!(ComparedTag of "compared" { Slots = 0 "slots", Keys = 1 "keys" });

tags!(DifferenceTag of "difference" { Lacks = 0 "lacks", Slots = 1 "slots", Keys = 2 "keys" });

tags!(FeedTag of "feed" { Ask = 0 "ask", Told = 1 "told" });

tags!(AwaitedTag of "awaited" { After = 0 "after", Event = 1 "event" });

tags!(Effect is "effect" { Gone = 0 "gone", Stale = 1 "stale" });

tags!(Cause is "cause" {
    Removal = 0 "removal",
    Command = 1 "command",
    Write = 2 "write",
    Commit = 3 "commit",
    Event = 4 "event",
});

plain!(Strategy, Refusal, Taking, Effect, Cause);

/// Each choice with its name and its tags.
#[cfg(test)]
pub(crate) fn tables() -> Vec<(&'static str, &'static [(u8, &'static str)])> {
    fn of<T: ByteTag>() -> (&'static str, &'static [(u8, &'static str)]) {
        (T::WHAT, T::ALL)
    }
    vec![
        of::<NameTag>(),
        of::<ScopeTag>(),
        of::<ChangeTag>(),
        of::<RequestTag>(),
        of::<AnswerTag>(),
        of::<LevelTag>(),
        of::<Strategy>(),
        of::<Refusal>(),
        of::<Taking>(),
        of::<ComparedTag>(),
        of::<DifferenceTag>(),
        of::<FeedTag>(),
        of::<AwaitedTag>(),
        of::<Effect>(),
        of::<Cause>(),
    ]
}

/// Which tags a test has read, so that it can ask for the rest.
#[cfg(test)]
pub(crate) mod seen {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static SEEN: RefCell<BTreeSet<(&'static str, u8)>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub fn note(what: &'static str, tag: u8) {
        SEEN.with_borrow_mut(|seen| seen.insert((what, tag)));
    }

    pub fn take() -> BTreeSet<(&'static str, u8)> {
        SEEN.take()
    }
}
