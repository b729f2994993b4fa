//! Links over real sockets of this machine. No test sleeps: each waits for what must happen.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // Tests have clocks and sockets of their own.

mod broken;
mod exchange;
mod identity;
mod node;
mod proxy;
mod refusals;
mod secret_links;
mod stalled;
mod strangers;
