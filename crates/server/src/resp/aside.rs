//! Work over many entries: on a thread of its own, so that the worker's other connections are answered meanwhile.

use std::sync::Arc;

use clearwell_protocol::Encoder;
use tokio::sync::Semaphore;

use super::commands::encoded;
use super::dispatch::Context;
use super::step::Step;
use crate::node::Node;

/// Walks in progress at once, over all workers; a connection has at most one, and others wait for their turn.
const AT_ONCE: usize = 2;

/// The walks of a server.
#[derive(Clone)]
pub struct Walks(Arc<Semaphore>);

impl Walks {
    /// None in progress.
    pub fn new() -> Walks {
        Walks(Arc::new(Semaphore::new(AT_ONCE)))
    }

    /// Carries a walk out when its turn has come; `None` when it panicked.
    pub async fn run<T: Send + 'static>(self, walk: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let turn = self.0.acquire_owned().await.ok()?;
        let walked = tokio::task::spawn_blocking(move || {
            // Whoever asked may be gone before the walk has ended; its turn ends with the walk.
            let _turn = turn;
            walk()
        });
        walked.await.ok()
    }
}

/// Replies what `walk` writes: the connection waits, and the worker goes on with others. (How long it will take cannot be told
/// without the shards' locks, and to begin it on a thread costs some 20 µs.) In a transaction nothing waits: EXEC keeps all
/// other workers out until it has ended.
pub fn aside(
    context: &mut Context<'_>,
    walk: impl FnOnce(&Arc<Node>, &mut Encoder<'_>) + Send + 'static,
) -> Step {
    let node = context.node();
    if context.in_exec {
        walk(node, &mut context.reply());
        return Step::Done;
    }
    let (node, resp, walks) = (node.clone(), context.session.resp, context.server.walks.clone());
    Step::Wait(Box::pin(async move {
        let walked = walks.run(move || encoded(resp, |reply| walk(&node, reply))).await;
        walked.unwrap_or_else(|| encoded(resp, |reply| reply.error("ERR internal error; it is in the log")))
    }))
}
