//! Commands whose keys other nodes serve: any node answers.
//!
//! A connection that knows clusters is told where its keys are. Any other one never hears of that: its request travels to the owner
//! over a connection of this worker, and the owner's reply comes back as it is. What cannot be served just now is tried again for a while, so
//! that a failover is a pause and no error.

mod block;
mod everywhere;
mod forward;
mod link;
mod peers;
mod place;
mod scatter;
mod settle;
mod tour;
mod watch;

use clearwell_cluster::Slot;
use clearwell_protocol::{Args, Command, CommandError, CommandId, keys};

use super::commands::transactions;
use super::dispatch::{self, Context};
use super::step::Step;
use forward::{Errand, Forwarded};
use place::Placement;
use scatter::Scattered;
use watch::Watched;

pub use everywhere::everywhere;
pub use peers::PeerLinks;
pub use settle::{keys_to_settle, settled};
pub use watch::WatchLink;

/// What a connection is answered about keys that other nodes serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Routing {
    /// The owner's reply.
    #[default]
    Forward,
    /// Where they are, as a node of a Redis Cluster does.
    Redirect,
    /// Another node forwards over it: where they are, and one command may name keys of several slots.
    Node,
}

impl Routing {
    /// What Redis calls that: a client that knows clusters looks whether it speaks to one.
    pub fn mode(self) -> &'static str {
        if self == Routing::Redirect { "cluster" } else { "standalone" }
    }
}

const CROSSSLOT: CommandError =
    CommandError::literal("CROSSSLOT Keys in request don't hash to the same slot");
const APART: CommandError = CommandError::literal(
    "CROSSSLOT the keys are in different slots, and this command changes them in one step: give them a common {hash tag}",
);
const OWNERS_APART: CommandError = CommandError::literal(
    "CROSSSLOT the transaction's keys are on different nodes: give them a common {hash tag}",
);
const NOBODY: CommandError = CommandError::literal("CLUSTERDOWN Hash slot not served");
const MOVING: CommandError = CommandError::literal("TRYAGAIN the keys are on their way between nodes");
const WATCHED_APART: CommandError = CommandError::literal(
    "CROSSSLOT the watched keys and the transaction's are on different nodes: give them a common {hash tag}",
);

/// What becomes of a request whose keys this node does not serve; `None`: it is run here.
pub fn elsewhere(context: &mut Context<'_>, command: &'static Command, args: Args<'_>) -> Option<Step> {
    if command.id == CommandId::Exec {
        return exec_elsewhere(context, command);
    }
    if is_here(context, command, args) {
        return None;
    }
    let slots = slots_of(context, command, args);
    let (&first, rest) = slots.split_first()?;
    let routing = context.session.routing;
    let parts = Scattered::of(command.id).filter(|_| context.session.queue.is_none());
    match routing {
        Routing::Redirect if !rest.is_empty() => return refuse(context, command, &CROSSSLOT),
        Routing::Forward if !rest.is_empty() && !may_be_apart(command.id) => {
            return refuse(context, command, &APART);
        }
        _ => {}
    }
    if command.id == CommandId::Watch && routing == Routing::Forward {
        return watch_elsewhere(context, command, args, slots);
    }
    // The keys of a transaction are looked at together, by EXEC; who knows clusters hears of it at once.
    let is_queued = context.session.queue.is_some() && !transactions::runs_at_once(command.id);
    if is_queued && routing != Routing::Redirect {
        return None;
    }
    match (Placement::of(context.node(), &slots), routing) {
        (Placement::Here, _) => None,
        (placement, Routing::Redirect | Routing::Node) => {
            let error = redirection(&placement, first);
            refuse(context, command, &error)
        }
        (Placement::Apart, Routing::Forward) => match parts {
            Some(parts) => {
                let errand = Errand::new(context, command);
                Some(Step::Wait(Box::pin(scatter::scatter(errand, parts, args.to_owned()))))
            }
            None => refuse(context, command, &APART),
        },
        (_, Routing::Forward) => Some(forward(context, command, args, slots)),
    }
}

/// WATCH; in a transaction it is an error, which is said here. All that is watched is at one node.
fn watch_elsewhere(
    context: &mut Context<'_>,
    command: &'static Command,
    args: Args<'_>,
    slots: Vec<Slot>,
) -> Option<Step> {
    if context.session.queue.is_some() {
        return None;
    }
    let watched = match Placement::of(context.node(), &slots) {
        Placement::Here if context.session.watch_link.is_none() => return None,
        Placement::Here | Placement::Apart => Err(WATCHED_APART),
        Placement::Nobody => Err(NOBODY),
        at @ Placement::At(..) => watch::watch(context, command, args, at, slots),
    };
    match watched {
        Ok(step) => Some(step),
        Err(error) => refuse(context, command, &error),
    }
}

/// Sends a request to the owner of its keys.
fn forward(context: &Context<'_>, command: &'static Command, args: Args<'_>, slots: Vec<Slot>) -> Step {
    let request = Forwarded::of(args, slots, command);
    Step::Wait(Box::pin(Errand::new(context, command).reply(request)))
}

