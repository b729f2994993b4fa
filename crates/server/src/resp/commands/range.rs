//! APPEND and SETRANGE.

use std::sync::atomic::Ordering::Relaxed;

use clearwell_protocol::{Args, CommandError};

use super::number::replace;
use super::read::{self, integer};
use super::write::may_write;
use crate::resp::dispatch::Context;
use crate::resp::step::{Outcome, Step};

const TOO_LONG: CommandError =
    CommandError::literal("ERR string exceeds maximum allowed size (proto-max-bulk-len)");

/// APPEND.
pub fn append(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let most = context.server.settings.max_bulk.load(Relaxed);
    let (key, more) = (&args[1], &args[2]);
    let mut len = 0;
    replace(context, key, "APPEND", |old| {
        let old = old.unwrap_or(&[]);
        len = old.len().saturating_add(more.len());
        if len > most { Err(TOO_LONG) } else { Ok([old, more].concat()) }
    })?;
    context.reply().integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(Step::Done)
}

/// SETRANGE.
pub fn setrange(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let most = context.server.settings.max_bulk.load(Relaxed);
    let (key, part) = (&args[1], &args[3]);
    let offset = usize::try_from(integer(&args[2])?);
    let offset = offset.map_err(|_| CommandError::literal("ERR offset is out of range"))?;
    may_write(context.node(), key, "SETRANGE")?;
    if part.is_empty() {
        // Nothing is written, so no key comes into being either.
        return read::strlen(context, args.take(2));
    }
    let end = offset.saturating_add(part.len());
    if end > most {
        return Err(TOO_LONG);
    }
    let mut len = 0;
    replace(context, key, "SETRANGE", |old| {
        let mut value = old.unwrap_or(&[]).to_vec();
        value.resize(value.len().max(end), 0);
        value[offset..end].copy_from_slice(part);
        len = value.len();
        Ok(value)
    })?;
    context.reply().integer(i64::try_from(len).unwrap_or(i64::MAX));
    Ok(Step::Done)
}
