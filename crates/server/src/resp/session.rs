//! What a connection has said about itself so far.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use clearwell_protocol::{Command, CommandId, OwnedArgs, Resp};

use super::misses::ConnectionMisses;
use super::pools::PoolPlace;
use super::registry::{ClientNames, ListedClient, Registry};
use super::route::{Routing, WatchLink};

/// One connection's state; only its own task has it.
pub struct Session {
    /// The connection as others see it.
    pub client: Arc<ListedClient>,
    /// The protocol it speaks.
    pub resp: Resp,
    /// Whether it has logged in, or need not.
    pub authenticated: bool,
    /// Whether it wants replies.
    pub replies: Replies,
    /// Whether its reads are kept from counting as use.
    pub no_touch: bool,
    /// The open transaction.
    pub queue: Option<MultiQueue>,
    /// Keys watched, with their stamps then.
    pub watched: Vec<(Box<[u8]>, u64)>,
    /// What watches keys of another node for it.
    pub watch_link: Option<WatchLink>,
    /// An EXEC that is being carried out, and waits.
    pub exec: Option<Exec>,
    /// What it did itself with keys without a source.
    pub misses: ConnectionMisses,
    /// Whether others may speak over it, or over connections like it.
    pub place: PoolPlace,
    /// Whether it gets to see all commands.
    pub monitoring: bool,
    /// What it is answered about keys that other nodes serve.
    pub routing: Routing,
    /// Its latest command.
    pub latest: Option<CommandId>,
}

/// Whether replies are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replies {
    /// They are.
    #[default]
    On,
    /// They are not.
    Off,
    /// CLIENT REPLY SKIP was just said: neither its own reply nor the next is.
    SkipNext,
    /// This command's is not.
    Skip,
}

/// Requests queued by MULTI.
#[derive(Default)]
pub struct MultiQueue {
    /// In their order.
    pub requests: Vec<(&'static Command, OwnedArgs)>,
    /// Bytes they hold.
    pub bytes: usize,
    /// Whether one was refused, so that EXEC must be too.
    pub broken: bool,
}

/// An EXEC some of whose commands need a source.
pub struct Exec {
    /// The replies in their order, as far as they are there.
    pub replies: Vec<Vec<u8>>,
    /// What is still to be run, one after the other, each with its place.
    pub left: VecDeque<(usize, &'static Command, OwnedArgs)>,
    /// The place of the reply that is being waited for.
    pub waiting: usize,
}

impl Session {
    /// A connection that has just begun.
    pub fn new(
        client: Arc<ListedClient>,
        authenticated: bool,
        place: PoolPlace,
        routing: Routing,
    ) -> Session {
        Session {
            client,
            resp: Resp::V2,
            authenticated,
            replies: Replies::On,
            no_touch: false,
            queue: None,
            watched: Vec::new(),
            watch_link: None,
            exec: None,
            misses: ConnectionMisses::default(),
            place,
            monitoring: false,
            routing,
            latest: None,
        }
    }

    /// As RESET leaves it.
    pub fn reset(&mut self, authenticated: bool, place: PoolPlace) {
        let client = self.client.clone();
        client.names.lock().name.clear();
        client.activity.no_evict.store(false, Relaxed);
        client.activity.resp3.store(false, Relaxed);
        *self = Session::new(client, authenticated, place, self.routing);
    }

    /// Watches nothing any more.
    pub fn unwatch(&mut self) {
        self.watched.clear();
        self.watch_link = None;
    }

    /// Whether it may say little, because it listens and messages look like replies.
    #[inline]
    pub fn is_narrow(&self) -> bool {
        self.resp == Resp::V2 && self.client.subscriptions() > 0
    }

    /// The names it gave.
    pub fn names(&self) -> ClientNames {
        self.client.names.lock().clone()
    }

    /// Shows others what it is doing.
    pub fn publish(&self, now_ms: u64) {
        let activity = &self.client.activity;
        activity.last_active.store(now_ms, Relaxed);
        if let Some(id) = self.latest {
            activity.last_command.store(Registry::command_number(id), Relaxed);
        }
        let queued = self.queue.as_ref();
        let count = queued.map_or(-1, |queue| i64::try_from(queue.requests.len()).unwrap_or(i64::MAX));
        activity.queued.store(count, Relaxed);
        activity.queued_bytes.store(queued.map_or(0, |queue| queue.bytes), Relaxed);
        activity.watched.store(self.watched.len(), Relaxed);
        activity.resp3.store(self.resp == Resp::V3, Relaxed);
        activity.monitoring.store(self.monitoring, Relaxed);
        activity.no_touch.store(self.no_touch, Relaxed);
    }
}
