//! Times to live. They belong to the entry in memory, also where a source is the truth.

use clearwell_engine::{Change, Millis};
use clearwell_protocol::options::{ExpireOptions, GetExChange, GetExOptions, TimeUnit};
use clearwell_protocol::{Args, Command, CommandId, Encoder};

use super::keys::{is_there, look};
use super::read;
use super::write::{deadline, value_of};
use crate::node::{Node, WriteError};
use crate::resp::dispatch::Context;
use crate::resp::step::{self, Outcome, Step};

/// EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT. A time in the past removes the key.
pub fn expire(context: &mut Context<'_>, command: &Command, args: Args<'_>) -> Outcome {
    let (unit, absolute) = match command.id {
        CommandId::Expire => (TimeUnit::Seconds, false),
        CommandId::Pexpire => (TimeUnit::Milliseconds, false),
        CommandId::Expireat => (TimeUnit::Seconds, true),
        _ => (TimeUnit::Milliseconds, true),
    };
    let options = ExpireOptions::parse(args, unit, absolute)?;
    let unix_ms = context.unix_ms();
    let wanted = options.expiry.resolve(unix_ms, command.name)?;
    let (node, now) = (context.node(), context.now);
    let changed = node.update(options.key, now, |view| {
        let Some(view) = view.filter(|view| view.value().is_some()) else { return (Change::Keep, 0) };
        let current = view.expires().map(|at| node.clock().unix_ms_of(at));
        match options.condition.allows(current, wanted) {
            false => (Change::Keep, 0),
            true if wanted <= unix_ms => (Change::Remove, 1),
            true => (Change::Expires(Some(node.clock().at_unix_ms(wanted))), 1),
        }
    });
    context.reply().integer(changed.map_err(|error| step::write_error(&error))?);
    Ok(Step::Done)
}

/// PERSIST.
pub fn persist(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let changed = context.node().update(&args[1], context.now, |view| {
        match view.filter(|view| view.value().is_some()).and_then(|view| view.expires()) {
            Some(_) => (Change::Expires(None), 1),
            None => (Change::Keep, 0),
        }
    });
    context.reply().integer(changed.map_err(|error| step::write_error(&error))?);
    Ok(Step::Done)
}

/// TTL, PTTL, EXPIRETIME and PEXPIRETIME: -2 without a key, -1 without an end.
pub fn ttl(context: &mut Context<'_>, command: &Command, args: Args<'_>) -> Outcome {
    let expires = look(context, &args[1], |view| view.expires());
    let answer = match expires {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => {
            let left_ms = i64::try_from(at.since(context.now)).unwrap_or(i64::MAX);
            match command.id {
                CommandId::Ttl => seconds(left_ms),
                CommandId::Pttl => left_ms,
                CommandId::Expiretime => seconds(context.node().clock().unix_ms_of(at)),
                _ => context.node().clock().unix_ms_of(at),
            }
        }
    };
    context.reply().integer(answer);
    Ok(Step::Done)
}

/// To the nearest second, as Redis answers.
fn seconds(ms: i64) -> i64 {
    ms.saturating_add(500) / 1000
}

/// What GETEX makes of the deadline.
#[derive(Clone, Copy)]
enum DeadlineChange {
    Never,
    At(Millis),
    Past,
}

/// GETEX: reads like GET; then the entry in memory gets another time to live.
pub fn getex(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = GetExOptions::parse(args)?;
    let change = match options.change {
        GetExChange::Keep => return read::get(context, args),
        GetExChange::Persist => DeadlineChange::Never,
        GetExChange::Set(time) => {
            match time.expiry("getex").and_then(|expiry| deadline(context, expiry, "getex")) {
                Ok(at) if at <= context.now => DeadlineChange::Past,
                Ok(at) => DeadlineChange::At(at),
                // As in Redis, what is not there has no time that could be wrong.
                Err(_) if !context.node().has_source(options.key) && !is_there(context, options.key) => {
                    return read::get(context, args);
                }
                Err(error) => return Err(error),
            }
        }
    };
    let (node, resp) = (context.node(), context.session.resp);
    let out = &mut *context.out;
    let found = extend(node, options.key, context.now, change, |value| Encoder::new(out, resp).bulk(value));
    if found.map_err(|error| step::write_error(&error))? {
        return Ok(Step::Done);
    }
    // Not in memory: it is read as GET reads it, and is remembered as missed.
    match read::get(context, args)? {
        Step::Wait(reply) => Ok(Step::Wait(extended(node.clone(), options.key.into(), change, reply))),
        step => Ok(step),
    }
}

/// Shows a value in memory and changes when it ends, in one step; whether there was one.
fn extend(
    node: &Node,
    key: &[u8],
    now: Millis,
    change: DeadlineChange,
    show: impl FnOnce(&[u8]),
) -> Result<bool, WriteError> {
    node.update(key, now, |view| {
        let Some(value) = value_of(view) else { return (Change::Keep, false) };
        show(value);
        let change = match change {
            // Nothing is changed by taking away what is not there: who watches the key is not to be told of a change.
            DeadlineChange::Never if view.is_some_and(|view| view.expires().is_none()) => Change::Keep,
            DeadlineChange::Never => Change::Expires(None),
            DeadlineChange::At(at) => Change::Expires(Some(at)),
            DeadlineChange::Past => Change::Remove,
        };
        (change, true)
    })
}

/// What was loaded is in memory when the reply is there, if it is anywhere.
fn extended(
    node: std::sync::Arc<Node>,
    key: Box<[u8]>,
    change: DeadlineChange,
    reply: clearwell_source::Later<Vec<u8>>,
) -> clearwell_source::Later<Vec<u8>> {
    Box::pin(async move {
        let reply = reply.await;
        let now = node.clock().tick();
        let _not_in_memory = extend(&node, &key, now, change, |_| ());
        reply
    })
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn seconds_are_rounded_as_redis_rounds_them() {
        assert_eq!([1, 499, 500, 1_499, 1_500, 10_000].map(seconds), [0, 0, 1, 1, 2, 10]);
        assert_eq!(seconds(i64::MAX), i64::MAX / 1000);
    }
}
