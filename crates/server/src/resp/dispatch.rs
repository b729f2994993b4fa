//! From a request to its command: the table's checks, login, MULTI, counting.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use clearwell_engine::Millis;
use clearwell_protocol::{Args, Command, CommandError, CommandId, Encoder, Flags, lookup, resolve};

use super::commands::{self, pubsub, transactions};
use super::route;
use super::server::Server;
use super::session::Session;
use super::slowlog::{self, Slow};
use super::step::Step;
use crate::metrics::{BadInput, RequestEnded};
use crate::node::Node;

/// What a command may use.
pub struct Context<'a> {
    /// What all connections share.
    pub server: &'a Arc<Server>,
    /// The worker that runs it.
    pub worker: usize,
    /// The connection's state.
    pub session: &'a mut Session,
    /// Where its reply goes.
    pub out: &'a mut Vec<u8>,
    /// The time of the batch.
    pub now: Millis,
    /// When the command before it ended: its own beginning.
    pub mark: Instant,
    /// Whether it is part of a transaction, and must not wait.
    pub in_exec: bool,
}

impl<'a> Context<'a> {
    /// The reply's encoder.
    #[inline]
    pub fn reply(&mut self) -> Encoder<'_> {
        Encoder::new(self.out, self.session.resp)
    }

    /// The node.
    #[inline]
    pub fn node(&self) -> &'a Arc<Node> {
        &self.server.node
    }

    /// Milliseconds since 1970.
    pub fn unix_ms(&self) -> i64 {
        self.node().clock().unix_ms_of(self.now)
    }
}

const NOAUTH: CommandError = CommandError::literal("NOAUTH Authentication required.");

/// The command that a request asks for, if it may be asked; otherwise the refusal is in the output.
#[inline]
pub fn admit(context: &mut Context<'_>, args: Args<'_>) -> Option<&'static Command> {
    match resolve(args) {
        Ok(command) if context.session.is_narrow() && !pubsub::is_allowed_beside_messages(command.id) => {
            refuse(context, Some(command), &pubsub::refused_beside_messages(command.name))
        }
        Ok(command) if context.session.authenticated || command.flags.has(Flags::NO_AUTH) => Some(command),
        Ok(command) => refuse(context, Some(command), &NOAUTH),
        Err(error) => refuse(context, args.get(0).and_then(lookup), &error),
    }
}

/// Refuses a request: an open transaction cannot be carried out any more.
pub fn refuse(
    context: &mut Context<'_>,
    command: Option<&'static Command>,
    error: &CommandError,
) -> Option<&'static Command> {
    if let Some(queue) = &mut context.session.queue {
        queue.broken = true;
    }
    if let Some(command) = command {
        context.server.workers[context.worker].count(command, 0, RequestEnded::Rejected);
    }
    if command.is_some_and(|command| command.id == CommandId::Exec) {
        let error = transactions::aborted(context, error);
        context.server.note_error(error.as_bytes());
        context.reply().error(error);
        return None;
    }
    context.server.note_error(error.as_bytes());
    context.reply().error(error);
    None
}

/// Whether CLIENT PAUSE holds the command now.
pub fn is_held(context: &Context<'_>, command: &Command) -> bool {
    let queue = context.session.queue.as_ref();
    let writes =
        queue.is_some_and(|queue| queue.requests.iter().any(|(queued, _)| queued.flags.has(Flags::WRITE)));
    let held = context.server.pause.holds(command, writes, context.node().clock().tick());
    held && (queue.is_none() || command.id == CommandId::Exec)
}

/// Whether a command touches several keys in one step that nobody may see half done.
#[inline]
pub fn is_lone(command: &Command) -> bool {
    matches!(
        command.id,
        CommandId::Exec
            | CommandId::Mset
            | CommandId::Msetnx
            | CommandId::Rename
            | CommandId::Renamenx
            | CommandId::Copy
    )
}

/// Runs a request, or queues it in an open transaction.
#[inline]
pub fn run_or_queue(context: &mut Context<'_>, command: &'static Command, args: Args<'_>) -> Step {
    if context.server.clustered
        && let Some(step) = route::elsewhere(context, command, args)
    {
        if matches!(step, Step::Wait(_)) {
            context.node().note_forwarded();
        }
        return step;
    }
    if context.session.queue.is_some() && !transactions::runs_at_once(command.id) {
        return transactions::queue(context, command, args);
    }
    run(context, command, args)
}

/// Runs a request and counts it.
#[inline]
pub fn run(context: &mut Context<'_>, command: &'static Command, args: Args<'_>) -> Step {
    if context.server.monitors.any() {
        show(context, command, args);
    }
    let start = context.out.len();
    let began = context.mark;
    context.session.latest = Some(command.id);
    let elsewhere = match context.server.clustered {
        true => route::everywhere(context, command, args),
        false => None,
    };
    let step = match elsewhere.map_or_else(|| commands::run(context, command, args), Ok) {
        Ok(step) => step,
        Err(error) => {
            context.out.truncate(start);
            context.reply().error(error);
            Step::Done
        }
    };
    let step = match step {
        Step::Done if context.server.clustered && !context.in_exec => {
            route::done(context, command, args, start)
        }
        step => step,
    };
    context.mark = Instant::now();
    let worker = &context.server.workers[context.worker];
    if matches!(step, Step::Wait(_)) && !context.in_exec {
        // Counted when its reply is there.
        return step;
    }
    let nanos = crate::clock::nanos(context.mark.saturating_duration_since(began));
    let failed = context.out.get(start) == Some(&b'-');
    if failed {
        context.server.note_error(&context.out[start + 1..]);
    }
    worker.count(command, nanos, if failed { RequestEnded::Failed } else { RequestEnded::Well });
    note_slow(context.server, context.session, command, nanos, || slowlog::shortened(args));
    step
}

#[cold]
fn show(context: &Context<'_>, command: &Command, args: Args<'_>) {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let unix_us = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    let too_slow = context.server.monitors.show(command, args, &context.session.client, unix_us);
    (0..too_slow).for_each(|_| context.server.metrics.bad_input(BadInput::Slow));
}

/// Keeps a command that took long.
#[inline]
pub fn note_slow(
    server: &Server,
    session: &Session,
    command: &Command,
    nanos: u64,
    args: impl FnOnce() -> Vec<Vec<u8>>,
) {
    let micros = nanos / 1000;
    let Ok(threshold) = u64::try_from(server.settings.slower_than_us.load(Relaxed)) else { return };
    if micros < threshold || command.flags.has(Flags::SKIP_SLOWLOG) {
        return;
    }
    let slow = Slow {
        id: 0,
        at_unix: server.node.clock().unix_ms() / 1000,
        micros,
        args: args(),
        peer: session.client.peer.to_string(),
        name: session.names().name,
    };
    server.slowlog.note(slow, server.settings.slowlog_most.load(Relaxed));
}
