//! Replies to changes that are withheld until what was changed survives as it has to.

use clearwell_protocol::{Args, Command, Flags, keys};
use clearwell_source::Later;

use super::forward::error;
use crate::node::Unordered;
use crate::resp::dispatch::Context;
use crate::resp::step::{Step, unordered};

/// The keys of a request whose change is not acknowledged before it is settled: each of them where replicas are waited for, and otherwise
/// what the command took away, since nobody may be served that any more.
pub fn keys_to_settle<'a>(context: &Context<'_>, command: &'static Command, args: Args<'a>) -> Vec<&'a [u8]> {
    if !command.flags.has(Flags::WRITE) {
        return Vec::new();
    }
    let node = context.node();
    let all = keys(command, args).filter_map(|place| args.get(place));
    match node.waits_for_replicas() {
        true => all.collect(),
        false => all.filter(|key| node.peek(key, |_| ()).is_none()).collect(),
    }
}

/// Waits until all of that is settled; otherwise the error that is the reply.
pub async fn settled(settling: Vec<Later<Result<(), Unordered>>>) -> Result<(), Vec<u8>> {
    for settled in settling {
        settled.await.map_err(|why| error(&unordered(why)))?;
    }
    Ok(())
}

/// Takes the reply of a request that was run here out of the output, if it has to wait.
pub fn withheld(
    context: &mut Context<'_>,
    command: &'static Command,
    args: Args<'_>,
    start: usize,
) -> Option<Step> {
    if context.out.get(start).is_none_or(|first| *first == b'-') {
        return None;
    }
    let settling = context.node().settle_keys(&keys_to_settle(context, command, args));
    if settling.is_empty() {
        return None;
    }
    let reply = context.out.split_off(start);
    Some(Step::Wait(Box::pin(async move { settled(settling).await.err().unwrap_or(reply) })))
}
