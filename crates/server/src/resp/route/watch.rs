//! WATCH of keys that another node serves: over a connection of its own, by which the transaction goes there too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use clearwell_cluster::Slot;
use clearwell_protocol::{Args, Command, CommandError, Resp};
use tokio::sync::{mpsc, oneshot};

use super::block;
use super::forward::{Forwarded, REPLY_MOST, error, redirected, unknown};
use super::link::{LinkRequest, Lost};
use super::place::Placement;
use super::{NOBODY, WATCHED_APART};
use crate::node::Node;
use crate::resp::commands::encoded;
use crate::resp::dispatch::Context;
use crate::resp::session::MultiQueue;
use crate::resp::step::Step;

/// A connection that watches keys at their owner.
pub struct WatchLink {
    to: Placement,
    slots: Vec<Slot>,
    requests: mpsc::Sender<LinkRequest>,
    /// The owner has said that it watches all of them.
    holds: Arc<AtomicBool>,
}

/// WATCH of keys that are `at` another node.
///
/// # Errors
/// Others are watched elsewhere already.
pub fn watch(
    context: &mut Context<'_>,
    command: &'static Command,
    args: Args<'_>,
    at: Placement,
    slots: Vec<Slot>,
) -> Result<Step, CommandError> {
    let session = &mut *context.session;
    let link = match session.watch_link.take() {
        Some(link) if link.to != at => {
            session.watch_link = Some(link);
            return Err(WATCHED_APART);
        }
        _ if !session.watched.is_empty() => return Err(WATCHED_APART),
        Some(mut link) => {
            link.slots.extend(&slots);
            link
        }
        None => {
            let Placement::At(_, address) = &at else { return Err(NOBODY) };
            let password = context.server.settings.password.load_full();
            let peers = &context.server.workers[context.worker].peers;
            let password = password.as_deref().map(String::as_str);
            let requests = peers.alone(address, session.resp, session.no_touch, password);
            WatchLink { to: at, slots: slots.clone(), requests, holds: Arc::default() }
        }
    };
    let request = Forwarded::of(args, slots, command);
    let (requests, holds) = (link.requests.clone(), link.holds.clone());
    session.watch_link = Some(link);
    Ok(Step::Wait(Box::pin(async move {
        let reply = asked(&requests, &request).await.unwrap_or_else(|_| error(&NOBODY));
        holds.store(reply.starts_with(b"+OK"), Relaxed);
        match redirected(&reply, 1) {
            Some(_) => error(&NOBODY),
            None => reply,
        }
    })))
}

/// How a transaction ends whose keys are watched elsewhere.
pub enum Watched {
    /// It is sent there.
    Sent(Step),
    /// What was watched is not any more: nothing is done.
    Void,
    /// Its keys are not where the watched ones are.
    Apart,
}

impl WatchLink {
    /// EXEC of a transaction with keys in these slots.
    pub fn exec(self, node: &Node, queue: &MultiQueue, slots: Vec<Slot>, resp: Resp) -> Watched {
        if Placement::of(node, &self.slots) != self.to || !self.holds.load(Relaxed) {
            return Watched::Void;
        }
        if !slots.is_empty() && Placement::of(node, &slots) != self.to {
            return Watched::Apart;
        }
        let request = block::forwarded(queue, slots);
        Watched::Sent(Step::Wait(Box::pin(async move {
            match asked(&self.requests, &request).await {
                Ok(replies) if redirected(&replies, request.replies).is_none() => block::last(replies),
                Err(Lost::Underway) if !request.reads => unknown(),
                Ok(_) | Err(_) => encoded(resp, |reply| reply.null_array()),
            }
        })))
    }
}

async fn asked(requests: &mpsc::Sender<LinkRequest>, request: &Forwarded) -> Result<Vec<u8>, Lost> {
    let (answer, answered) = oneshot::channel();
    let sent = LinkRequest { bytes: request.bytes.clone(), replies: request.replies, answer };
    requests.send(sent).await.map_err(|_| Lost::Unsent)?;
    match tokio::time::timeout(REPLY_MOST, answered).await {
        Ok(Ok(replies)) => replies,
        Ok(Err(_)) | Err(_) => Err(Lost::Underway),
    }
}
