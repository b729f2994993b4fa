//! What a command is and does, as bits with names that COMMAND prints.

/// Defines a set of named bits, printed in the order given here.
macro_rules! named_bits {
    ($(#[$doc:meta])* $name:ident, $order:ident { $($(#[$bit_doc:meta])* $bit:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
        pub struct $name(u32);

        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum $order { $($bit,)* }

        impl $name {
            $($(#[$bit_doc])* pub const $bit: $name = $name(1 << $order::$bit as u32);)*

            const NAMES: &'static [($name, &'static str)] = &[$(($name::$bit, $text),)*];

            /// No bit.
            pub const NONE: $name = $name(0);

            /// Both sets together.
            pub const fn and(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }

            /// Whether every bit of `other` is here.
            pub const fn has(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            /// The names of the bits that are here, in the order that COMMAND prints them.
            pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
                Self::NAMES.iter().filter(move |(bit, _)| self.has(*bit)).map(|(_, text)| *text)
            }

            /// The bit of that name, in any case.
            pub fn named(text: &[u8]) -> Option<$name> {
                let found = Self::NAMES.iter().find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(text));
                found.map(|(bit, _)| *bit)
            }
        }
    };
}

named_bits! {
    /// How a command behaves.
    Flags, FlagOrder {
        /// Changes entries.
        WRITE = "write",
        /// Reads entries and changes none.
        READONLY = "readonly",
        /// May need memory, so it is refused when there is none.
        DENYOOM = "denyoom",
        /// For operators.
        ADMIN = "admin",
        /// Is about channels.
        PUBSUB = "pubsub",
        /// Not from scripts.
        NOSCRIPT = "noscript",
        /// May wait.
        BLOCKING = "blocking",
        /// Answered while loading.
        LOADING = "loading",
        /// Answered when cut off from the owner.
        STALE = "stale",
        /// Not kept by SLOWLOG.
        SKIP_SLOWLOG = "skip_slowlog",
        /// Takes constant or logarithmic time.
        FAST = "fast",
        /// Answered before AUTH.
        NO_AUTH = "no_auth",
        /// Keys stand at places that only the arguments tell.
        MOVABLEKEYS = "movablekeys",
        /// Answered while a script blocks the server.
        ALLOW_BUSY = "allow_busy",
    }
}

named_bits! {
    /// The ACL categories of a command.
    Categories, CategoryOrder {
        /// Keys whatever they hold.
        KEYSPACE = "keyspace",
        /// Reads entries.
        READ = "read",
        /// Changes entries.
        WRITE = "write",
        /// Strings.
        STRING = "string",
        /// Channels.
        PUBSUB = "pubsub",
        /// For operators.
        ADMIN = "admin",
        /// Takes constant or logarithmic time.
        FAST = "fast",
        /// Takes longer.
        SLOW = "slow",
        /// May wait.
        BLOCKING = "blocking",
        /// Can do harm.
        DANGEROUS = "dangerous",
        /// The connection itself.
        CONNECTION = "connection",
        /// MULTI and WATCH.
        TRANSACTION = "transaction",
        /// Clearwell's own.
        CACHE = "cache",
    }
}
