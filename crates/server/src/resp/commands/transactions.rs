//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.
//!
//! EXEC runs alone: every other worker is kept out while it does. Commands on keys with a source have to wait for it, and
//! the other workers cannot; so where a transaction names such keys, the commands that do not are run first, as one step
//! that nobody sees half done, and the others follow in their order, each when the one before has ended. The replies stand
//! in the order of the queue.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::Ordering::Relaxed;

use clearwell_protocol::{Args, Command, CommandError, CommandId, keys};

use super::encoded;
use crate::node::Node;
use crate::resp::dispatch::{self, Context};
use crate::resp::route;
use crate::resp::session::{Exec, MultiQueue};
use crate::resp::step::{Outcome, Step};

/// Commands that MULTI does not queue.
pub fn runs_at_once(id: CommandId) -> bool {
    matches!(
        id,
        CommandId::Exec
            | CommandId::Discard
            | CommandId::Multi
            | CommandId::Watch
            | CommandId::Quit
            | CommandId::Reset
            | CommandId::Monitor
            | CommandId::Subscribe
            | CommandId::Psubscribe
            | CommandId::Unsubscribe
            | CommandId::Punsubscribe
    )
}

/// MULTI.
pub fn multi(context: &mut Context<'_>) -> Outcome {
    if context.session.queue.is_some() {
        return Err(CommandError::literal("ERR MULTI calls can not be nested"));
    }
    context.session.queue = Some(MultiQueue::default());
    context.reply().ok();
    Ok(Step::Done)
}

/// Keeps a request for EXEC.
pub fn queue(context: &mut Context<'_>, command: &'static Command, args: Args<'_>) -> Step {
    let most = context.server.settings.max_request.load(Relaxed);
    let owned = args.to_owned();
    if let Some(queue) = &mut context.session.queue {
        queue.bytes = queue.bytes.saturating_add(owned.memory_bytes());
        if queue.bytes > most {
            // What is queued is let go at once; EXEC will answer EXECABORT.
            *queue = MultiQueue { broken: true, ..MultiQueue::default() };
            context.reply().error("ERR the transaction is larger than client-query-buffer-limit allows");
            return Step::Done;
        }
        if !queue.broken {
            queue.requests.push((command, owned));
        }
    }
    context.session.latest = Some(command.id);
    context.reply().simple("QUEUED");
    Step::Done
}

/// DISCARD.
pub fn discard(context: &mut Context<'_>) -> Outcome {
    if context.session.queue.take().is_none() {
        return Err(CommandError::literal("ERR DISCARD without MULTI"));
    }
    context.session.unwatch();
    context.reply().ok();
    Ok(Step::Done)
}

/// WATCH.
pub fn watch(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    if context.session.queue.is_some() {
        return Err(CommandError::literal("ERR WATCH inside MULTI is not allowed"));
    }
    for key in args.from(1).iter() {
        if !context.session.watched.iter().any(|(watched, _)| **watched == *key) {
            let stamp = stamp(context.node(), key);
            context.session.watched.push((key.into(), stamp));
        }
    }
    context.reply().ok();
    Ok(Step::Done)
}

/// UNWATCH.
pub fn unwatch(context: &mut Context<'_>) -> Outcome {
    context.session.unwatch();
    context.reply().ok();
    Ok(Step::Done)
}

/// The answer to an EXEC that is refused for `error`: it ends the transaction all the same.
pub fn aborted(context: &mut Context<'_>, error: &CommandError) -> CommandError {
    context.session.queue = None;
    context.session.unwatch();
    let text = error.as_bytes();
    let text = text.strip_prefix(b"ERR ").unwrap_or(text);
    CommandError::new([b"EXECABORT Transaction discarded because of: ", text].concat())
}

/// What changes whenever a key's entry in memory does; 0: there is none.
fn stamp(node: &Node, key: &[u8]) -> u64 {
    node.peek(key, |view| view.stamp()).unwrap_or(0)
}

