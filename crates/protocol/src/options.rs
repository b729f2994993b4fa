//! Typed arguments: what follows a command's name and key, with Redis's own errors and conflict rules.
//!
//! Every `parse` takes the whole request, the command's name included.

mod client;
mod connection;
mod cursor;
mod expire;
mod invalidate;
mod put;
mod read;
mod server;
mod set;
mod warm;
mod words;

pub use clearwell_words::{Coalesce, Level, Mode, Strategy};
pub use client::{ClientKind, KillOptions, ListOptions, PauseOptions, ReplyMode};
pub use connection::{AuthOptions, HelloOptions, SetInfo, check_client_name, parse_db_index};
pub use cursor::{CopyOptions, FlushMode, ScanOptions, check_flush};
pub use expire::{ExpireCondition, ExpireOptions, Expiry, GetExChange, GetExOptions, TimeUnit, TimeWords};
pub use invalidate::{EventOptions, InvalidateEvent, InvalidateOptions};
pub use put::CwSetOptions;
pub use read::CwGetOptions;
pub use server::{WaitOptions, check_pairs, parse_decrement, parse_memory_samples, parse_slowlog_count};
pub use set::{SetCondition, SetOptions, SetTtl};
pub use warm::WarmOptions;
pub use words::{Words, float, integer};