/// What becomes of a request that was run here, and has its reply in the output.
pub fn done(context: &mut Context<'_>, command: &'static Command, args: Args<'_>, start: usize) -> Step {
    match again(context, command, args, start) {
        Some(step) => step,
        None => settle::withheld(context, command, args, start).unwrap_or(Step::Done),
    }
}

/// A request that was to be run here, and whose slot was lost meanwhile; nothing was done.
fn again(context: &mut Context<'_>, command: &'static Command, args: Args<'_>, start: usize) -> Option<Step> {
    let lost = context.out.get(start..).is_some_and(|reply| reply.starts_with(b"-TRYAGAIN "));
    if !lost || context.session.routing != Routing::Forward {
        return None;
    }
    let slots = slots_of(context, command, args);
    context.out.truncate(start);
    Some(match Scattered::of(command.id) {
        Some(parts) => {
            let errand = Errand::new(context, command);
            Step::Wait(Box::pin(scatter::scatter(errand, parts, args.to_owned())))
        }
        None => forward(context, command, args, slots),
    })
}

/// EXEC of a transaction whose keys are elsewhere.
fn exec_elsewhere(context: &mut Context<'_>, command: &'static Command) -> Option<Step> {
    let queue = context.session.queue.as_ref().filter(|queue| !queue.broken)?;
    let requests = queue.requests.iter();
    let mut slots: Vec<Slot> =
        requests.flat_map(|(queued, args)| slots_of(context, queued, args.as_args())).collect();
    slots.sort_unstable();
    slots.dedup();
    if let Some(link) = context.session.watch_link.take() {
        return exec_watched(context, link, slots);
    }
    let &first = slots.first()?;
    let (routing, several) = (context.session.routing, slots.len() > 1);
    let error = match (Placement::of(context.node(), &slots), routing) {
        (_, Routing::Redirect) if several => CROSSSLOT,
        (Placement::Here, _) => return None,
        (placement, Routing::Redirect | Routing::Node) => redirection(&placement, first),
        (Placement::Apart, Routing::Forward) => OWNERS_APART,
        (_, Routing::Forward) if !context.session.watched.is_empty() => WATCHED_APART,
        (_, Routing::Forward) => {
            let queue = context.session.queue.take()?;
            let errand = Errand::new(context, command);
            return Some(Step::Wait(Box::pin(block::exec(errand, queue, slots))));
        }
    };
    Some(discarded(context, &error))
}

/// EXEC of a transaction whose keys are watched at another node.
fn exec_watched(context: &mut Context<'_>, link: WatchLink, slots: Vec<Slot>) -> Option<Step> {
    let queue = context.session.queue.take()?;
    Some(match link.exec(context.node(), &queue, slots, context.session.resp) {
        Watched::Sent(step) => step,
        Watched::Void => {
            context.reply().null_array();
            Step::Done
        }
        Watched::Apart => discarded(context, &WATCHED_APART),
    })
}

/// A transaction that cannot be carried out is over.
fn discarded(context: &mut Context<'_>, error: &CommandError) -> Step {
    context.session.queue = None;
    context.session.unwatch();
    context.server.note_error(error.as_bytes());
    context.reply().error(error);
    Step::Done
}

/// Commands that may name keys of several slots: they change nothing in one step that several keys have part in.
fn may_be_apart(id: CommandId) -> bool {
    Scattered::of(id).is_some() || id == CommandId::Watch
}

/// The slots of a request's keys, each once. Invalidations and warming go to all owners by themselves.
fn slots_of(context: &Context<'_>, command: &Command, args: Args<'_>) -> Vec<Slot> {
    let mut slots: Vec<Slot> = each_slot(context, command, args).collect();
    if slots.len() > 1 {
        slots.sort_unstable();
        slots.dedup();
    }
    slots
}

/// The slot of each key that says where a command runs.
fn each_slot<'a>(
    context: &Context<'a>,
    command: &Command,
    args: Args<'a>,
) -> impl Iterator<Item = Slot> + use<'a> {
    use CommandId as Id;
    // What they name is asked of all owners.
    let is_routed =
        !matches!(command.id, Id::CwInvalidate | Id::CwWarmKeys | Id::CwWarmPattern | Id::CwWarmTags);
    let node = context.node();
    let keys = keys(command, args).take_while(move |_| is_routed);
    keys.filter_map(move |place| args.get(place)).map(|key| node.slot_of(key))
}

/// The usual case: the command's keys are in one slot, which this node serves, or it has none. Nothing is allocated for it.
#[inline]
fn is_here(context: &Context<'_>, command: &Command, args: Args<'_>) -> bool {
    let mut slots = each_slot(context, command, args);
    let Some(first) = slots.next() else { return true };
    // What is watched already may be elsewhere.
    if command.id == CommandId::Watch {
        return false;
    }
    context.node().serves_slot(first) && slots.all(|slot| slot == first)
}

fn redirection(placement: &Placement, slot: Slot) -> CommandError {
    match placement {
        Placement::At(_, address) => CommandError::new(format!("MOVED {} {address}", slot.0)),
        Placement::Apart => MOVING,
        Placement::Nobody | Placement::Here => NOBODY,
    }
}

fn refuse(context: &mut Context<'_>, command: &'static Command, error: &CommandError) -> Option<Step> {
    dispatch::refuse(context, Some(command), error);
    Some(Step::Done)
}
