//! Commands about keys whatever they hold. Those that only look, look at memory: they load nothing.

use std::collections::HashSet;

use clearwell_engine::{Cause, Scope, View};
use clearwell_protocol::options::check_flush;
use clearwell_protocol::{Args, CommandError, parse_i64};
use clearwell_words::Bytes;

use super::invalidation::aside_acknowledged;
use super::read::encoded;
use crate::node::{Removal, Turn};
use crate::resp::dispatch::Context;
use crate::resp::misses::ConnectionMisses;
use crate::resp::step::{self, Outcome, Step};
use crate::road::InvalidationRequest;

/// DEL, UNLINK and CW.DEL. The reply counts keys, not what depends on them and goes with them.
pub fn remove(context: &mut Context<'_>, args: Args<'_>, removal: Removal) -> Outcome {
    let resp = context.session.resp;
    let mut seen = HashSet::new();
    let keys = args.from(1).iter().filter(|key| args.len() == 2 || seen.insert(*key));
    match context.node().remove(keys.map(Bytes::from), removal) {
        Turn::Now(Ok(count)) => {
            context.reply().integer(i64::try_from(count).unwrap_or(i64::MAX));
            Ok(Step::Done)
        }
        Turn::Now(Err(error)) => Err(step::write_error(&error)),
        Turn::Later(later) => Ok(Step::Wait(Box::pin(async move {
            let removed = later.await;
            encoded(resp, |reply| match removed {
                Ok(count) => reply.integer(i64::try_from(count).unwrap_or(i64::MAX)),
                Err(error) => reply.error(step::write_error(&error)),
            })
        }))),
    }
}

/// Whether a key has a value in memory. A row that is known to be absent has none.
pub fn is_there(context: &Context<'_>, key: &[u8]) -> bool {
    look(context, key, |_| ()).is_some()
}

/// Looks at a value in memory without counting as a use.
pub fn look<R>(context: &Context<'_>, key: &[u8], read: impl FnOnce(&View<'_>) -> R) -> Option<R> {
    let seen = |view: &View<'_>| view.value().is_some().then(|| read(view));
    context.node().peek(key, seen).flatten()
}

/// TYPE.
pub fn kind(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let kind = if is_there(context, &args[1]) { "string" } else { "none" };
    context.reply().simple(kind);
    Ok(Step::Done)
}

/// RANDOMKEY.
pub fn randomkey(context: &mut Context<'_>) -> Outcome {
    /// Picks before giving up: the engine may answer keys that are known to be absent, or lie here for another owner.
    const PICKS: usize = 100;
    let (node, own) = (context.node(), context.node().own_slots());
    let picks = std::iter::repeat_with(|| node.random_key()).take(PICKS);
    let key = picks.map_while(|key| key).find(|key| own.has(key) && is_there(context, key));
    context.reply().bulk_or_null(key);
    Ok(Step::Done)
}

/// FLUSHDB and FLUSHALL: one invalidation; the memory comes back as the keeper sweeps, whatever mode is asked. What this
/// connection missed before is forgotten: it orders its own commands, and a SET that it sends now is meant.
pub fn flush(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    check_flush(args)?;
    context.session.misses = ConnectionMisses::default();
    let everything = InvalidationRequest::now(vec![Scope::Everything], Cause::Removal);
    Ok(aside_acknowledged(context, move |node| node.invalidate(everything), |reply, _| reply.ok()))
}

/// The longest value that Redis keeps beside its header.
const EMBEDDED: usize = 44;

/// OBJECT ENCODING: what Redis would say of such a value.
pub fn encoding(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let encoding = look(context, &args[2], |view| match view.value() {
        Some(value) if value.len() <= 20 && parse_i64(value).is_some() => "int",
        Some(value) if value.len() <= EMBEDDED => "embstr",
        _ => "raw",
    });
    context.reply().bulk_or_null(encoding);
    Ok(Step::Done)
}

/// OBJECT FREQ: eight for each doubling of the number of reads, at most 255.
pub fn freq(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let freq = look(context, &args[2], |view| {
        let reads = view.access_count();
        (f64::from(reads.saturating_add(1)).log2() * 8.0).min(255.0) as i64
    });
    integer_or_null(context, freq)
}

/// OBJECT IDLETIME, in seconds.
pub fn idletime(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let now = context.now;
    let idle_ms = look(context, &args[2], |view| now.since(view.last_accessed()));
    integer_or_null(context, idle_ms.map(|ms| i64::try_from(ms / 1000).unwrap_or(i64::MAX)))
}

/// OBJECT REFCOUNT.
pub fn refcount(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let count = look(context, &args[2], |_| 1);
    integer_or_null(context, count)
}

/// MEMORY USAGE; SAMPLES is checked and changes nothing, since a value has no elements.
pub fn memory_usage(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    match (args.len(), args.get(3), args.get(4).and_then(parse_i64)) {
        (3, ..) => {}
        (5, Some(word), Some(0..)) if word.eq_ignore_ascii_case(b"samples") => {}
        (5, Some(word), None) if word.eq_ignore_ascii_case(b"samples") => {
            return Err(CommandError::NOT_AN_INTEGER);
        }
        _ => return Err(CommandError::SYNTAX),
    }
    let key = &args[2];
    // Key and value are in it, as they are kept.
    let bytes = look(context, key, |_| ()).and_then(|()| context.node().memory_of(key));
    let bytes = bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    integer_or_null(context, bytes)
}

fn integer_or_null(context: &mut Context<'_>, value: Option<i64>) -> Outcome {
    match value {
        Some(value) => context.reply().integer(value),
        None => context.reply().null(),
    }
    Ok(Step::Done)
}