/// EXEC. The caller has kept the other workers out.
pub fn exec(context: &mut Context<'_>) -> Outcome {
    let Some(queue) = context.session.queue.take() else {
        return Err(CommandError::literal("ERR EXEC without MULTI"));
    };
    let watched = std::mem::take(&mut context.session.watched);
    context.session.watch_link = None;
    if queue.broken {
        return Err(CommandError::literal("EXECABORT Transaction discarded because of previous errors."));
    }
    let node = context.node();
    let unchanged = |(key, before): &(Box<[u8]>, u64)| stamp(node, key) == *before;
    if !watched.iter().all(unchanged) {
        context.reply().null_array();
        return Ok(Step::Done);
    }
    context.in_exec = true;
    if context.server.clustered {
        let step = run_settling(context, &queue);
        context.in_exec = false;
        return Ok(step);
    }
    let waits = queue.requests.iter().any(|(command, args)| needs_source(node, command, args.as_args()));
    if waits {
        begin_mixed(context, queue);
    } else {
        context.reply().array(queue.requests.len());
        for (command, args) in &queue.requests {
            run(context, command, args.as_args());
        }
    }
    context.in_exec = false;
    Ok(Step::Done)
}

/// Runs a request that needs no source, and so has its reply at once.
fn run(context: &mut Context<'_>, command: &'static Command, args: Args<'_>) {
    if let Step::Wait(_) = dispatch::run(context, command, args) {
        context.reply().error(format!("ERR {} would have to wait, which EXEC does not", command.name));
    }
}

/// Runs all in one step, as the owner of its keys in a cluster. What others have yet to confirm is waited for together: the reply is
/// withheld as a whole.
fn run_settling(context: &mut Context<'_>, queue: &MultiQueue) -> Step {
    let mut replies: Vec<Vec<u8>> = Vec::with_capacity(queue.requests.len());
    let (mut waiting, mut changed) = (Vec::new(), HashSet::new());
    for (command, args) in &queue.requests {
        let start = context.out.len();
        if let Step::Wait(reply) = dispatch::run(context, command, args.as_args()) {
            waiting.push((replies.len(), reply));
        }
        replies.push(context.out.split_off(start));
        changed.extend(route::keys_to_settle(context, command, args.as_args()));
    }
    let changed: Vec<&[u8]> = changed.into_iter().collect();
    let settling = context.node().settle_keys(&changed);
    if settling.is_empty() && waiting.is_empty() {
        context.reply().array(replies.len());
        replies.iter().for_each(|reply| context.out.extend_from_slice(reply));
        return Step::Done;
    }
    let resp = context.session.resp;
    Step::Wait(Box::pin(async move {
        if let Err(error) = route::settled(settling).await {
            return error;
        }
        for (place, reply) in waiting {
            replies[place] = reply.await;
        }
        encoded(resp, |reply| {
            reply.array(replies.len());
            replies.iter().for_each(|one| reply.out.extend_from_slice(one));
        })
    }))
}

/// Runs what needs no source and keeps the rest for [`go_on`].
fn begin_mixed(context: &mut Context<'_>, queue: MultiQueue) {
    let mut exec = Exec { replies: Vec::new(), left: VecDeque::new(), waiting: 0 };
    for (place, (command, args)) in queue.requests.into_iter().enumerate() {
        let start = context.out.len();
        if needs_source(context.node(), command, args.as_args()) {
            exec.left.push_back((place, command, args));
        } else {
            run(context, command, args.as_args());
        }
        exec.replies.push(context.out.split_off(start));
    }
    context.session.exec = Some(exec);
}

/// Goes on with an EXEC whose other commands need a source, until one has to wait or all have ended.
pub fn go_on(context: &mut Context<'_>) -> Step {
    while let Some(mut exec) = context.session.exec.take() {
        let Some((place, command, args)) = exec.left.pop_front() else {
            context.reply().array(exec.replies.len());
            exec.replies.iter().for_each(|reply| context.out.extend_from_slice(reply));
            return Step::Done;
        };
        let start = context.out.len();
        let step = dispatch::run(context, command, args.as_args());
        exec.replies[place] = context.out.split_off(start);
        exec.waiting = place;
        context.session.exec = Some(exec);
        if let Step::Wait(_) = step {
            return step;
        }
    }
    Step::Done
}

/// Whether a request may have to wait for a source.
fn needs_source(node: &Node, command: &Command, args: Args<'_>) -> bool {
    if !node.has_keyspaces() {
        return false;
    }
    let has_source = |key: &[u8]| node.has_source(key);
    matches!(command.id, CommandId::CwWarmKeys | CommandId::CwWarmPattern | CommandId::CwWarmTags)
        || keys(command, args).any(|place| args.get(place).is_some_and(has_source))
}
